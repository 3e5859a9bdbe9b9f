namespace Vireo.Host.Metering;

/// <summary>
/// A moment on a clock that nobody can set: milliseconds since the computer started (CLOCK_MONOTONIC, clock_gettime(2)). Within a boot it goes
/// on across restarts of the host; moments of two boots cannot be compared.
/// </summary>
/// <param name="BootId">Which boot.</param>
/// <param name="Milliseconds">Since then.</param>
internal readonly record struct MeterInstant(string BootId, long Milliseconds)
{
    /// <summary>Milliseconds since <paramref name="earlier"/>; null when that was before the computer was started.</summary>
    public long? Since(MeterInstant earlier) => BootId == earlier.BootId ? Math.Max(0, Milliseconds - earlier.Milliseconds) : null;
}
