using Vireo.Machines.Devices;

namespace Vireo.Host.Machines.Memory;

/// <summary>A guest whose memory follows its demand, as the policy sees it. Sizes are in bytes.</summary>
/// <param name="Id">Who it is.</param>
/// <param name="Minimum">Least memory.</param>
/// <param name="Maximum">Most memory.</param>
/// <param name="Weight">Its weight among others, 0 to 100.</param>
/// <param name="BufferPercent">Share of its demand that it should have spare.</param>
/// <param name="Assigned">What it has.</param>
/// <param name="Target">What it was asked to have; between minimum and maximum.</param>
/// <param name="Demand">What it uses; null when it has not told yet: it keeps what it was promised.</param>
internal sealed record GuestMemory(Guid Id, long Minimum, long Maximum, int Weight, int BufferPercent, long Assigned, long Target, long? Demand)
{
    /// <summary>What it may touch: what it has, and what it was asked to take.</summary>
    public long Committed => Math.Max(Assigned, Target);
}

/// <summary>
/// How the host's memory is shared among guests by demand, buffer and weight. A pure function of what is observed, asked again and again;
/// it never promises more than the budget, never asks a guest to go below its minimum or above its maximum, and comes to rest while
/// demands do.
/// </summary>
/// <remarks>
/// Each guest should have its demand and its buffer. Where that is more than there is, everybody has the minimum, then what is left goes
/// to demands, then to buffers, each time by weight. Memory is promised to one guest only after another has really given it back. A guest
/// with more than it should have keeps a little of it, so that a demand that trembles moves nothing, and gives the rest back gradually;
/// when others lack it, at once.
/// </remarks>
internal static class MemoryPolicy
{
    /// <summary>Everything is counted in steps of this many bytes, as far as minimum and maximum allow.</summary>
    public const long Step = MemoryLayout.StepBytes;

    private const long SmallestShrink = 64L << 20;
    private const long SmallestSlack = 16L << 20;

    /// <summary>What each guest should be asked to have from now on.</summary>
    /// <param name="budget">Bytes that these guests may have together.</param>
    /// <param name="guests">The guests.</param>
    public static IReadOnlyDictionary<Guid, long> Next(long budget, IReadOnlyList<GuestMemory> guests)
    {
        var ideal = Share(budget, guests);
        var scarce = guests.Sum(Wanted) > budget || guests.Sum(guest => guest.Committed) > budget;
        var next = new long[guests.Count];
        for (var i = 0; i < guests.Count; i++)
        {
            next[i] = Math.Min(guests[i].Target, Shrunk(guests[i].Target, ideal[i], scarce));
        }

        if (next.Sum() > budget)
        {
            // Somebody waits for what the slack would keep.
            for (var i = 0; i < next.Length; i++)
            {
                next[i] = Math.Min(guests[i].Target, ideal[i]);
            }
        }

        // What is still promised, or not given back yet, is not there to be promised again.
        var free = budget - guests.Select((guest, i) => Math.Max(guest.Assigned, next[i])).Sum();
        var growth = guests.Select((guest, i) => next[i] == guest.Target && IsWorthIt(guest, ideal[i]) ? ideal[i] - next[i] : 0).ToArray();

        // A guest that has not given back yet what it is not promised any more can keep it: that costs nothing.
        var costs = guests.Select((guest, i) => Math.Max(0, next[i] + growth[i] - Math.Max(guest.Assigned, next[i]))).ToArray();
        var granted = Fill(free, costs, [.. guests.Select(guest => guest.Weight)]);
        for (var i = 0; i < guests.Count; i++)
        {
            next[i] += growth[i] - costs[i] + granted[i];
        }

        return guests.Select((guest, i) => (guest.Id, Target: Math.Max(next[i], guest.Minimum))).ToDictionary(pair => pair.Id, pair => pair.Target);
    }

    /// <summary>What the guest should have when there is enough: its demand and the buffer, within its limits.</summary>
    public static long Wanted(GuestMemory guest) => guest.Demand is { } demand
        ? Limit(guest, demand + (long)Math.Min(demand / 100.0 * guest.BufferPercent, long.MaxValue / 4))
        : Limit(guest, guest.Target);

    /// <summary>What the guest uses, within its limits.</summary>
    public static long Needed(GuestMemory guest) => Limit(guest, guest.Demand ?? guest.Target);

    /// <summary>What everybody should have in the end.</summary>
    private static long[] Share(long budget, IReadOnlyList<GuestMemory> guests)
    {
        int[] weights = [.. guests.Select(guest => guest.Weight)];
        var share = guests.Select(guest => guest.Minimum).ToArray();
        foreach (var level in new Func<GuestMemory, long>[] { Needed, Wanted })
        {
            var given = Fill(budget - share.Sum(), [.. guests.Select((guest, i) => Math.Max(0, level(guest) - share[i]))], weights);
            for (var i = 0; i < share.Length; i++)
            {
                share[i] += given[i];
            }
        }

        return share;
    }

    /// <summary>A little is not worth asking for, but for the last step to the maximum.</summary>
    private static bool IsWorthIt(GuestMemory guest, long ideal) =>
        ideal - guest.Target > ideal / 64 || (ideal > guest.Target && (ideal == guest.Maximum || guest.Target < guest.Minimum));

    private static long Shrunk(long target, long ideal, bool scarce)
    {
        var slack = scarce ? Math.Max(2 * Step, ideal / 16) : Math.Max(SmallestSlack, ideal / 10);
        if (target - ideal <= slack)
        {
            return target;
        }

        return scarce ? ideal : Math.Max(ideal, target - Math.Max(SmallestShrink, target / 8 / Step * Step));
    }

    /// <summary>
    /// Pours <paramref name="amount"/> into rooms: each gets in proportion to its weight until it is full, and what it does not take goes to the
    /// others. Rooms that do not become full get whole steps.
    /// </summary>
    private static long[] Fill(long amount, long[] rooms, int[] weights)
    {
        var given = new long[rooms.Length];
        if (amount <= 0)
        {
            return given;
        }

        if (rooms.Sum() <= amount)
        {
            return rooms;
        }

        // Weight 0 is the least weight, not none: nobody starves for ever.
        double Weight(int i) => Math.Max(weights[i], 0.5);
        var order = Enumerable.Range(0, rooms.Length).Where(i => rooms[i] > 0).OrderBy(i => rooms[i] / Weight(i)).ToArray();
        var left = amount;
        var weightLeft = order.Sum(Weight);
        foreach (var i in order)
        {
            var fair = (long)(left * (Weight(i) / weightLeft));
            given[i] = Math.Clamp(rooms[i] <= fair ? rooms[i] : fair / Step * Step, 0, left);
            left -= rooms[i] <= fair ? rooms[i] : fair;
            weightLeft -= Weight(i);
        }

        return given;
    }

    private static long Limit(GuestMemory guest, long bytes)
    {
        var most = Math.Max(guest.Minimum, guest.Maximum);
        return bytes >= most ? most : Math.Clamp((bytes + Step - 1) / Step * Step, guest.Minimum, most);
    }
}
