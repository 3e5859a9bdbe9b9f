namespace Vireo.Storage.Tests.Support;

/// <summary>A clock that stands until it is moved; timers fire, in order, on the thread that moves it.</summary>
internal sealed class SimulatedClock : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>When the next timer fires, or null.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            lock (_lock)
            {
                var due = _timers.Where(timer => timer.DueTicks is not null).Select(timer => timer.DueTicks!.Value).DefaultIfEmpty(-1).Min();
                return due < 0 ? null : TimeSpan.FromTicks(due);
            }
        }
    }

    public TimeSpan Now => TimeSpan.FromTicks(Volatile.Read(ref _ticks));

    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + Now;

    public void AdvanceTo(TimeSpan moment)
    {
        while (true)
        {
            Timer? next;
            lock (_lock)
            {
                next = _timers.Where(timer => timer.DueTicks <= moment.Ticks).MinBy(timer => timer.DueTicks);
                Volatile.Write(ref _ticks, Math.Max(_ticks, next?.DueTicks ?? moment.Ticks));
                if (next is not null)
                {
                    next.DueTicks = next.Period == Timeout.InfiniteTimeSpan ? null : next.DueTicks + next.Period.Ticks;
                }
            }

            if (next is null)
            {
                return;
            }

            next.Fire();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(SimulatedClock clock, Action fire) : ITimer
    {
        public long? DueTicks { get; set; }

        public TimeSpan Period { get; private set; } = Timeout.InfiniteTimeSpan;

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                DueTicks = dueTime == Timeout.InfiniteTimeSpan ? null : clock._ticks + dueTime.Ticks;
                Period = period <= TimeSpan.Zero ? Timeout.InfiniteTimeSpan : period;
                if (!clock._timers.Contains(this))
                {
                    clock._timers.Add(this);
                }
            }

            return true;
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                DueTicks = null;
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
