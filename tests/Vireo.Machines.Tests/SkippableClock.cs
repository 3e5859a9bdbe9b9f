namespace Vireo.Machines.Tests;

/// <summary>A clock that goes as ours does, or stands, until it is moved on: what was to happen up to then happens at once.</summary>
/// <param name="stands">It stands.</param>
internal sealed class SkippableClock(bool stands = false) : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<SkippableTimer> _timers = [];
    private TimeSpan _skipped;

    private bool Stands => stands;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _skipped;

    /// <summary>Moves on.</summary>
    public void Skip(TimeSpan time)
    {
        List<SkippableTimer> due;
        lock (_lock)
        {
            _skipped += time;
            due = [.. _timers.Where(timer => timer.IsDueWithin(time))];
        }

        foreach (var timer in due)
        {
            timer.Fire();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SkippableTimer(this, callback, state);
        timer.Change(dueTime, period);
        lock (_lock)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    private sealed class SkippableTimer : ITimer
    {
        private readonly SkippableClock _clock;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private readonly ITimer _timer;
        private long _due = long.MaxValue;

        public SkippableTimer(SkippableClock clock, TimerCallback callback, object? state)
        {
            _clock = clock;
            _callback = callback;
            _state = state;
            _timer = System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public bool IsDueWithin(TimeSpan time) => Volatile.Read(ref _due) <= System.GetTimestamp() + (long)(time.TotalSeconds * System.TimestampFrequency);

        public void Fire()
        {
            Volatile.Write(ref _due, long.MaxValue);
            _callback(_state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            Volatile.Write(ref _due, dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : System.GetTimestamp() + (long)(dueTime.TotalSeconds * System.TimestampFrequency));
            return _clock.Stands || _timer.Change(dueTime, period);
        }

        public void Dispose()
        {
            lock (_clock._lock)
            {
                _clock._timers.Remove(this);
            }

            _timer.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }

}
