using System.Globalization;

namespace Vireo.Host.Metering;

/// <summary>The clock of this computer's processors, in megahertz: the nominal one, which turbo and power saving do not move.</summary>
internal static class ProcessorClock
{
    private const int Unknown = 1000;
    private static readonly Lazy<int> s_current = new(static () => Of(
        Read("/sys/devices/system/cpu/cpu0/cpufreq/base_frequency"), Read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"), Read("/proc/cpuinfo")));

    /// <summary>Of this computer.</summary>
    public static int Current => s_current.Value;

    /// <summary>Out of the kernel's files, each empty where there is none: kilohertz, kilohertz, and the list of processors.</summary>
    public static int Of(string baseFrequency, string maximumFrequency, string list)
    {
        if (Kilohertz(baseFrequency) is { } nominal)
        {
            return nominal;
        }

        var lines = list.Split('\n');

        // Processors of Intel say their nominal clock in their name.
        var name = lines.FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal)) ?? "";
        var at = name.LastIndexOf('@');
        if (at >= 0 && name.EndsWith("GHz", StringComparison.Ordinal) && Number(name[(at + 1)..^3]) is { } gigahertz && InRange(gigahertz * 1000) is { } named)
        {
            return named;
        }

        var now = lines.FirstOrDefault(static line => line.StartsWith("cpu MHz", StringComparison.Ordinal));
        return Kilohertz(maximumFrequency) ?? (now is null ? null : InRange(Number(now[(now.IndexOf(':', StringComparison.Ordinal) + 1)..]))) ?? Unknown;
    }

    private static int? Kilohertz(string text) => InRange(Number(text) / 1000);

    private static int? InRange(double? megahertz) => megahertz is >= 1 and <= 100_000 ? (int)Math.Round(megahertz.Value) : null;

    private static double? Number(string text) =>
        double.TryParse(text.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
