using System.Buffers.Binary;

namespace Vireo.Switch.Sdk;

/// <summary>
/// Frames on their way together, at most <see cref="FramesMax"/>. The bytes of arriving frames lie one behind the other in memory of
/// the batch; a batch on its way out refers to the bytes of the batch that came in, because a flooded frame has many receivers.
/// A batch belongs to one thread and is used again and again: nothing is allocated while frames pass.
/// </summary>
public sealed class FrameBatch
{
    /// <summary>Frames in a full batch.</summary>
    public const int FramesMax = 64;

    /// <summary>The longest frame: 64 KiB of IP packet handed over uncut, and its Ethernet header with two tags.</summary>
    public const int FrameBytesMax = 65_535 + 22;

    // Room for a full batch of standard frames plus one of the longest; long frames just make shorter batches.
    private const int MemoryBytes = (FramesMax * 2048) + FrameBytesMax;

    /// <summary>A frame begins on a cache line, behind room for a tag.</summary>
    private const int Alignment = 64;
    private const int Headroom = 16;

    /// <summary>
    /// How much of a frame is copied when it enters: Ethernet, two tags and the headers that stages look at. What is behind is copied from
    /// sender to receiver, or here when somebody wants to see it.
    /// </summary>
    internal const int HeadBytesMax = 256;

    private readonly Frame[] _frames = new Frame[FramesMax];
    private readonly ushort[] _live = new ushort[FramesMax];
    private readonly byte[] _memory = GC.AllocateUninitializedArray<byte>(MemoryBytes, pinned: true);
    private byte[]? _sharedMemory;
    private int _liveCount;
    private int _count;
    private int _used;
    private bool _hasVerdicts;

    /// <summary>The frames that have not been dropped; each number is an index for <see cref="this"/> and <see cref="Bytes"/>.</summary>
    public ReadOnlySpan<ushort> Live => _live.AsSpan(0, _liveCount);

    /// <summary>Whether no further frame of the greatest length is sure to fit.</summary>
    internal bool IsFull => _count == FramesMax || MemoryBytes - _used < FrameBytesMax + Headroom + Alignment;

    /// <summary>Whether a frame was dropped or held since the last <see cref="Compact"/>.</summary>
    internal bool HasVerdicts => _hasVerdicts;

    /// <summary>A frame's description.</summary>
    public ref Frame this[int index] => ref _frames[index];

    /// <summary>
    /// The first bytes of a frame, for reading: all of a short one, at least 248 of a long one, which is enough for the headers of nearly every
    /// frame. They are private to the switch. Stages look here first; <see cref="Bytes"/> may cost a copy.
    /// </summary>
    public ReadOnlySpan<byte> Head(int index)
    {
        ref var frame = ref _frames[index];
        return (frame.Shared ? _sharedMemory : _memory).AsSpan(frame.Offset, frame.Rest == 0 ? frame.Length : frame.HeadBytes);
    }

    /// <summary>A frame's bytes, for reading. They are private to the switch: the sender cannot change them any more.</summary>
    public ReadOnlySpan<byte> Bytes(int index)
    {
        ref var frame = ref _frames[index];
        if (frame.Rest != 0)
        {
            CopyRest(ref frame);
        }

        return (frame.Shared ? _sharedMemory : _memory).AsSpan(frame.Offset, frame.Length);
    }

    /// <summary>
    /// A frame's bytes, for changing. On the way out the bytes are copied first when other receivers see them too; empty when there is no
    /// room for the copy, and the frame should then be dropped for want of room.
    /// </summary>
    public Span<byte> WritableBytes(int index)
    {
        ref var frame = ref _frames[index];
        if (frame.Rest != 0)
        {
            CopyRest(ref frame);
        }

        if (frame.Shared && frame.SoleReceiver)
        {
            return _sharedMemory.AsSpan(frame.Offset, frame.Length);
        }

        if (frame.Shared)
        {
            if (!TryPlace(frame.Length, out var offset))
            {
                return [];
            }

            _sharedMemory.AsSpan(frame.Offset, frame.Length).CopyTo(_memory.AsSpan(offset));
            frame.Offset = offset;
            frame.Shared = false;
        }

        return _memory.AsSpan(frame.Offset, frame.Length);
    }

    /// <summary>The frame goes no further than this stage.</summary>
    public void Drop(int index, DropReason reason)
    {
        _frames[index].Verdict = reason;
        _hasVerdicts = true;
    }

    /// <summary>The stage has copied the frame and will give it back; the frame is neither dropped nor counted.</summary>
    public void Hold(int index) => Drop(index, DropReason.Held);

    /// <summary>Adds a copy of <paramref name="bytes"/>; used by stages that release or inject frames.</summary>
    /// <returns>The index, or -1 when the batch is full or the frame too long.</returns>
    public int Add(ReadOnlySpan<byte> bytes)
    {
        var room = Reserve(bytes.Length);
        if (room.Length < bytes.Length || _count == FramesMax)
        {
            return -1;
        }

        bytes.CopyTo(room);
        return Commit(bytes.Length);
    }

    /// <summary>Room for one more frame of up to <paramref name="length"/> bytes; empty when there is none.</summary>
    internal Span<byte> Reserve(int length = FrameBytesMax)
    {
        if (_count == FramesMax || (uint)length > FrameBytesMax || !TryAlign(length, out var offset))
        {
            return [];
        }

        return _memory.AsSpan(offset, length);
    }

    /// <summary>Makes <paramref name="length"/> bytes of the room reserved last, from <paramref name="skip"/> on, a frame.</summary>
    internal int Commit(int length, FrameOffload offload = default, int skip = 0)
    {
        TryAlign(length, out var offset);
        offset += skip;
        _used = offset + length;
        _frames[_count] = new Frame { Offset = offset, Length = length, Offload = offload };
        _live[_liveCount++] = (ushort)_count;
        return _count++;
    }

    /// <summary>
    /// Adds a frame to a batch that is not full, in one step: the caller fills the answer, the frame's first bytes, before anybody looks.
    /// </summary>
    /// <param name="length">Of the whole frame, at most <see cref="FrameBytesMax"/>.</param>
    /// <param name="head">How many bytes the caller copies: all, or <see cref="HeadBytesMax"/>.</param>
    /// <param name="rest">The byte behind them, which stays with the sender, mapped and unmoved until the batch is cleared; zero when the head is all.</param>
    /// <param name="offload">What the sender left to us.</param>
    internal Span<byte> Append(int length, int head, nint rest, in FrameOffload offload)
    {
        TryAlign(length, out var offset);
        var room = _memory.AsSpan(offset, length);
        _used = offset + length;
        ref var frame = ref _frames[_count];
        frame = default;
        frame.Offset = offset;
        frame.Length = length;
        frame.HeadBytes = rest == 0 ? 0 : head;
        frame.Rest = rest;
        frame.Offload = offload;
        _live[_liveCount++] = (ushort)_count++;
        return room[..head];
    }

    /// <summary>What is behind the head of a frame that was appended with room for all of it stays with the sender after all.</summary>
    /// <param name="index">The frame.</param>
    /// <param name="head">How many bytes of it are here.</param>
    /// <param name="rest">See <see cref="Append"/>.</param>
    internal void LeaveRest(int index, int head, nint rest)
    {
        _frames[index].HeadBytes = head;
        _frames[index].Rest = rest;
    }

    /// <summary>Has <see cref="Live"/> be just <paramref name="indices"/>; one that has a verdict is not among them.</summary>
    internal void Select(ReadOnlySpan<ushort> indices)
    {
        indices.CopyTo(_live);
        _liveCount = indices.Length;
    }

    /// <summary>Empties the batch.</summary>
    internal void Clear()
    {
        _hasVerdicts = false;
        _count = 0;
        _liveCount = 0;
        _used = 0;
        _sharedMemory = null;
    }

    /// <summary>Refers to a frame of <paramref name="source"/>, whose bytes must stay until this batch is cleared.</summary>
    /// <param name="source">The batch that the frame came in with.</param>
    /// <param name="index">The frame.</param>
    internal void AddShared(FrameBatch source, int index)
    {
        ref var frame = ref _frames[_count];
        frame = source._frames[index];
        frame.Shared = true;
        frame.Verdict = DropReason.None;
        _sharedMemory = source._memory;
        _live[_liveCount++] = (ushort)_count++;
    }

    /// <summary>Takes the frames with a verdict out of <see cref="Live"/> and counts them by reason.</summary>
    internal void Compact(long[] dropped)
    {
        if (!_hasVerdicts)
        {
            return;
        }

        _hasVerdicts = false;
        var kept = 0;
        for (var i = 0; i < _liveCount; i++)
        {
            var index = _live[i];
            var verdict = _frames[index].Verdict.Id;
            if (verdict == 0)
            {
                _live[kept++] = index;
            }
            else if (verdict != DropReason.Held.Id)
            {
                dropped[verdict]++;
            }
        }

        _liveCount = kept;
    }

    /// <summary>Moves the outer customer tag from the bytes into <see cref="Frame.VlanId"/> and <see cref="Frame.Priority"/>.</summary>
    internal void PopTag(int index)
    {
        ref var frame = ref _frames[index];
        var bytes = _memory.AsSpan(frame.Offset, frame.Rest == 0 ? frame.Length : frame.HeadBytes);
        bytes[..12].CopyTo(bytes[FrameParser.TagBytes..]);
        frame.Offset += FrameParser.TagBytes;
        frame.Length -= FrameParser.TagBytes;
        frame.HeadBytes -= FrameParser.TagBytes;
        var headers = frame.Headers;
        frame.WasTagged = true;
        frame.VlanId = (ushort)(headers.OuterTag & 0xFFF);
        frame.Priority = (byte)(headers.OuterTag >> 13);
        headers.TagCount--;
        headers.OuterTag = headers.InnerTag;
        headers.OuterTagProtocol = headers.TagCount == 0 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(bytes[16..]);
        headers.InnerTag = 0;
        frame.Headers = Shift(headers, -FrameParser.TagBytes);
        frame.Offload = Shift(frame.Offload, -FrameParser.TagBytes);
    }

    /// <summary>Puts the tag of <see cref="Frame.VlanId"/> back into the bytes, which are copied if others see them.</summary>
    /// <returns>False when there is no room.</returns>
    internal bool PushTag(int index)
    {
        ref var frame = ref _frames[index];
        var tag = (ushort)((frame.Priority << 13) | frame.VlanId);
        var length = frame.Length + FrameParser.TagBytes;
        Span<byte> to;
        if (length > FrameBytesMax)
        {
            return false;
        }

        if (!frame.Shared || frame.SoleReceiver)
        {
            // Every frame has room in front of it for a tag, and only the two addresses have to move.
            frame.Offset -= FrameParser.TagBytes;
            frame.HeadBytes += FrameParser.TagBytes;
            to = (frame.Shared ? _sharedMemory : _memory).AsSpan(frame.Offset, length);
            to.Slice(FrameParser.TagBytes, 12).CopyTo(to);
        }
        else
        {
            if (!TryPlace(length, out var offset))
            {
                return false;
            }

            var from = Bytes(index);
            to = _memory.AsSpan(offset, length);
            from[..12].CopyTo(to);
            from[12..].CopyTo(to[16..]);
            frame.Offset = offset;
            frame.Shared = false;
        }

        BinaryPrimitives.WriteUInt16BigEndian(to[12..], FrameParser.CustomerTagProtocol);
        BinaryPrimitives.WriteUInt16BigEndian(to[14..], tag);
        frame.Length = length;
        var headers = frame.Headers;
        headers.InnerTag = headers.OuterTag;
        headers.OuterTag = tag;
        headers.OuterTagProtocol = FrameParser.CustomerTagProtocol;
        headers.TagCount++;
        frame.Headers = Shift(headers, FrameParser.TagBytes);
        frame.Offload = Shift(frame.Offload, FrameParser.TagBytes);
        return true;
    }

    /// <summary>Address of the first byte of a frame, for system calls; valid until the batch is cleared.</summary>
    internal nint Address(int index)
    {
        ref var frame = ref _frames[index];
        if (frame.Rest != 0)
        {
            CopyRest(ref frame);
        }

        return System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement((frame.Shared ? _sharedMemory : _memory)!, frame.Offset);
    }

    /// <summary>Brings the rest of a frame here, behind its head, where the room for it is. From now on the sender cannot change it.</summary>
    private void CopyRest(ref Frame frame)
    {
        var memory = (frame.Shared ? _sharedMemory : _memory)!;
        System.Runtime.InteropServices.Marshal.Copy(frame.Rest, memory, frame.Offset + frame.HeadBytes, frame.Length - frame.HeadBytes);
        frame.Rest = 0;
    }

    private static FrameHeaders Shift(FrameHeaders headers, int bytes)
    {
        headers.NetworkOffset = (ushort)(headers.NetworkOffset + bytes);
        headers.TransportOffset = headers.TransportOffset == 0 ? (ushort)0 : (ushort)(headers.TransportOffset + bytes);
        headers.NetworkEnd = headers.NetworkEnd == 0 ? 0 : headers.NetworkEnd + bytes;
        return headers;
    }

    private static FrameOffload Shift(FrameOffload offload, int bytes) =>
        offload.NeedsChecksum ? offload with { ChecksumStart = (ushort)(offload.ChecksumStart + bytes) } : offload;

    private bool TryPlace(int length, out int offset)
    {
        if (!TryAlign(length, out offset))
        {
            return false;
        }

        _used = offset + length;
        return true;
    }

    private bool TryAlign(int length, out int offset)
    {
        offset = ((_used + Alignment - 1) & -Alignment) + Headroom;
        return offset + length <= MemoryBytes;
    }
}
