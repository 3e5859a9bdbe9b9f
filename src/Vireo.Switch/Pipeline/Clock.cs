namespace Vireo.Switch.Pipeline;

/// <summary>The switch's clock in seconds, for ageing.</summary>
internal static class Clock
{
    /// <summary>Whole seconds of a clock that never goes back.</summary>
    public static uint Seconds(TimeProvider clock) => (uint)(clock.GetTimestamp() / clock.TimestampFrequency);
}
