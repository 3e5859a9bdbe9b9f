using System.Globalization;

namespace Vireo.Host.Machines.Memory;

/// <summary>Memory of the host at one instant, in bytes.</summary>
/// <param name="Total">What it has.</param>
/// <param name="Available">What nobody uses, or would give back at once.</param>
internal sealed record MemoryReading(long Total, long Available)
{
    /// <summary>Reads <c>/proc/meminfo</c>.</summary>
    public static MemoryReading Now()
    {
        var values = ProcessFile.Kilobytes("/proc/meminfo", "MemTotal:", "MemAvailable:");
        return new(values[0] << 10, values[1] << 10);
    }

    /// <summary>What the host keeps for itself: enough for its own services to go on when every guest uses what it was promised.</summary>
    public long Reserve => Math.Max(128L << 20, Total / 64);
}

/// <summary>Memory that a machine's process has in use, in bytes.</summary>
/// <param name="Resident">All of it that cannot be thrown away.</param>
/// <param name="Overhead">What of it is not the guest's.</param>
internal readonly record struct ProcessMemory(long Resident, long Overhead)
{
    /// <summary>What QEMU itself takes at the least.</summary>
    public const long LeastOverhead = 16L << 20;

    /// <summary>Reads <c>/proc/PID/status</c>; what a process takes at the least when it is gone.</summary>
    public static ProcessMemory Of(int processId)
    {
        var values = ProcessFile.Kilobytes(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/status"), "RssAnon:", "RssShmem:");
        return new((values[0] + values[1]) << 10, Math.Max(LeastOverhead, values[0] << 10));
    }
}

/// <summary>Files of <c>/proc</c> with lines like <c>Name:  123 kB</c>.</summary>
internal static class ProcessFile
{
    /// <summary>The numbers of the named lines; 0 where one is missing, or the file is.</summary>
    public static long[] Kilobytes(string path, params ReadOnlySpan<string> names)
    {
        var values = new long[names.Length];
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                for (var i = 0; i < names.Length; i++)
                {
                    if (line.StartsWith(names[i], StringComparison.Ordinal))
                    {
                        var text = line.AsSpan(names[i].Length).Trim();
                        var end = text.IndexOf(' ');
                        _ = long.TryParse(end < 0 ? text : text[..end], NumberStyles.None, CultureInfo.InvariantCulture, out values[i]);
                    }
                }
            }
        }
        catch (IOException)
        {
            // The process is gone.
        }

        return values;
    }
}

/// <summary>The most memory that machines may have together, where an administrator says less than all.</summary>
internal static class MemoryCap
{
    /// <summary>Variable in the environment of the host: a number of megabytes.</summary>
    public const string Variable = "VIREO_MACHINE_MEMORY_MB";

    /// <summary>The cap in bytes; null is none.</summary>
    /// <exception cref="InvalidOperationException">The variable holds something else.</exception>
    public static long? Parse(string? text) => string.IsNullOrEmpty(text) ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var megabytes) && megabytes is > 0 and < 1L << 30 ? megabytes << 20
        : throw new InvalidOperationException($"The variable {Variable} is '{text}'; it takes a number of megabytes.");
}
