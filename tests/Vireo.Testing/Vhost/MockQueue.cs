using System.Buffers.Binary;
using Vireo.Platform.Events;

namespace Vireo.Testing.Vhost;

/// <summary>A buffer that a mock driver describes.</summary>
public readonly record struct MockBuffer(ulong GuestAddress, int LengthBytes, bool IsWritable);

/// <summary>A buffer that the device has used.</summary>
public readonly record struct MockUsed(ushort Head, uint WrittenBytes);

/// <summary>
/// The driver's side of a split virtqueue, in the memory of a mock guest: adds buffers, kicks, waits for used ones. The raw parts are
/// open, so that a test can play a hostile driver. Allocates nothing after it was made.
/// </summary>
public sealed unsafe class MockQueue : IDisposable
{
    private readonly MockGuestMemory _memory;
    private readonly Stack<ushort> _free;
    private readonly ushort[] _lengths;
    private readonly ulong[] _indirectTables;
    private readonly EventPoll _poll = new();
    private ushort _nextAvailable;
    private ushort _kickedAvailable;
    private ushort _nextUsed;

    /// <summary>Lays out a queue of <paramref name="size"/> descriptors.</summary>
    public MockQueue(MockGuestMemory memory, int index, int size, bool eventIndex = false)
    {
        _memory = memory;
        Index = index;
        Size = size;
        EventIndex = eventIndex;
        Descriptors = memory.Allocate(size * 16);
        Available = memory.Allocate(6 + (size * 2));
        Used = memory.Allocate(6 + (size * 8), 4096);
        _free = new Stack<ushort>(size);
        _lengths = new ushort[size];
        _indirectTables = new ulong[size];
        for (var i = size - 1; i >= 0; i--)
        {
            _free.Push((ushort)i);
        }

        _poll.Watch(Call.Descriptor, PollEvents.Readable, 0);
    }

    /// <summary>Number of the queue.</summary>
    public int Index { get; }

    /// <summary>Number of descriptors.</summary>
    public int Size { get; }

    /// <summary>Whether VIRTIO_F_RING_EVENT_IDX was negotiated.</summary>
    public bool EventIndex { get; }

    /// <summary>Guest address of the descriptor table.</summary>
    public ulong Descriptors { get; }

    /// <summary>Guest address of the available ring.</summary>
    public ulong Available { get; }

    /// <summary>Guest address of the used ring.</summary>
    public ulong Used { get; }

    /// <summary>By which the driver wakes the device.</summary>
    public EventDescriptor KickEvent { get; } = EventDescriptor.Create();

    /// <summary>By which the device wakes the driver.</summary>
    public EventDescriptor Call { get; } = EventDescriptor.Create();

    /// <summary>By which the device says that the queue is broken.</summary>
    public EventDescriptor Error { get; } = EventDescriptor.Create();

    /// <summary>Descriptors that are free.</summary>
    public int FreeDescriptors => _free.Count;

    /// <summary>Index of the next available entry; the position at which a device that lost everything goes on is <see cref="UsedIndex"/>.</summary>
    public ushort AvailableIndex => _nextAvailable;

    /// <summary>Index that the device published in the used ring.</summary>
    public ushort UsedIndex => Volatile.Read(ref *(ushort*)_memory.Pointer(Used + 2, 2));

    /// <summary>How often the driver really signalled the device.</summary>
    public int Kicks { get; private set; }

    /// <summary>The avail_event or flags field by which the device says whether it wants kicks.</summary>
    public ushort KickWish => EventIndex
        ? Volatile.Read(ref *(ushort*)_memory.Pointer(Used + 4 + (ulong)(Size * 8), 2))
        : Volatile.Read(ref *(ushort*)_memory.Pointer(Used, 2));

    /// <summary>Makes a chain of <paramref name="buffers"/> available.</summary>
    /// <returns>Its head.</returns>
    public ushort Add(params ReadOnlySpan<MockBuffer> buffers)
    {
        var head = Describe(buffers);
        MakeAvailable(head);
        return head;
    }

    /// <summary>Makes a chain available that stands in a table of its own.</summary>
    public ushort AddIndirect(params ReadOnlySpan<MockBuffer> buffers)
    {
        var head = _free.Pop();
        if (_indirectTables[head] == 0)
        {
            const int entriesMax = 256;
            _indirectTables[head] = _memory.Allocate(entriesMax * 16);
        }

        for (var i = 0; i < buffers.Length; i++)
        {
            var last = i == buffers.Length - 1;
            WriteDescriptor(
                _indirectTables[head] + (ulong)(i * 16), buffers[i].GuestAddress, (uint)buffers[i].LengthBytes,
                (ushort)((buffers[i].IsWritable ? 2 : 0) | (last ? 0 : 1)), (ushort)(last ? 0 : i + 1));
        }

        _lengths[head] = 1;
        WriteDescriptor(head, _indirectTables[head], (uint)(buffers.Length * 16), 4, 0);
        MakeAvailable(head);
        return head;
    }

    /// <summary>Writes an entry of the descriptor table as it is given.</summary>
    public void WriteDescriptor(int index, ulong address, uint length, ushort flags, ushort next) =>
        WriteDescriptor(Descriptors + (ulong)(index * 16), address, length, flags, next);

    /// <summary>Writes a descriptor anywhere in guest memory.</summary>
    public void WriteDescriptor(ulong place, ulong address, uint length, ushort flags, ushort next)
    {
        var bytes = _memory.Span(place, 16);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, address);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[14..], next);
    }

    /// <summary>Puts <paramref name="head"/> into the available ring and moves its index.</summary>
    public void MakeAvailable(ushort head)
    {
        *(ushort*)_memory.Pointer(Available + 4 + (ulong)(_nextAvailable % Size * 2), 2) = head;
        SetAvailableIndex((ushort)(_nextAvailable + 1));
    }

    /// <summary>Moves the available ring's index as it is given.</summary>
    public void SetAvailableIndex(ushort index)
    {
        _nextAvailable = index;
        Volatile.Write(ref *(ushort*)_memory.Pointer(Available + 2, 2), index);
    }

    /// <summary>Says whether the device should signal: VIRTQ_AVAIL_F_NO_INTERRUPT, or the used event.</summary>
    public void WantCalls(bool wanted)
    {
        if (EventIndex)
        {
            var wish = (ushort)(wanted ? _nextUsed : _nextUsed - 1);
            Volatile.Write(ref *(ushort*)_memory.Pointer(Available + 4 + (ulong)(Size * 2), 2), wish);
        }
        else
        {
            Volatile.Write(ref *(ushort*)_memory.Pointer(Available, 2), (ushort)(wanted ? 0 : 1));
        }
    }

    /// <summary>Wakes the device if it wants to be woken for what was added since the last kick.</summary>
    public void Kick()
    {
        Interlocked.MemoryBarrier();
        var wanted = EventIndex
            ? (ushort)(_nextAvailable - KickWish - 1) < (ushort)(_nextAvailable - _kickedAvailable)
            : (KickWish & 1) == 0;
        _kickedAvailable = _nextAvailable;
        if (wanted)
        {
            Kicks++;
            KickEvent.Signal();
        }
    }

    /// <summary>Takes the next used buffer and frees its descriptors.</summary>
    public bool TryGetUsed(out MockUsed used)
    {
        if (UsedIndex == _nextUsed)
        {
            used = default;
            return false;
        }

        var entry = _memory.Span(Used + 4 + (ulong)(_nextUsed % Size * 8), 8);
        used = new MockUsed((ushort)BinaryPrimitives.ReadUInt32LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]));
        _nextUsed++;
        Free(used.Head);
        return true;
    }

    /// <summary>Waits, by the call eventfd, for the next used buffer.</summary>
    /// <exception cref="TimeoutException">None came for 60 seconds.</exception>
    public MockUsed WaitUsed()
    {
        const int waitMilliseconds = 60_000;
        return TryWaitUsed(waitMilliseconds, out var used)
            ? used
            : throw new TimeoutException($"The device used no buffer of queue {Index} (available {_nextAvailable}, used {_nextUsed}).");
    }

    /// <summary>Waits, by the call eventfd, for the next used buffer; false when the device does not signal for so long.</summary>
    public bool TryWaitUsed(int milliseconds, out MockUsed used)
    {
        while (true)
        {
            WantCalls(true);
            Interlocked.MemoryBarrier();
            if (TryGetUsed(out used))
            {
                return true;
            }

            if (_poll.WaitWhole(milliseconds) == 0 && UsedIndex == _nextUsed)
            {
                return false;
            }

            Call.Drain();
        }
    }

    /// <summary>Whether the device signals the error eventfd within 60 seconds.</summary>
    public bool WaitError()
    {
        const int waitMilliseconds = 60_000;
        using var poll = new EventPoll();
        poll.Watch(Error.Descriptor, PollEvents.Readable, 0);
        return poll.WaitWhole(waitMilliseconds) == 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _poll.Dispose();
        KickEvent.Dispose();
        Call.Dispose();
        Error.Dispose();
    }

    private ushort Describe(ReadOnlySpan<MockBuffer> buffers)
    {
        var head = _free.Peek();
        for (var i = 0; i < buffers.Length; i++)
        {
            var index = _free.Pop();
            var last = i == buffers.Length - 1;
            var flags = (ushort)((buffers[i].IsWritable ? 2 : 0) | (last ? 0 : 1));
            WriteDescriptor(index, buffers[i].GuestAddress, (uint)buffers[i].LengthBytes, flags, last ? (ushort)0 : _free.Peek());
        }

        _lengths[head] = (ushort)buffers.Length;
        return head;
    }

    private void Free(ushort head)
    {
        var index = head;
        for (var i = _lengths[head]; i > 0; i--)
        {
            _free.Push(index);
            index = BinaryPrimitives.ReadUInt16LittleEndian(_memory.Span(Descriptors + (ulong)(index * 16) + 14, 2));
        }

        _lengths[head] = 0;
    }
}
