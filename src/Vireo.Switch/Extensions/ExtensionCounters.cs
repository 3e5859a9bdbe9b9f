using Vireo.Control.Switching;

namespace Vireo.Switch.Extensions;

/// <summary>What an extension has done. Written by the packet thread, read as it stands by others.</summary>
internal sealed class ExtensionCounters
{
    public long Frames;
    public long Dropped;
    public long Injected;
    public long Skipped;
    public long Ticks;
    public long AllocatedBytes;

    /// <summary>As others see it.</summary>
    public ExtensionStatistics Read() => new(
        Volatile.Read(ref Frames), Volatile.Read(ref Dropped), Volatile.Read(ref Injected), Volatile.Read(ref Skipped),
        (long)(Volatile.Read(ref Ticks) * (1e9 / System.Diagnostics.Stopwatch.Frequency)), Volatile.Read(ref AllocatedBytes));
}
