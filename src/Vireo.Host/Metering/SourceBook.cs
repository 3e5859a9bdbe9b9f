namespace Vireo.Host.Metering;

/// <summary>Counters that live and die together, as they were read: those of a process, a disk, a port, a rule.</summary>
/// <param name="Key">Which ones; the same for life.</param>
/// <param name="Owner">The drive or adapter they belong to; empty for the machine itself.</param>
/// <param name="Generation">Names the life in which they only grow. Another one: they began anew at <paramref name="Start"/>.</param>
/// <param name="Values">The counters.</param>
/// <param name="Start">What the first of them was when the generation began; the others were zero.</param>
internal sealed record CounterReading(string Key, Guid Owner, string Generation, IReadOnlyList<long> Values, long Start = 0);

/// <summary>What was read last of <see cref="CounterReading.Key"/>.</summary>
/// <param name="Owner">See <see cref="CounterReading.Owner"/>.</param>
/// <param name="Generation">See <see cref="CounterReading.Generation"/>.</param>
/// <param name="Values">See <see cref="CounterReading.Values"/>.</param>
internal sealed record CounterMark(Guid Owner, string Generation, IReadOnlyList<long> Values);

/// <summary>
/// Makes growth out of counters that begin anew whenever a plane or a guest does: what it returns is never negative and counts nothing
/// twice. What a counter saw between its last reading and its end is lost; nothing else is. Not thread-safe.
/// </summary>
/// <param name="marks">What was read last, by key; kept with the figures that were made of it.</param>
internal sealed class SourceBook(IReadOnlyDictionary<string, CounterMark>? marks = null)
{
    private readonly Dictionary<string, CounterMark> _marks = marks is null ? new(StringComparer.Ordinal) : new(marks, StringComparer.Ordinal);

    /// <summary>What was read last, by key.</summary>
    public IReadOnlyDictionary<string, CounterMark> Marks => _marks;

    /// <summary>Takes note of counters without counting what they have seen so far: from here on they count.</summary>
    public void Begin(IEnumerable<CounterReading> readings)
    {
        foreach (var reading in readings)
        {
            _marks[reading.Key] = new CounterMark(reading.Owner, reading.Generation, reading.Values);
        }
    }

    /// <summary>By how much each counter has grown since it was read last; one that is new counts from the start of its generation.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<long>> Advance(IEnumerable<CounterReading> readings)
    {
        var grown = new Dictionary<string, IReadOnlyList<long>>(StringComparer.Ordinal);
        foreach (var reading in readings)
        {
            grown[reading.Key] = Growth(reading);
            _marks[reading.Key] = new CounterMark(reading.Owner, reading.Generation, reading.Values);
        }

        return grown;
    }

    /// <summary>Forgets the counters of drives and adapters that the machine has not any more.</summary>
    public void Forget(Func<Guid, bool> exists)
    {
        foreach (var key in _marks.Where(pair => pair.Value.Owner != Guid.Empty && !exists(pair.Value.Owner)).Select(pair => pair.Key).ToList())
        {
            _marks.Remove(key);
        }
    }

    private long[] Growth(CounterReading reading)
    {
        var grown = new long[reading.Values.Count];
        var last = _marks.GetValueOrDefault(reading.Key);
        for (var i = 0; i < grown.Length; i++)
        {
            var start = i == 0 ? reading.Start : 0;
            var seen = last is not null && i < last.Values.Count ? last.Values[i] : (long?)null;

            // A counter that was restored from a file may be behind what was read of it, which must not count twice, or ahead of it, which must count.
            var from = seen is null ? start : last!.Generation == reading.Generation ? seen.Value : Math.Min(seen.Value, start);
            grown[i] = Math.Max(0, reading.Values[i] - from);
        }

        return grown;
    }
}
