using System.Runtime.CompilerServices;
using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Vhost.Memory;

namespace Vireo.Vhost.Queues;

/// <summary>
/// One buffer that the driver made available, taken off the ring: the bytes that the device may read, then those it may write, as
/// segments of mapped guest memory. Reusable: make one per request that can be in flight and pass it to <see cref="VirtQueue.TryPop"/>
/// again and again. The segments are valid until <see cref="VirtQueue.Push"/> or <see cref="VirtQueue.Rewind"/>.
/// </summary>
/// <remarks>
/// Descriptors are copied out of guest memory once and then checked, so that a driver that changes them meanwhile harms only itself.
/// Drivers choose the framing freely (virtio 1.2 2.7.4): devices take headers with <see cref="TryTakeReadable"/> and
/// <see cref="TryTakeLastWritable"/>, never by counting segments.
/// </remarks>
public sealed class DescriptorChain
{
    /// <summary>virtio 1.2 2.7: a queue has at most 32768 entries; no driver builds chains longer than this, nor does QEMU accept them.</summary>
    public const int DescriptorsMax = 1024;

    private IoSegment[] _segments;
    private GuestRange[] _written;
    private int _count;
    private int _readableStart;
    private int _readableEnd;
    private int _writableStart;
    private int _writableEnd;
    private int _writtenCount;

    /// <summary>Makes an empty chain with room for <paramref name="segments"/> segments; it grows when the driver uses more.</summary>
    public DescriptorChain(int segments = 20)
    {
        _segments = new IoSegment[segments];
        _written = new GuestRange[segments];
    }

    /// <summary>Index of the first descriptor, which names the buffer to the driver.</summary>
    public ushort Head { get; private set; }

    /// <summary>Whether the chain has been taken off a ring and not been given back.</summary>
    public bool IsInUse { get; internal set; }

    /// <summary>Bytes that the device may still read.</summary>
    public int ReadableBytes { get; private set; }

    /// <summary>Bytes that the device may still write.</summary>
    public int WritableBytes { get; private set; }

    /// <summary>What the device may read, without what was taken from it.</summary>
    public ReadOnlySpan<IoSegment> Readable => _segments.AsSpan(_readableStart, _readableEnd - _readableStart);

    /// <summary>What the device may write, without what was taken from it.</summary>
    public ReadOnlySpan<IoSegment> Writable => _segments.AsSpan(_writableStart, _writableEnd - _writableStart);

    /// <summary><see cref="Readable"/> for a request that outlives the call.</summary>
    public ReadOnlyMemory<IoSegment> ReadableMemory => _segments.AsMemory(_readableStart, _readableEnd - _readableStart);

    /// <summary><see cref="Writable"/> for a request that outlives the call.</summary>
    public ReadOnlyMemory<IoSegment> WritableMemory => _segments.AsMemory(_writableStart, _writableEnd - _writableStart);

    /// <summary>Copies the next readable bytes to <paramref name="destination"/> and takes them out of <see cref="Readable"/>.</summary>
    /// <returns>False, and nothing is taken, when there are fewer.</returns>
    public bool TryTakeReadable(Span<byte> destination)
    {
        if (ReadableBytes < destination.Length)
        {
            return false;
        }

        ReadableBytes -= destination.Length;
        while (!destination.IsEmpty)
        {
            ref var segment = ref _segments[_readableStart];
            var length = Math.Min(segment.Length, destination.Length);
            segment.Span[..length].CopyTo(destination);
            destination = destination[length..];
            if (length == segment.Length)
            {
                _readableStart++;
            }
            else
            {
                segment = segment.Slice(length, segment.Length - length);
            }
        }

        return true;
    }

    /// <summary>Takes the last writable byte, where block and SCSI devices put their status.</summary>
    /// <returns>False when there is none.</returns>
    public bool TryTakeLastWritable(out IoSegment status)
    {
        if (WritableBytes == 0)
        {
            status = default;
            return false;
        }

        ref var segment = ref _segments[_writableEnd - 1];
        status = segment.Slice(segment.Length - 1, 1);
        segment = segment.Slice(0, segment.Length - 1);
        if (segment.Length == 0)
        {
            _writableEnd--;
        }

        WritableBytes--;
        return true;
    }

    /// <summary>Copies <paramref name="source"/> to the next writable bytes and takes them out of <see cref="Writable"/>.</summary>
    /// <returns>How many bytes had room.</returns>
    public int Write(ReadOnlySpan<byte> source)
    {
        var written = 0;
        while (!source.IsEmpty && _writableStart < _writableEnd)
        {
            ref var segment = ref _segments[_writableStart];
            var length = Math.Min(segment.Length, source.Length);
            source[..length].CopyTo(segment.Span);
            source = source[length..];
            written += length;
            if (length == segment.Length)
            {
                _writableStart++;
            }
            else
            {
                segment = segment.Slice(length, segment.Length - length);
            }
        }

        WritableBytes -= written;
        return written;
    }

    /// <summary>Follows the chain that begins at <paramref name="head"/> of a table of <paramref name="size"/> descriptors.</summary>
    internal unsafe VirtQueueFault Load(ushort head, RingDescriptor* table, int size, GuestMemory memory, bool allowIndirect)
    {
        Invariant.Check(!IsInUse);
        Clear(head);
        uint index = head;
        for (var seen = 1; ; seen++)
        {
            if (index >= (uint)size)
            {
                return seen == 1 ? VirtQueueFault.HeadOutOfRange : VirtQueueFault.NextOutOfRange;
            }

            // SAFETY: index < size, and the queue keeps the table mapped while it runs. One copy; checks and use see the same values.
            var descriptor = Unsafe.ReadUnaligned<RingDescriptor>(table + index);
            if (descriptor.IsIndirect)
            {
                return allowIndirect && !descriptor.HasNext
                    ? LoadIndirect(descriptor, seen, memory)
                    : VirtQueueFault.BadIndirectTable;
            }

            var fault = Add(descriptor, memory);
            if (fault != VirtQueueFault.None || !descriptor.HasNext)
            {
                return fault;
            }

            if (seen == DescriptorsMax)
            {
                return VirtQueueFault.ChainTooLong;
            }

            index = descriptor.Next;
        }
    }

    /// <summary>Marks the pages that hold the first <paramref name="writtenBytes"/> writable bytes of the chain as it was popped.</summary>
    internal void MarkWritten(DirtyLog log, uint writtenBytes)
    {
        for (var i = 0; i < _writtenCount && writtenBytes > 0; i++)
        {
            var length = Math.Min(writtenBytes, _written[i].Length);
            log.Mark(_written[i].Address, length);
            writtenBytes -= length;
        }
    }

    private void Clear(ushort head)
    {
        Head = head;
        _count = 0;
        _readableStart = 0;
        _readableEnd = 0;
        _writableStart = 0;
        _writableEnd = 0;
        _writtenCount = 0;
        ReadableBytes = 0;
        WritableBytes = 0;
    }

    /// <summary>virtio 1.2 2.7.5.3 Indirect Descriptors.</summary>
    private VirtQueueFault LoadIndirect(in RingDescriptor table, int seen, GuestMemory memory)
    {
        var count = table.Length / RingDescriptor.LengthBytes;
        if (count == 0 || table.Length % RingDescriptor.LengthBytes != 0 || table.Address > ulong.MaxValue - table.Length)
        {
            return VirtQueueFault.BadIndirectTable;
        }

        uint index = 0;
        while (true)
        {
            if (index >= count)
            {
                return VirtQueueFault.NextOutOfRange;
            }

            if (++seen > DescriptorsMax)
            {
                return VirtQueueFault.ChainTooLong;
            }

            // Looked up one by one: the table may lie across two regions.
            if (!memory.TryTranslate(table.Address + ((ulong)index * RingDescriptor.LengthBytes), RingDescriptor.LengthBytes, out var place)
                || place.Length != RingDescriptor.LengthBytes)
            {
                return VirtQueueFault.AddressOutOfRange;
            }

            var descriptor = Unsafe.ReadUnaligned<RingDescriptor>(ref place.Span[0]);
            if (descriptor.IsIndirect)
            {
                return VirtQueueFault.BadIndirectTable;
            }

            var fault = Add(descriptor, memory);
            if (fault != VirtQueueFault.None || !descriptor.HasNext)
            {
                return fault;
            }

            index = descriptor.Next;
        }
    }

    private VirtQueueFault Add(in RingDescriptor descriptor, GuestMemory memory)
    {
        var address = descriptor.Address;
        var length = descriptor.Length;
        if (address > ulong.MaxValue - length)
        {
            return VirtQueueFault.AddressOutOfRange;
        }

        if (descriptor.IsWritable)
        {
            if (WritableBytes + (long)length > int.MaxValue)
            {
                return VirtQueueFault.TooManyBytes;
            }

            if (_writtenCount == _written.Length)
            {
                Array.Resize(ref _written, _written.Length * 2);
            }

            _written[_writtenCount++] = new GuestRange(address, length);
            WritableBytes += (int)length;
        }
        else
        {
            if (_writtenCount > 0)
            {
                return VirtQueueFault.ReadableAfterWritable;
            }

            if (ReadableBytes + (long)length > int.MaxValue)
            {
                return VirtQueueFault.TooManyBytes;
            }

            ReadableBytes += (int)length;
        }

        // A buffer may lie across regions, and then takes several segments.
        while (length > 0)
        {
            if (!memory.TryTranslate(address, length, out var segment))
            {
                return VirtQueueFault.AddressOutOfRange;
            }

            if (_count == _segments.Length)
            {
                Array.Resize(ref _segments, _segments.Length * 2);
            }

            _segments[_count++] = segment;
            address += (uint)segment.Length;
            length -= (uint)segment.Length;
        }

        _writableEnd = _count;
        if (!descriptor.IsWritable)
        {
            _readableEnd = _count;
            _writableStart = _count;
        }

        return VirtQueueFault.None;
    }

    private readonly record struct GuestRange(ulong Address, uint Length);
}
