using System.Runtime.InteropServices;

namespace Vireo.Vhost.Queues;

/// <summary>
/// One queue's part of the memory that tells, after a back end died, which requests it had begun (vhost-user "Inflight I/O
/// tracking", split virtqueues). The front end keeps the memory; every store here is one that a new process will read, so their order
/// is the specification's order.
/// </summary>
/// <remarks>
/// Layout: features (8 bytes), version (2), number of descriptors (2), head of the last batch (2), used index (2), then 16 bytes per
/// descriptor: in flight (1), padding (5), next of the batch (2), counter (8). The memory comes from a peer: indexes read from it
/// are checked.
/// </remarks>
internal sealed unsafe class InflightQueue
{
    private const int HeaderBytes = 16;
    private const int EntryBytes = 16;
    private const int Alignment = 64;
    private const ushort Version = 1;

    private readonly Header* _header;
    private readonly Entry* _entries;
    private readonly int _size;
    private ulong _counter;

    /// <summary>Views the part of a queue of <paramref name="size"/> descriptors at <paramref name="start"/>, which the session keeps mapped.</summary>
    public InflightQueue(nint start, int size)
    {
        _header = (Header*)start;
        _entries = (Entry*)(start + HeaderBytes);
        _size = size;
    }

    /// <summary>Whether this version wrote the region, for a queue of at most this size. A region full of zeros is a new one.</summary>
    public bool IsUsable => _header->Version == 0 || (_header->Version == Version && _header->DescriptorCount <= _size);

    /// <summary>Bytes that one queue of <paramref name="size"/> descriptors takes.</summary>
    public static int StrideBytes(int size) => (HeaderBytes + (size * EntryBytes) + Alignment - 1) & ~(Alignment - 1);

    /// <summary>
    /// Finishes the batch that the last process may have been publishing, and finds the requests that it had begun.
    /// </summary>
    /// <param name="usedIndex">The index in the used ring.</param>
    /// <returns>Heads to be redone, in the order in which they were begun.</returns>
    public ushort[] Recover(ushort usedIndex)
    {
        // A driver that starts anew may choose another size; it has left nothing in flight then.
        _header->DescriptorCount = (ushort)_size;
        if (_header->Version == 0)
        {
            _header->UsedIndex = usedIndex;
            Volatile.Write(ref _header->Version, Version);
        }

        // "If the value of used_idx does not match the idx value of used ring": the driver has seen the batch, the flags are older.
        var finished = (ushort)(usedIndex - _header->UsedIndex);
        var head = _header->LastBatchHead;
        for (var i = 0; i < Math.Min((int)finished, _size) && head < _size; i++)
        {
            Volatile.Write(ref _entries[head].InFlight, 0);
            head = _entries[head].Next;
        }

        Volatile.Write(ref _header->UsedIndex, usedIndex);

        var heads = new List<ushort>();
        for (var i = 0; i < _size; i++)
        {
            if (_entries[i].InFlight != 0)
            {
                heads.Add((ushort)i);
                _counter = Math.Max(_counter, _entries[i].Counter + 1);
            }
        }

        return [.. heads.OrderBy(index => _entries[index].Counter)];
    }

    /// <summary>The device begins <paramref name="head"/>.</summary>
    public void Begin(ushort head)
    {
        _entries[head].Counter = _counter++;
        Volatile.Write(ref _entries[head].InFlight, 1);
    }

    /// <summary>The device gives <paramref name="head"/> back as if it had never begun.</summary>
    public void Undo(ushort head) => Volatile.Write(ref _entries[head].InFlight, 0);

    /// <summary>The device has put <paramref name="head"/> into the used ring, and not yet told the driver.</summary>
    public void AddToBatch(ushort head)
    {
        _entries[head].Next = _header->LastBatchHead;
        Volatile.Write(ref _header->LastBatchHead, head);
    }

    /// <summary>The driver can see the last <paramref name="count"/> buffers: they are no longer in flight.</summary>
    public void EndBatch(int count, ushort usedIndex)
    {
        var head = _header->LastBatchHead;
        for (var i = 0; i < count && head < _size; i++)
        {
            Volatile.Write(ref _entries[head].InFlight, 0);
            head = _entries[head].Next;
        }

        Volatile.Write(ref _header->UsedIndex, usedIndex);
    }

    [StructLayout(LayoutKind.Explicit, Size = HeaderBytes)]
    private struct Header
    {
        [FieldOffset(8)]
        public ushort Version;

        [FieldOffset(10)]
        public ushort DescriptorCount;

        [FieldOffset(12)]
        public ushort LastBatchHead;

        [FieldOffset(14)]
        public ushort UsedIndex;
    }

    [StructLayout(LayoutKind.Explicit, Size = EntryBytes)]
    private struct Entry
    {
        [FieldOffset(0)]
        public byte InFlight;

        [FieldOffset(6)]
        public ushort Next;

        [FieldOffset(8)]
        public ulong Counter;
    }
}
