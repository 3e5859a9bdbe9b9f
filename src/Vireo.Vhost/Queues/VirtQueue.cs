using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Testing;
using Vireo.Vhost.Memory;

namespace Vireo.Vhost.Queues;

/// <summary>
/// The device's side of a split virtqueue (virtio 1.2 2.7). A device takes buffers off with <see cref="TryPop"/>, gives them back
/// with <see cref="Push"/> in any order, makes a batch of them visible with <see cref="Publish"/> and wakes the driver with
/// <see cref="Notify"/> if it wants to be woken.
/// </summary>
/// <remarks>
/// Everything here runs on the reactor that owns the queue. Nothing allocates, except that a chain grows once to the driver's longest.
/// What a hostile driver writes breaks the queue, see <see cref="Fault"/>, and nothing else.
/// </remarks>
public sealed unsafe partial class VirtQueue
{
    /// <summary>virtio 1.2 2.7: the largest split queue.</summary>
    public const int SizeMax = 32768;

    // virtio 1.2 2.7.6 and 2.7.8: both rings begin with flags (2 bytes) and index (2 bytes); an entry of the available ring
    // has 2 bytes, one of the used ring 8. The event fields follow the entries.
    private const int RingHeaderBytes = 4;
    private const int UsedEntryBytes = 8;
    private const ushort NoNotifyFlag = 1;
    private const ushort NoInterruptFlag = 1;

    private readonly IVirtQueueOwner _owner;
    private GuestMemory _memory = GuestMemory.Empty;
    private QueueAddresses _addresses;
    private EventDescriptor? _call;
    private DirtyLog? _log;
    private InflightQueue? _inflight;
    private ushort[] _toRedo = [];
    private int _redone;
    private bool _eventIndex;
    private bool _allowIndirect;
    private ushort _nextAvailable;
    private ushort _seenAvailable;
    private ushort _nextUsed;
    private ushort _publishedUsed;
    private ushort _notifiedUsed;
    private bool _notifiedOnce;
    private bool _kicksSuppressed;
    private bool _running;

    internal VirtQueue(int index, IVirtQueueOwner owner)
    {
        Index = index;
        _owner = owner;
    }

    /// <summary>Number of the queue within its device.</summary>
    public int Index { get; }

    /// <summary>Number of descriptors.</summary>
    public int Size { get; private set; }

    /// <summary>For the device's own use: its state of this queue.</summary>
    public object? Tag { get; set; }

    /// <summary>
    /// Whether the device wants to be called when the driver adds buffers. A network device clears it on a receive queue, whose buffers
    /// it takes only when it has a frame.
    /// </summary>
    public bool WantsKicks { get; set; } = true;

    /// <summary>Buffers taken off and not given back.</summary>
    public int InFlight { get; private set; }

    /// <summary>What broke the queue.</summary>
    public VirtQueueFault Fault { get; private set; }

    /// <summary>Whether buffers can be taken off: started, enabled and sound.</summary>
    public bool IsRunning => _running && Fault == VirtQueueFault.None;

    /// <summary>Whether the front end still runs the queue, so that it may be touched. Turns false with <see cref="IVhostUserDevice.QueueStopped"/>.</summary>
    public bool IsStarted { get; private set; }

    /// <summary>Index in the available ring of the next buffer to take off (GET_VRING_BASE).</summary>
    internal ushort NextAvailable => _nextAvailable;

    /// <summary>Takes the next buffer off the ring.</summary>
    /// <param name="chain">Must not be in use; holds the buffer afterwards.</param>
    /// <returns>False when there is none, the queue is stopped, or it is broken.</returns>
    /// <remarks>
    /// A buffer taken off is given back by the end of the call in which it was taken, or when an operation that is under way
    /// completes; a device that kept buffers in stock would block the front end whenever it stops the queue.
    /// </remarks>
    public bool TryPop(DescriptorChain chain)
    {
        if (!IsRunning)
        {
            return false;
        }

        ushort head;
        if (_redone < _toRedo.Length)
        {
            // Begun by a process that died; it is marked in flight already and has left the available ring.
            head = _toRedo[_redone++];
        }
        else if (!TryTakeHead(out head))
        {
            return false;
        }

        var fault = chain.Load(head, (RingDescriptor*)_addresses.Descriptors, Size, _memory, _allowIndirect);
        if (fault != VirtQueueFault.None)
        {
            Break(fault);
            return false;
        }

        chain.IsInUse = true;
        InFlight++;
        return true;
    }

    /// <summary>
    /// Gives back the buffer that was taken off last, as if it had not been. Several are rewound in the reverse order of taking. Not for
    /// buffers taken off before one that was pushed.
    /// </summary>
    public void Rewind(DescriptorChain chain)
    {
        Invariant.Check(chain.IsInUse);
        Return(chain);
        if (_redone > 0 && _toRedo[_redone - 1] == chain.Head)
        {
            _redone--;
            return;
        }

        _nextAvailable--;
        _inflight?.Undo(chain.Head);
    }

    /// <summary>Whether what is in flight when the queue stops comes first when it is started again, by this process or another.</summary>
    public bool RemembersInFlight => _inflight is not null;

    /// <summary>
    /// Leaves a buffer that was taken off to whoever goes on with the queue, which is paused or stops: it is taken off again when the queue goes on,
    /// after a new start only with <see cref="RemembersInFlight"/>.
    /// </summary>
    public void Leave(DescriptorChain chain)
    {
        Invariant.Check(chain.IsInUse && !IsRunning);
        _toRedo = [.. _toRedo.AsSpan(_redone), chain.Head];
        _redone = 0;
        Return(chain);
    }

    /// <summary>
    /// Puts a buffer into the used ring (virtio 1.2 2.7.8.2). The driver sees it after <see cref="Publish"/>.
    /// </summary>
    /// <param name="chain">A buffer of this queue; free for another one afterwards.</param>
    /// <param name="writtenBytes">How many bytes the device wrote, from the first writable one on.</param>
    public void Push(DescriptorChain chain, uint writtenBytes)
    {
        Invariant.Check(chain.IsInUse);
        Return(chain);

        // SAFETY: the session keeps the rings mapped until nothing is in flight, and checked that Size entries fit.
        var entry = (uint*)(_addresses.Used + RingHeaderBytes + (nint)((_nextUsed & (Size - 1)) * UsedEntryBytes));
        entry[0] = chain.Head;
        entry[1] = writtenBytes;
        if (_log is not null)
        {
            chain.MarkWritten(_log, writtenBytes);
            LogUsed((nint)entry - _addresses.Used, UsedEntryBytes);
        }

        _inflight?.AddToBatch(chain.Head);
        _nextUsed++;
        CrashPoint.Hit("vhost.used.entry");
    }

    /// <summary>Makes all pushed buffers visible to the driver at once.</summary>
    public void Publish()
    {
        var count = (ushort)(_nextUsed - _publishedUsed);
        if (count == 0)
        {
            return;
        }

        // SAFETY: as in Push. Released: the driver that sees the index sees the entries and the data.
        Volatile.Write(ref *(ushort*)(_addresses.Used + 2), _nextUsed);
        _publishedUsed = _nextUsed;
        LogUsed(0, RingHeaderBytes);
        CrashPoint.Hit("vhost.used.published");
        if (_inflight is not null)
        {
            _inflight.EndBatch(count, _nextUsed);
            CrashPoint.Hit("vhost.inflight.ended");
        }
    }

    /// <summary>Wakes the driver if buffers were published since the last call and it wants to hear of them (virtio 1.2 2.7.7, 2.7.10).</summary>
    public void Notify()
    {
        if (_publishedUsed == _notifiedUsed)
        {
            return;
        }

        // The index must be visible before the driver's wish is read, or both sides could wait for each other.
        Interlocked.MemoryBarrier();
        bool wanted;
        if (_eventIndex)
        {
            var wish = Volatile.Read(ref *(ushort*)(_addresses.Available + RingHeaderBytes + (nint)(Size * sizeof(ushort))));

            // vring_need_event: whether the wished index was passed since the last notification, modulo 65536.
            wanted = !_notifiedOnce || (ushort)(_publishedUsed - wish - 1) < (ushort)(_publishedUsed - _notifiedUsed);
        }
        else
        {
            wanted = (Volatile.Read(ref *(ushort*)_addresses.Available) & NoInterruptFlag) == 0;
        }

        _notifiedUsed = _publishedUsed;
        _notifiedOnce = true;
        if (wanted)
        {
            _call?.Signal();
        }

        _log?.Changed?.Signal();
    }

    /// <summary>The device found a buffer that makes no sense to it: stops the queue until the driver resets the device.</summary>
    public void Break(VirtQueueFault fault)
    {
        if (Fault == VirtQueueFault.None)
        {
            Fault = fault;
            _owner.QueueBroken(this);
        }
    }

    /// <summary>Has the device called for this queue soon, as if the driver had kicked.</summary>
    public void Schedule() => _owner.Schedule(this);

    /// <summary>Asks the driver not to kick while the queue is polled anyway.</summary>
    internal void SuppressKicks()
    {
        if (_running && !_kicksSuppressed)
        {
            _kicksSuppressed = true;
            if (!_eventIndex)
            {
                // With an event index, the index that was asked for last lies behind, which asks for nothing.
                WriteUsedFlags(NoNotifyFlag);
            }
        }
    }

    /// <summary>Asks the driver to kick when it adds a buffer, then looks whether it just did (virtio 1.2 2.7.10).</summary>
    /// <returns>Whether there are buffers.</returns>
    internal bool RequestKicks()
    {
        if (!IsRunning)
        {
            return false;
        }

        _kicksSuppressed = false;
        if (_eventIndex)
        {
            var place = RingHeaderBytes + (Size * UsedEntryBytes);

            // SAFETY: the used ring was checked to hold the event field after its entries.
            Volatile.Write(ref *(ushort*)(_addresses.Used + place), _nextAvailable);
            LogUsed(place, sizeof(ushort));
        }
        else
        {
            WriteUsedFlags(0);
        }

        Interlocked.MemoryBarrier();
        return _redone < _toRedo.Length || Volatile.Read(ref *(ushort*)(_addresses.Available + 2)) != _nextAvailable;
    }

    /// <summary>Requests that another process left behind and that come first.</summary>
    internal int ToRedo => _toRedo.Length - _redone;

    /// <summary>
    /// Takes over the rings as they are; requests that another process left behind come first. Nothing is taken off before <see cref="Resume"/>.
    /// </summary>
    internal void Start(in QueueSetup setup)
    {
        Invariant.Check(!_running && InFlight == 0);
        Size = setup.Size;
        _eventIndex = (setup.Features & VirtioFeatures.EventIndex) != 0;
        _allowIndirect = (setup.Features & VirtioFeatures.IndirectDescriptors) != 0;
        _inflight = setup.Inflight;
        Move(setup.Memory, setup.Addresses);
        Fault = VirtQueueFault.None;

        // SAFETY: the session checked that the rings of this size are mapped at the addresses.
        _nextUsed = Volatile.Read(ref *(ushort*)(_addresses.Used + 2));
        _publishedUsed = _nextUsed;
        _notifiedUsed = _nextUsed;
        _notifiedOnce = false;
        _kicksSuppressed = false;
        _toRedo = _inflight?.Recover(_nextUsed) ?? [];
        _redone = 0;

        // Whatever left the available ring is either used or in flight, so with tracking the position need not be told.
        _nextAvailable = _inflight is null ? setup.Base : (ushort)(_nextUsed + _toRedo.Length);
        _seenAvailable = _nextAvailable;
        IsStarted = true;
    }

    /// <summary>The memory goes away; nothing is in flight.</summary>
    internal void End()
    {
        Invariant.Check(InFlight == 0);
        _running = false;
        IsStarted = false;
    }

    /// <summary>Takes no more buffers off. What is in flight is still given back as usual.</summary>
    internal void Stop() => _running = false;

    /// <summary>Goes on where <see cref="Stop"/> stopped.</summary>
    internal void Resume() => _running = true;

    /// <summary>The memory table changed. Nothing may be in flight.</summary>
    internal void Move(GuestMemory memory, in QueueAddresses addresses)
    {
        Invariant.Check(InFlight == 0);
        _memory = memory;
        _addresses = addresses;
    }

    /// <summary>More memory was added; all that was there is still there, also for what is in flight.</summary>
    internal void Extend(GuestMemory memory) => _memory = memory;

    /// <summary>
    /// Where the driver is woken from now on. It is woken at once: a process that died may have published buffers without saying so,
    /// and a wake-up too many does no harm.
    /// </summary>
    internal void SetCall(EventDescriptor? call)
    {
        _call = call;
        call?.Signal();
    }

    /// <summary>Begins or ends logging; <see cref="QueueAddresses.UsedLogAddress"/> says whether the used ring is logged too.</summary>
    internal void SetLog(DirtyLog? log) => _log = log;

    /// <summary>The used ring is logged from now on, or no longer.</summary>
    internal void SetUsedLogAddress(ulong? address) => _addresses = _addresses with { UsedLogAddress = address };

    private void Return(DescriptorChain chain)
    {
        chain.IsInUse = false;
        if (--InFlight == 0 && !_running)
        {
            _owner.QueueDrained();
        }
    }

    private bool TryTakeHead(out ushort head)
    {
        head = 0;
        if (_nextAvailable == _seenAvailable && !TrySeeMore())
        {
            return false;
        }

        if (InFlight >= Size)
        {
            Break(VirtQueueFault.TooManyInFlight);
            return false;
        }

        // SAFETY: the entry's index is masked to the ring.
        head = Volatile.Read(ref *(ushort*)(_addresses.Available + RingHeaderBytes + (nint)((_nextAvailable & (Size - 1)) * sizeof(ushort))));
        if (head >= Size)
        {
            Break(VirtQueueFault.HeadOutOfRange);
            return false;
        }

        _nextAvailable++;
        _inflight?.Begin(head);
        return true;
    }

    /// <summary>Reads the available ring's index again.</summary>
    /// <returns>False when nothing is available, or the index makes no sense and broke the queue.</returns>
    private bool TrySeeMore()
    {
        // SAFETY: the session keeps the rings mapped while the queue runs. Acquired: the entries are read after the index.
        _seenAvailable = Volatile.Read(ref *(ushort*)(_addresses.Available + 2));
        if (_nextAvailable == _seenAvailable)
        {
            return false;
        }

        if ((ushort)(_seenAvailable - _nextAvailable) > Size)
        {
            Break(VirtQueueFault.AvailableIndexJump);
            return false;
        }

        return true;
    }

    private void WriteUsedFlags(ushort flags)
    {
        Volatile.Write(ref *(ushort*)_addresses.Used, flags);
        LogUsed(0, sizeof(ushort));
    }

    private void LogUsed(nint offset, int lengthBytes)
    {
        if (_log is not null && _addresses.UsedLogAddress is { } start)
        {
            _log.Mark(start + (ulong)offset, (ulong)lengthBytes);
        }
    }
}
