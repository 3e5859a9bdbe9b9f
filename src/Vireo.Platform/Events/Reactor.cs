using System.Diagnostics;
using Vireo.Platform.Files.Queues;

namespace Vireo.Platform.Events;

/// <summary>Receives events of a descriptor on its reactor's thread.</summary>
public interface IReactorHandler
{
    /// <summary>Something happened to the descriptor.</summary>
    void OnEvents(PollEvents events);
}

/// <summary>
/// One thread that owns queues, sockets and descriptors, and everything reachable only from them: what lives on a reactor needs no
/// lock. It polls the tasks that are busy and sleeps in the kernel when none is; while nothing happens it is not woken at all.
/// </summary>
/// <remarks>
/// An exception that leaves a handler, a task or a work item is a defect and ends the process: the planes are built to be restarted.
/// Only <see cref="Post"/>, <see cref="InvokeAsync(Action)"/>, <see cref="IsCurrent"/> and disposing may be used from other threads.
/// </remarks>
public sealed class Reactor : IDisposable
{
    private const ulong WakeKey = ulong.MaxValue;

    [ThreadStatic]
    private static Reactor? s_current;

    /// <summary>While tasks are busy the kernel is asked for events only this often.</summary>
    private const int RoundsBetweenLooks = 4;

    private readonly EventPoll _poll = new();
    private readonly EventDescriptor _wake = EventDescriptor.Create();
    private readonly WorkList _posted = new();
    private readonly List<ReactorTask> _active = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly long _spinTicksMax;
    private readonly bool _useRing;
    private readonly Thread _thread;
    private FileQueue? _files;
    private Slot[] _slots = new Slot[16];
    private int _slotCount;
    private int _asleep;
    private volatile bool _stopping;
    private bool _stoppedByItself;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Name of the thread, for tools.</param>
    /// <param name="spin">
    /// How long at most a task is polled for nothing before it sleeps. By default 30 us, and zero where the machine has so few processors
    /// that polling takes them from the guests.
    /// </param>
    /// <param name="useRing">Whether <see cref="Files"/> may use io_uring; false leaves waiting for disks to pool threads.</param>
    public Reactor(string name, TimeSpan? spin = null, bool useRing = true)
    {
        _useRing = useRing;
        var limit = spin ?? (Environment.ProcessorCount > 2 ? TimeSpan.FromMicroseconds(30) : TimeSpan.Zero);
        _spinTicksMax = (long)(limit.TotalSeconds * Stopwatch.Frequency);
        _poll.Watch(_wake.Descriptor, PollEvents.Readable, WakeKey);
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>The reactor whose thread the caller runs on; null on any other thread, which may wait for the disk or for a peer.</summary>
    public static Reactor? Current => s_current;

    /// <summary>Whether the caller runs on this reactor's thread, or on one that has it stand still.</summary>
    public bool IsCurrent => s_current == this || (Holder is { } holder && holder == Thread.CurrentThread);

    /// <summary>The thread that has this one stand still and may use it meanwhile; see <see cref="ReactorStop"/>.</summary>
    internal Thread? Holder { get; set; }

    /// <summary>Reads and writes of files that do not hold this thread up. For this thread alone.</summary>
    public FileQueue Files
    {
        get
        {
            CheckThread();
            return _files ??= new FileQueue(this, _useRing);
        }
    }

    /// <summary>How often the thread went to sleep in the kernel; stands still while nothing happens.</summary>
    public long Sleeps { get; private set; }

    /// <summary>Runs <paramref name="work"/> on the reactor's thread, soon. Lock-free; allocates nothing.</summary>
    public void Post(ReactorWork work)
    {
        _posted.Push(work);

        // The full barrier of the push orders it before this read; the thread sets the flag, with a barrier, before its last look.
        if (Volatile.Read(ref _asleep) != 0 && Interlocked.Exchange(ref _asleep, 0) != 0)
        {
            _wake.Signal();
        }
    }

    /// <summary>Runs <paramref name="action"/> on the reactor's thread and completes with it. For set-up, not for data.</summary>
    public Task InvokeAsync(Action action) => InvokeAsync(() =>
    {
        action();
        return true;
    });

    /// <summary>Runs <paramref name="function"/> on the reactor's thread and completes with its result. For set-up, not for data.</summary>
    public Task<T> InvokeAsync<T>(Func<T> function)
    {
        if (IsCurrent)
        {
            return Task.FromResult(function());
        }

        ThrowIfStopping();
        var call = new ReactorCall<T>(function);
        Post(call);
        return call.Task;
    }

    /// <summary>Watches <paramref name="descriptor"/> for <paramref name="handler"/> until the answer is unregistered.</summary>
    /// <exception cref="IOException">The kernel cannot wait for such a descriptor.</exception>
    public Registration Register(Descriptor descriptor, PollEvents events, IReactorHandler handler)
    {
        CheckThread();
        var slot = _freeSlots.Count > 0 ? _freeSlots.Pop() : _slotCount++;
        if (slot == _slots.Length)
        {
            Array.Resize(ref _slots, slot * 2);
        }

        var generation = _slots[slot].Generation + 1;
        var key = ((ulong)generation << 32) | (uint)slot;
        _poll.Watch(descriptor, events, key);
        _slots[slot] = new Slot(handler, generation);
        return new Registration(descriptor, key);
    }

    /// <summary>Changes what is watched for.</summary>
    public void Change(Registration registration, PollEvents events)
    {
        CheckThread();
        _poll.Change(registration.Descriptor, events, registration.Key);
    }

    /// <summary>Stops watching. No event of this registration is delivered any more. The descriptor must still be open.</summary>
    public void Unregister(Registration registration)
    {
        CheckThread();
        _poll.Forget(registration.Descriptor);
        var slot = (int)(uint)registration.Key;
        _slots[slot] = new Slot(null, _slots[slot].Generation);
        _freeSlots.Push(slot);
    }

    /// <summary>Polls <paramref name="task"/> until it has nothing to do for a while. Does nothing when it is polled already.</summary>
    public void Activate(ReactorTask task)
    {
        CheckThread();
        task.IdleSince = 0;
        task.IsActive = true;
        if (!task.IsListed)
        {
            task.IsListed = true;
            _active.Add(task);
        }
    }

    /// <summary>Never polls <paramref name="task"/> again unless it is activated again.</summary>
    public void Deactivate(ReactorTask task)
    {
        CheckThread();

        // The list is compacted by the loop, which may be walking it just now.
        task.IsActive = false;
    }

    /// <summary>Gives <paramref name="task"/> to <paramref name="other"/>, which polls it if it is awake. Both stand still.</summary>
    internal void HandOver(ReactorTask task, Reactor other)
    {
        CheckThread();
        if (task.IsListed)
        {
            _active.Remove(task);
            task.IsListed = false;
        }

        if (task.IsActive)
        {
            other.Activate(task);
        }
    }

    /// <summary>Nothing can be asked of a reactor that ends.</summary>
    internal void ThrowIfStopping() => ObjectDisposedException.ThrowIf(_stopping, this);

    /// <summary>Ends the thread and waits for it. What is registered stays open and belongs to its owners.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }

        _stopping = true;
        if (Thread.CurrentThread == _thread)
        {
            // The loop, which is under this call, comes to its end and closes what it uses.
            _stoppedByItself = true;
            return;
        }

        _wake.Signal();
        _thread.Join();
        Close();
    }

    private void Close()
    {
        _poll.Dispose();
        _wake.Dispose();
    }

    private void CheckThread() => Invariant.Check(IsCurrent);

    private void Run()
    {
        s_current = this;
        var rounds = 0;
        while (!_stopping)
        {
            var worked = _posted.RunAll();
            worked |= PollTasks();
            if (_files is { } files)
            {
                worked |= files.Submit();
                worked |= files.Reap();
            }

            if (_active.Count > 0)
            {
                if (!worked || ++rounds >= RoundsBetweenLooks)
                {
                    rounds = 0;
                    Deliver(_poll.Wait(0));
                }

                continue;
            }

            if (!worked)
            {
                Sleep();
            }
        }

        // Whoever awaits an invocation posted just before the end gets an answer.
        _posted.RunAll();
        _files?.Dispose();
        if (_stoppedByItself)
        {
            Close();
        }
    }

    private void Sleep()
    {
        // Whoever posts after this exchange sees the flag and signals; whoever posted before is seen by the check.
        Interlocked.Exchange(ref _asleep, 1);
        var mayWait = _posted.IsEmpty && !_stopping;
        if (mayWait)
        {
            Sleeps++;
        }

        var count = _poll.Wait(mayWait ? -1 : 0);
        Interlocked.Exchange(ref _asleep, 0);
        Deliver(count);
    }

    private void Deliver(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (events, key) = _poll.Event(i);
            if (key == WakeKey)
            {
                _wake.Drain();
                continue;
            }

            // A handler of this very batch may have unregistered this one, and another may have taken its slot.
            var slot = _slots[(int)(uint)key];
            if (slot.Generation == (uint)(key >> 32))
            {
                slot.Handler?.OnEvents(events);
            }
        }
    }

    /// <summary>Gives each busy task a turn and lets those sleep that had nothing to do for long enough.</summary>
    private bool PollTasks()
    {
        var worked = false;
        var kept = 0;

        // Tasks activated meanwhile are appended and get their turn in this round.
        for (var i = 0; i < _active.Count; i++)
        {
            var task = _active[i];
            if (task.IsActive)
            {
                worked |= PollTask(task);
            }

            if (task.IsActive)
            {
                _active[kept++] = task;
            }
            else
            {
                task.IsListed = false;
            }
        }

        _active.RemoveRange(kept, _active.Count - kept);
        return worked;
    }

    private bool PollTask(ReactorTask task)
    {
        if (task.Poll())
        {
            if (task.IdleSince != 0)
            {
                // Polling paid off: poll longer next time.
                task.SpinTicks = Math.Min(_spinTicksMax, Math.Max(task.SpinTicks, _spinTicksMax / 8) * 2);
                task.IdleSince = 0;
            }

            return true;
        }

        var now = Stopwatch.GetTimestamp();
        if (task.IdleSince == 0)
        {
            task.IdleSince = now;
        }

        if (now - task.IdleSince < task.SpinTicks || !task.IsActive)
        {
            return false;
        }

        if (!task.TrySleep())
        {
            return true;
        }

        task.SpinTicks /= 2;
        task.IdleSince = 0;
        task.IsActive = false;
        return false;
    }

    private readonly record struct Slot(IReactorHandler? Handler, uint Generation);
}

/// <summary>A descriptor watched by a reactor.</summary>
/// <param name="Descriptor">What is watched.</param>
/// <param name="Key">Which watch it is.</param>
public readonly record struct Registration(Descriptor Descriptor, ulong Key);
