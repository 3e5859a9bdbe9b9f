namespace Vireo.Machines.Tests;

/// <summary>A clock that goes as ours does, or stands, until it is moved on: what was to happen up to then happens at once.</summary>
/// <param name="stands">It stands.</param>
internal sealed class SkippableClock(bool stands = false) : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<SkippableTimer> _timers = [];
    private readonly long _began = System.GetTimestamp();
    private TimeSpan _skipped;

    private bool Stands => stands;

    private TimeSpan Now => _skipped + (Stands ? TimeSpan.Zero : System.GetElapsedTime(_began));

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromDays(365) + Now;

    /// <summary>Moves on.</summary>
    public void Skip(TimeSpan time)
    {
        List<SkippableTimer> due;
        lock (_lock)
        {
            _skipped += time;
            due = [.. _timers.Where(timer => timer.Due <= Now)];
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
        return timer;
    }

    private sealed class SkippableTimer : ITimer
    {
        private readonly SkippableClock _clock;
        private readonly Action _happen;
        private readonly ITimer _timer;
        private TimeSpan _period;

        public SkippableTimer(SkippableClock clock, TimerCallback callback, object? state)
        {
            _clock = clock;
            _happen = () => callback(state);
            _timer = System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        /// <summary>When it fires, on the clock.</summary>
        public TimeSpan Due { get; private set; }

        public void Fire()
        {
            Change(_period, _period);
            _happen();
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_clock._lock)
            {
                _period = period == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : period;
                Due = dueTime == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : _clock.Now + dueTime;
                if (!_clock._timers.Contains(this))
                {
                    _clock._timers.Add(this);
                }

                return _clock.Stands || _timer.Change(dueTime, _period);
            }
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
