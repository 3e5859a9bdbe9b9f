namespace Vireo.Host.Machines.Memory;

/// <summary>What a guest is taken to need, from what it says: it rises at once and falls slowly, so that a short dip moves no memory, and trembling does not move it.</summary>
internal static class DemandEstimate
{
    /// <summary>The next estimate, in bytes.</summary>
    /// <param name="previous">The last one; null for the first.</param>
    /// <param name="assigned">Memory that the guest has.</param>
    /// <param name="available">What of it the guest could use without swapping, as it says itself.</param>
    /// <param name="swapped">What it swapped since it was asked last: memory that it would have used.</param>
    public static long Next(long? previous, long assigned, long available, long swapped)
    {
        // A guest may say what it likes; it gets no more than its maximum for it, and no less than its minimum.
        var sample = assigned - Math.Clamp(available, 0, assigned) + Math.Clamp(swapped, 0, assigned);
        return previous is not { } last ? sample
            : Math.Abs(sample - last) <= last / 32 ? last
            : sample < last ? last - ((last - sample) / 4) : sample;
    }
}

/// <summary>How a running guest is off with its memory, in the original's words.</summary>
internal static class MemoryStatusText
{
    /// <summary>At least half of the buffer is there.</summary>
    public const string Ok = "OK";

    /// <summary>Less than half of the buffer is there.</summary>
    public const string Low = "Low";

    /// <summary>Hardly any buffer is left: the guest pages, or is about to.</summary>
    public const string Warning = "Warning";

    /// <summary>Some of what the guest started anew with is in a smart paging file.</summary>
    public const string Paging = "Paging";

    /// <summary>The word for a guest with <paramref name="assigned"/> bytes that uses <paramref name="demand"/>.</summary>
    public static string Of(long assigned, long demand, int bufferPercent)
    {
        var buffer = demand / 100.0 * bufferPercent;
        var spare = assigned - demand;
        return spare >= buffer / 2 ? Ok : spare > buffer / 10 ? Low : Warning;
    }
}
