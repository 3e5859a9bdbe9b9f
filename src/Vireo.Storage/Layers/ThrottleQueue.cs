namespace Vireo.Storage.Layers;

/// <summary>
/// The waiting requests of one disk and what it has used, as moments: "the time until which what was let go is paid for". Guarded by the
/// lock of its <see cref="ThrottleGroup"/>.
/// </summary>
/// <remarks>
/// A request may go when both moments, less the burst, are past; it then moves them on by what it costs, however long it is. So over any
/// time t at most rate × (t + burst) and one request more go through (the generic cell rate algorithm of ITU-T I.371, with debt).
/// </remarks>
internal sealed class ThrottleQueue(ThrottleGroup group, ThrottleLimits limits, long timestampsPerSecond)
{
    private double _operationsPaidUntil = double.NegativeInfinity;
    private double _bytesPaidUntil = double.NegativeInfinity;
    private ThrottleWaiter? _last;

    /// <summary>Limits now.</summary>
    public ThrottleLimits Limits { get; private set; } = limits;

    /// <summary>Everything goes at once: the layer is being spliced.</summary>
    public bool IsOpen { get; set; }

    /// <summary>The request that waits longest, or null.</summary>
    public ThrottleWaiter? First { get; private set; }

    /// <summary>Requests that wait.</summary>
    public int Waiting { get; private set; }

    /// <summary>Until when the minimum is met by what went through; nothing is promised to a disk without one.</summary>
    public double ReservedUntil { get; private set; } = limits.MinimumIops > 0 ? double.NegativeInfinity : double.PositiveInfinity;

    /// <summary>Use so far divided by weight.</summary>
    public double WeightTag { get; set; }

    /// <summary>When the next request conforms to the maximum.</summary>
    public long MayGoAt
    {
        get
        {
            var paidUntil = Math.Max(
                Limits.MaximumIops > 0 ? _operationsPaidUntil : double.NegativeInfinity, Limits.MaximumBytesPerSecond > 0 ? _bytesPaidUntil : double.NegativeInfinity);
            return double.IsNegativeInfinity(paidUntil) ? long.MinValue : (long)Math.Ceiling(paidUntil - (Limits.Burst.TotalSeconds * timestampsPerSecond));
        }
    }

    /// <summary>The group.</summary>
    public ThrottleGroup Group => group;

    /// <summary>Counts a request that goes now.</summary>
    public void Charge(long operations, long lengthBytes, long now)
    {
        if (Limits.MaximumIops > 0)
        {
            _operationsPaidUntil = Math.Max(_operationsPaidUntil, now) + ((double)operations * timestampsPerSecond / Limits.MaximumIops);
        }

        if (Limits.MaximumBytesPerSecond > 0)
        {
            _bytesPaidUntil = Math.Max(_bytesPaidUntil, now) + ((double)lengthBytes * timestampsPerSecond / Limits.MaximumBytesPerSecond);
        }

        if (Limits.MinimumIops > 0)
        {
            // Up to a tenth of a second in which the disk got too little is made up for.
            ReservedUntil = Math.Max(ReservedUntil, now - (timestampsPerSecond / 10)) + ((double)operations * timestampsPerSecond / Limits.MinimumIops);
        }
    }

    /// <summary>Other limits. What was used and is not paid for yet stays owed, at the new rate.</summary>
    public void Change(ThrottleLimits limits, long now)
    {
        _operationsPaidUntil = Owed(_operationsPaidUntil, now, Limits.MaximumIops, limits.MaximumIops);
        _bytesPaidUntil = Owed(_bytesPaidUntil, now, Limits.MaximumBytesPerSecond, limits.MaximumBytesPerSecond);
        ReservedUntil = limits.MinimumIops == 0 ? double.PositiveInfinity
            : Limits.MinimumIops == 0 ? double.NegativeInfinity
            : Owed(ReservedUntil, now, Limits.MinimumIops, limits.MinimumIops);
        Limits = limits;
    }

    /// <summary>Adds a request at the end.</summary>
    public void Append(ThrottleWaiter waiter)
    {
        if (_last is null)
        {
            First = waiter;
        }
        else
        {
            _last.Next = waiter;
        }

        _last = waiter;
        Waiting++;
    }

    /// <summary>Takes the request that waits longest.</summary>
    public ThrottleWaiter TakeFirst()
    {
        var waiter = First!;
        First = waiter.Next;
        waiter.Next = null;
        _last = First is null ? null : _last;
        Waiting--;
        return waiter;
    }

    private static double Owed(double paidUntil, long now, long rate, long newRate) =>
        rate == 0 || newRate == 0 ? double.NegativeInfinity : paidUntil <= now ? paidUntil : now + ((paidUntil - now) * rate / newRate);
}
