using System.Runtime.InteropServices;
using Vireo.Platform;

namespace Vireo.Switch.Threads;

/// <summary>
/// Frames on their way from one packet thread to another one: a fixed number of places and a fixed memory for their bytes, one writer, one reader. What finds
/// no room is the writer's to count; the ring never waits and never allocates. A frame is copied in, and stays where it is until the reader has
/// brought it to its end.
/// </summary>
/// <remarks>
/// Places before the head belong to the writer, those between head and tail to the reader. The writer knows how much memory is free by what the place before
/// the head says, which it reads before it writes to that place again.
/// </remarks>
/// <param name="reader">Whose thread reads.</param>
internal sealed class CrossingRing(PacketThread reader)
{
    /// <summary>How many frames have room.</summary>
    public const int Places = 1024;

    /// <summary>How many bytes have room: fifteen of the longest frames, or six hundred standard ones.</summary>
    public const int Bytes = 1 << 20;

    private const int Alignment = 64;
    private readonly Crossing[] _places = new Crossing[Places];
    private readonly byte[] _memory = GC.AllocateUninitializedArray<byte>(Bytes, pinned: true);
    private Position _tail;
    private Position _head;

    // The writer's.
    private uint _nextTail;
    private uint _knownHead;
    private ulong _written;
    private ulong _freed;

    /// <summary>Whose thread reads.</summary>
    public PacketThread Reader { get; } = reader;

    /// <summary>How many wait. For the reader.</summary>
    public int Count => (int)(Volatile.Read(ref _tail.Value) - _head.Value);

    /// <summary>One that waits, the oldest is the first. For the reader.</summary>
    public ref Crossing this[int position] => ref _places[(_head.Value + (uint)position) % Places];

    /// <summary>Address of the first byte of a frame that waits; stays until it is released. For the reader.</summary>
    public nint AddressOf(in Crossing crossing) => Marshal.UnsafeAddrOfPinnedArrayElement(_memory, crossing.Offset);

    /// <summary>Bytes of a frame that waits. For the reader.</summary>
    public ReadOnlySpan<byte> BytesOf(in Crossing crossing) => _memory.AsSpan(crossing.Offset, crossing.Length);

    /// <summary>Adds a frame, or something without bytes. The reader sees it after <see cref="Publish"/>. For the writer.</summary>
    /// <param name="head">First bytes of the frame.</param>
    /// <param name="rest">The bytes behind them.</param>
    /// <param name="crossing">The rest of the place; where the bytes are is filled in.</param>
    /// <returns>False, and nothing has changed, when there is no room.</returns>
    public bool TryAdd(ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest, in Crossing crossing)
    {
        var length = head.Length + rest.Length;
        var needed = (uint)((length + Alignment - 1) & -Alignment);
        var offset = (uint)(_written % Bytes);

        // A frame lies in one piece; what is too short for it at the end is left out.
        var skipped = offset + needed > Bytes ? Bytes - offset : 0;
        if (!HasRoom(skipped + needed))
        {
            LookAtHead();
            if (!HasRoom(skipped + needed))
            {
                return false;
            }
        }

        offset = skipped == 0 ? offset : 0;
        _written += skipped + needed;
        head.CopyTo(_memory.AsSpan((int)offset));
        rest.CopyTo(_memory.AsSpan((int)offset + head.Length));
        ref var place = ref _places[_nextTail++ % Places];
        place = crossing;
        place.Length = length;
        place.Offset = (int)offset;
        place.End = _written;
        return true;
    }

    /// <summary>Shows the reader what was added. For the writer.</summary>
    public void Publish() => Volatile.Write(ref _tail.Value, _nextTail);

    /// <summary>Gives the oldest places back. For the reader.</summary>
    public void Release(int count)
    {
        Invariant.Check(count <= Count);
        for (var position = 0; position < count; position++)
        {
            // Ports that are removed, and extensions at them, are not kept in memory.
            ref var place = ref this[position];
            place.Source = null;
            place.Receiver = null;
            place.Home = null;
            place.Trace = null;
        }

        Volatile.Write(ref _head.Value, _head.Value + (uint)count);
    }

    private bool HasRoom(uint bytes) => _nextTail - _knownHead < Places && _written + bytes - _freed <= Bytes;

    private void LookAtHead()
    {
        var head = Volatile.Read(ref _head.Value);
        if (head != _knownHead)
        {
            _knownHead = head;
            _freed = _places[(head - 1) % Places].End;
        }
    }

    /// <summary>A number with a cache line of its own, so that the two threads do not take one another's away.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Position
    {
        [FieldOffset(64)]
        public uint Value;
    }
}
