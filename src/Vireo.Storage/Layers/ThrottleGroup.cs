namespace Vireo.Storage.Layers;

/// <summary>
/// Decides which waiting request of which disk goes next. Two rules: no disk exceeds its maximum; and while some disk has a minimum, at
/// most <see cref="Slots"/> requests are under way, so that the next one can be chosen: first the disk that is furthest behind its
/// minimum, then by weight.
/// </summary>
/// <remarks>
/// One lock guards everything here. A disk without limits, on a host where no disk has a minimum, never comes here. Requests of one disk
/// go in the order they came. One timer wakes the group when the next request may go; while nothing waits, none runs.
/// </remarks>
/// <param name="time">The clock.</param>
/// <param name="slots">Requests under way while disks compete.</param>
public sealed class ThrottleGroup(TimeProvider time, int slots = ThrottleGroup.DefaultSlots) : IDisposable
{
    /// <summary>Enough to keep storage busy, few enough that what waits is chosen late.</summary>
    public const int DefaultSlots = 32;

    private readonly Lock _lock = new();
    private readonly List<ThrottleQueue> _queues = [];
    private readonly Stack<ThrottleWaiter> _spare = new();
    private ITimer? _timer;
    private long _wakeAt = long.MaxValue;
    private int _slotsTaken;
    private double _weightClock;
    private volatile bool _isCompeting;

    /// <summary>Requests that may be under way while disks compete.</summary>
    public int Slots => slots;

    /// <summary>Whether some disk has a minimum, so that every request needs a slot.</summary>
    public bool IsCompeting => _isCompeting;

    /// <summary>Makes the queue of a disk.</summary>
    internal ThrottleQueue Join(ThrottleLimits limits)
    {
        lock (_lock)
        {
            var queue = new ThrottleQueue(this, limits, time.TimestampFrequency) { WeightTag = _weightClock };
            _queues.Add(queue);
            LimitsChanged();
            return queue;
        }
    }

    /// <summary>Takes a queue out; nothing waits in it any more.</summary>
    internal void Leave(ThrottleQueue queue)
    {
        lock (_lock)
        {
            queue.IsOpen = true;
            Pump();
            _queues.Remove(queue);
            LimitsChanged();
        }
    }

    /// <summary>Other limits; what waits goes by them from now on.</summary>
    internal void Change(ThrottleQueue queue, ThrottleLimits limits)
    {
        lock (_lock)
        {
            queue.Change(limits, time.GetTimestamp());
            LimitsChanged();
        }
    }

    /// <summary>Opens a queue, so that everything in it goes at once, or closes it again.</summary>
    internal void SetOpen(ThrottleQueue queue, bool isOpen)
    {
        lock (_lock)
        {
            queue.IsOpen = isOpen;
            Pump();
        }
    }

    /// <summary>Lets a request go, now or later. The answer says whether it holds a slot, which <see cref="Release"/> gives back.</summary>
    internal ValueTask<bool> EnterAsync(ThrottleQueue queue, long operations, long lengthBytes)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (queue.First is null && MayGo(queue, now))
            {
                return new(Go(queue, operations, lengthBytes, now));
            }

            var waiter = _spare.TryPop(out var spare) ? spare : new ThrottleWaiter(this);
            waiter.Prepare(operations, lengthBytes);
            queue.Append(waiter);
            SetTimer(queue, now);
            return new(waiter, waiter.Version);
        }
    }

    /// <summary>Gives a slot back.</summary>
    internal void Release()
    {
        lock (_lock)
        {
            _slotsTaken--;
            Pump();
        }
    }

    /// <summary>Keeps a waiter for its next request.</summary>
    internal void Return(ThrottleWaiter waiter)
    {
        lock (_lock)
        {
            _spare.Push(waiter);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private void LimitsChanged()
    {
        _isCompeting = _queues.Exists(queue => queue.Limits.MinimumIops > 0);
        Pump();
    }

    private bool MayGo(ThrottleQueue queue, long now) => queue.IsOpen || (queue.MayGoAt <= now && (!_isCompeting || _slotsTaken < slots));

    private bool Go(ThrottleQueue queue, long operations, long lengthBytes, long now)
    {
        queue.Charge(operations, lengthBytes, now);
        if (!_isCompeting || queue.IsOpen)
        {
            return false;
        }

        // A disk that was idle begins where the busy ones are; it saves nothing up.
        queue.WeightTag = Math.Max(queue.WeightTag, _weightClock) + ((double)operations / queue.Limits.Weight);
        _slotsTaken++;
        return true;
    }

    private void Pump()
    {
        var now = time.GetTimestamp();
        while (Choose(now) is { } queue)
        {
            if (_isCompeting && !queue.IsOpen)
            {
                _weightClock = Math.Max(_weightClock, queue.WeightTag);
            }

            var waiter = queue.TakeFirst();
            waiter.Complete(Go(queue, waiter.Operations, waiter.LengthBytes, now));
        }

        foreach (var queue in _queues)
        {
            SetTimer(queue, now);
        }
    }

    private ThrottleQueue? Choose(long now)
    {
        ThrottleQueue? best = null;
        foreach (var queue in _queues)
        {
            if (queue.First is null || !MayGo(queue, now))
            {
                continue;
            }

            if (queue.IsOpen || !_isCompeting)
            {
                return queue;
            }

            if (best is null || IsBefore(queue, best, now))
            {
                best = queue;
            }
        }

        return best;
    }

    private static bool IsBefore(ThrottleQueue one, ThrottleQueue other, long now)
    {
        var (oneIsBehind, otherIsBehind) = (one.ReservedUntil <= now, other.ReservedUntil <= now);
        if (oneIsBehind != otherIsBehind)
        {
            return oneIsBehind;
        }

        return oneIsBehind ? one.ReservedUntil < other.ReservedUntil : one.WeightTag < other.WeightTag;
    }

    // A queue that waits for a slot is woken by whoever gives one back; only one that waits for its maximum needs the timer.
    private void SetTimer(ThrottleQueue queue, long now)
    {
        if (queue.First is null || queue.IsOpen || queue.MayGoAt <= now || (queue.MayGoAt >= _wakeAt && _wakeAt > now))
        {
            return;
        }

        _wakeAt = queue.MayGoAt;
        var waitTicks = (long)Math.Ceiling((_wakeAt - now) * (double)TimeSpan.TicksPerSecond / time.TimestampFrequency);

        // A timer counts whole milliseconds; rounded up, so that it never fires for nothing.
        var wait = TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(TimeSpan.FromTicks(waitTicks).TotalMilliseconds), 3_600_000));
        _timer ??= time.CreateTimer(static group => ((ThrottleGroup)group!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private void Wake()
    {
        lock (_lock)
        {
            _wakeAt = long.MaxValue;
            Pump();
        }
    }
}
