namespace Vireo.Platform.Events;

/// <summary>
/// All that somebody has at a reactor, registrations, tasks and posted work, as one thing that can move to another reactor. Its owner uses it like the
/// reactor itself and does not notice a move.
/// </summary>
/// <remarks>
/// Only <see cref="Post"/>, <see cref="InvokeAsync(Action)"/> and <see cref="Reactor"/> may be used from other threads. Work that was posted before a move
/// runs after it, in the order of posting.
/// </remarks>
public sealed class ReactorSeat
{
    private readonly Dictionary<ulong, Watch> _watches = [];
    private readonly List<ReactorTask> _tasks = [];
    private readonly WorkList _posted = new();
    private readonly Delivery _delivery;
    private Reactor _reactor;
    private ulong _lastKey;

    /// <summary>A seat at <paramref name="reactor"/>.</summary>
    public ReactorSeat(Reactor reactor)
    {
        _reactor = reactor;
        _delivery = new Delivery(this);
    }

    /// <summary>Where the seat is now.</summary>
    public Reactor Reactor => Volatile.Read(ref _reactor);

    /// <summary>Whether the caller runs on the reactor's thread.</summary>
    public bool IsCurrent => Reactor.IsCurrent;

    /// <summary>See <see cref="Reactor.Post"/>.</summary>
    public void Post(ReactorWork work)
    {
        _posted.Push(work);
        _delivery.Announce();
    }

    /// <summary>See <see cref="Reactor.InvokeAsync(Action)"/>.</summary>
    public Task InvokeAsync(Action action)
    {
        if (IsCurrent)
        {
            action();
            return Task.CompletedTask;
        }

        Reactor.ThrowIfStopping();
        var call = new ReactorCall<bool>(() =>
        {
            action();
            return true;
        });
        Post(call);
        return call.Task;
    }

    /// <summary>See <see cref="Reactor.Register"/>.</summary>
    /// <exception cref="IOException">The kernel cannot wait for such a descriptor.</exception>
    public Registration Register(Descriptor descriptor, PollEvents events, IReactorHandler handler)
    {
        var watch = new Watch(_reactor.Register(descriptor, events, handler), events, handler);
        _watches.Add(++_lastKey, watch);
        return new Registration(descriptor, _lastKey);
    }

    /// <summary>See <see cref="Reactor.Change"/>.</summary>
    public void Change(Registration registration, PollEvents events)
    {
        var watch = _watches[registration.Key];
        watch.Events = events;
        _reactor.Change(watch.Registration, events);
    }

    /// <summary>See <see cref="Reactor.Unregister"/>.</summary>
    public void Unregister(Registration registration)
    {
        if (_watches.Remove(registration.Key, out var watch))
        {
            _reactor.Unregister(watch.Registration);
        }
    }

    /// <summary>See <see cref="Reactor.Activate"/>.</summary>
    public void Activate(ReactorTask task)
    {
        if (task.Seat != this)
        {
            task.Seat = this;
            _tasks.Add(task);
        }

        _reactor.Activate(task);
    }

    /// <summary>See <see cref="Reactor.Deactivate"/>.</summary>
    public void Deactivate(ReactorTask task)
    {
        if (task.Seat == this)
        {
            task.Seat = null;
            _tasks.Remove(task);
        }

        _reactor.Deactivate(task);
    }

    /// <summary>
    /// Moves everything to <paramref name="reactor"/>. Both reactors must stand still (<see cref="ReactorStop"/>). An event that is there already is
    /// told again at the new place, whichever way its descriptor is watched.
    /// </summary>
    public void MoveTo(Reactor reactor)
    {
        var from = _reactor;
        if (from == reactor)
        {
            return;
        }

        foreach (var watch in _watches.Values)
        {
            var descriptor = watch.Registration.Descriptor;
            from.Unregister(watch.Registration);
            watch.Registration = reactor.Register(descriptor, watch.Events, watch.Handler);
        }

        foreach (var task in _tasks)
        {
            from.HandOver(task, reactor);
        }

        Volatile.Write(ref _reactor, reactor);
    }

    private sealed class Watch(Registration registration, PollEvents events, IReactorHandler handler)
    {
        public Registration Registration { get; set; } = registration;

        public PollEvents Events { get; set; } = events;

        public IReactorHandler Handler { get; } = handler;
    }

    /// <summary>Runs what was posted at the seat, wherever that is by then.</summary>
    private sealed class Delivery(ReactorSeat seat) : ReactorWork
    {
        private int _isPosted;

        public void Announce()
        {
            if (Interlocked.Exchange(ref _isPosted, 1) == 0)
            {
                seat.Reactor.Post(this);
            }
        }

        protected internal override void Run()
        {
            if (!seat.IsCurrent)
            {
                // The seat has moved since.
                seat.Reactor.Post(this);
                return;
            }

            Interlocked.Exchange(ref _isPosted, 0);
            seat._posted.RunAll();
        }
    }
}
