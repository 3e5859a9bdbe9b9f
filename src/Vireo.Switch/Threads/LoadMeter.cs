using Vireo.Switch.Pipeline;

namespace Vireo.Switch.Threads;

/// <summary>Looks now and then at how long each port has taken. For the control side, one call at a time.</summary>
internal sealed class LoadMeter(TimeProvider clock)
{
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(1);
    private Dictionary<PortState, Seen> _seen = [];
    private long _lookedAt = clock.GetTimestamp();

    /// <summary>What <paramref name="ports"/> took of their threads since the last time. A port that is new took nothing yet.</summary>
    public IReadOnlyList<PortLoad> Look(IEnumerable<PortState> ports)
    {
        var now = clock.GetTimestamp();
        var passed = clock.GetElapsedTime(_lookedAt, now).TotalSeconds * System.Diagnostics.Stopwatch.Frequency;
        _lookedAt = now;
        Dictionary<PortState, Seen> seen = [];
        List<PortLoad> loads = [];
        foreach (var port in ports)
        {
            var thread = port.Carrier?.Index ?? 0;
            var ticks = port.BusyTicks;
            var known = _seen.TryGetValue(port, out var before);
            var since = known && before.Thread == thread ? before.Since : now;
            seen[port] = new Seen(ticks, thread, since);
            loads.Add(new PortLoad(
                port, thread, known && passed > 0 ? Math.Clamp((ticks - before.Ticks) / passed, 0, 1) : 0, port.Policy.QueueWeight, clock.GetElapsedTime(since, now) >= s_rest));
        }

        _seen = seen;
        return loads;
    }

    private readonly record struct Seen(long Ticks, int Thread, long Since);
}
