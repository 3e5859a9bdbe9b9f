using Vireo.Switch.Scheduling;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Frames that a stage holds, one behind the other in a ring of bytes, with what their bytes do not say. A frame that finds no room is the
/// caller's to drop; nothing is allocated after the ring was made.
/// </summary>
/// <param name="capacityBytes">Room for frames.</param>
/// <param name="framesMax">Most frames.</param>
internal sealed class HoldQueue(int capacityBytes, int framesMax = 4096)
{
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(capacityBytes);
    private readonly Held[] _frames = new Held[framesMax];
    private int _first;
    private int _count;
    private int _head;
    private int _used;

    /// <summary>Whether nothing is held.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>Bytes held.</summary>
    public int UsedBytes => _used;

    /// <summary>Length of the frame that comes next; zero when nothing is held.</summary>
    public int NextLength => _count == 0 ? 0 : _frames[_first].Length;

    /// <summary>Copies a frame.</summary>
    /// <param name="batch">Where it is.</param>
    /// <param name="index">Its index.</param>
    /// <param name="markAbove">
    /// A frame that finds more bytes than these waiting is told so, if its ends understand that (RFC 3168, with the one threshold of RFC 8257
    /// 3.1); zero tells nobody.
    /// </param>
    /// <returns>False when there is no room.</returns>
    public bool TryAdd(FrameBatch batch, int index, int markAbove = 0)
    {
        ref var frame = ref batch[index];
        if (_count == framesMax || frame.Length > capacityBytes - _used)
        {
            return false;
        }

        var bytes = batch.Bytes(index);
        var place = (_head + _used) % capacityBytes;
        var first = Math.Min(bytes.Length, capacityBytes - place);
        bytes[..first].CopyTo(_bytes.AsSpan(place));
        bytes[first..].CopyTo(_bytes);
        _frames[(_first + _count) % framesMax] = new Held(
            frame.Length, frame.VlanId, frame.Priority, frame.Offload, markAbove > 0 && _used > markAbove ? frame.Headers.NetworkOffset : (ushort)0, frame.Follower);
        _count++;
        _used += bytes.Length;
        return true;
    }

    /// <summary>Moves the oldest frame into <paramref name="batch"/>.</summary>
    /// <returns>False when the batch has no room for it.</returns>
    public bool TryTake(FrameBatch batch)
    {
        var held = _frames[_first];
        var room = batch.Reserve(held.Length);
        if (room.Length < held.Length)
        {
            return false;
        }

        var first = Math.Min(held.Length, capacityBytes - _head);
        _bytes.AsSpan(_head, first).CopyTo(room);
        _bytes.AsSpan(0, held.Length - first).CopyTo(room[first..]);
        ref var frame = ref batch[batch.Commit(held.Length, held.Offload)];
        frame.VlanId = held.VlanId;
        frame.Priority = held.Priority;
        frame.Follower = held.Follower;
        if (held.MarkAt != 0)
        {
            CongestionMark.Set(room[..held.Length], held.MarkAt);
        }

        _first = (_first + 1) % framesMax;
        _count--;
        _head = (_head + held.Length) % capacityBytes;
        _used -= held.Length;
        return true;
    }

    /// <summary>The frame that was taken last is the oldest again. Nothing may have been added since.</summary>
    public void TakeBack()
    {
        _first = (_first + framesMax - 1) % framesMax;
        _count++;
        var length = _frames[_first].Length;
        _head = (_head + capacityBytes - length) % capacityBytes;
        _used += length;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        _count = 0;
        _used = 0;
    }

    private readonly record struct Held(int Length, ushort VlanId, byte Priority, FrameOffload Offload, ushort MarkAt, int Follower);
}
