namespace Vireo.Storage.Layers;

/// <summary>What a disk may use, and what it is promised.</summary>
/// <param name="MinimumIops">Normalised operations a second that the disk gets first when the host's disks compete; 0 promises nothing.</param>
/// <param name="MaximumIops">Normalised operations a second that it never exceeds over time; 0 is no limit.</param>
/// <param name="MaximumBytesPerSecond">Bytes a second; 0 is no limit.</param>
/// <param name="Burst">How much of the maximum, in time, may be used at once after a pause. At least <see cref="SmallestBurst"/>.</param>
public sealed record ThrottleLimits(long MinimumIops, long MaximumIops, long MaximumBytesPerSecond, TimeSpan Burst)
{
    /// <summary>Below this a timer that is a little late would cost throughput.</summary>
    public static readonly TimeSpan SmallestBurst = TimeSpan.FromMilliseconds(20);

    /// <summary>What a disk without a minimum weighs beside those that have one.</summary>
    public const long DefaultWeight = 50;

    /// <summary>Share of what is left when every minimum is met.</summary>
    public long Weight => MinimumIops > 0 ? MinimumIops : DefaultWeight;

    /// <summary>Whether there is any maximum.</summary>
    public bool HasMaximum => MaximumIops > 0 || MaximumBytesPerSecond > 0;

    /// <summary>Limits from the settings of a layer.</summary>
    /// <exception cref="FormatException">A setting is wrong.</exception>
    public static ThrottleLimits From(LayerSettings settings)
    {
        var limits = new ThrottleLimits(
            settings.Integer("minimumIops", 0, 0, 1_000_000_000),
            settings.Integer("maximumIops", 0, 0, 1_000_000_000),
            (long)settings.Number("maximumBytesPerSecond", 0, 0, 1e15),
            TimeSpan.FromMilliseconds(settings.Number("burstMilliseconds", 100, SmallestBurst.TotalMilliseconds, 3_600_000)));
        return limits.MaximumIops == 0 || limits.MinimumIops <= limits.MaximumIops
            ? limits
            : throw new FormatException($"the setting 'minimumIops' is {limits.MinimumIops}, which must not be more than 'maximumIops', {limits.MaximumIops}");
    }
}
