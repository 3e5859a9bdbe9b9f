using System.Globalization;
using Vireo.Commands.Services;
using Vireo.Platform.Memory;

namespace Vireo.Host.Machines.Processors;

/// <summary>The NUMA nodes of this host, and what machines have on them, as the kernel says.</summary>
/// <param name="processes">Running machines and their processes.</param>
/// <param name="time">Clock.</param>
internal sealed class HostNumaService(Func<IEnumerable<(Guid Machine, int ProcessId)>> processes, TimeProvider time) : IHostNuma
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<HostNumaNode>> NodesAsync(CancellationToken cancellation)
    {
        var before = ReadTimes(File.ReadLines("/proc/stat"));
        await Task.Delay(s_look, time, cancellation);
        var after = ReadTimes(File.ReadLines("/proc/stat"));
        return
        [
            .. NumaTopology.Read().Nodes.Select(node => new HostNumaNode(
                node.Id, [.. node.Processors.Select(processor => Available(before.GetValueOrDefault(processor), after.GetValueOrDefault(processor)))], node.FreeBytes, node.TotalBytes)),
        ];
    }

    /// <inheritdoc/>
    public IReadOnlyList<HostNumaUse> Uses() =>
        [.. processes().SelectMany(one => ReadPlaces(one.ProcessId).Select(place => new HostNumaUse(place.Key, one.Machine, place.Value))).OrderBy(use => use.NodeId)];

    /// <summary>Idle and whole time of each processor, from the lines of <c>/proc/stat</c>.</summary>
    internal static Dictionary<int, (long Idle, long All)> ReadTimes(IEnumerable<string> lines)
    {
        var times = new Dictionary<int, (long Idle, long All)>();
        foreach (var words in lines.Where(line => line.StartsWith("cpu", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            // proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; guest time is in user time already.
            if (words.Length > 8 && int.TryParse(words[0].AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out var processor))
            {
                var values = words.Skip(1).Take(8).Select(word => long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0).ToList();
                times[processor] = (values[3] + values[4], values.Sum());
            }
        }

        return times;
    }

    /// <summary>Bytes of guest memory by node, from the lines of <c>/proc/PID/numa_maps</c> (numa(7)).</summary>
    internal static Dictionary<int, long> ReadPlaces(IEnumerable<string> lines)
    {
        var places = new Dictionary<int, long>();
        foreach (var words in lines.Where(line => line.Contains("memfd:", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            var page = words.FirstOrDefault(word => word.StartsWith("kernelpagesize_kB=", StringComparison.Ordinal)) is { } size
                && long.TryParse(size.AsSpan(18), NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes) ? kilobytes << 10 : 4096;
            foreach (var word in words.Where(word => word.Length > 3 && word[0] == 'N'))
            {
                var parts = word[1..].Split('=');
                if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var node)
                    && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var pages))
                {
                    places[node] = places.GetValueOrDefault(node) + (pages * page);
                }
            }
        }

        return places;
    }

    private static int Available((long Idle, long All) before, (long Idle, long All) after) =>
        after.All <= before.All ? 100 : (int)Math.Clamp((after.Idle - before.Idle) * 100 / (after.All - before.All), 0, 100);

    private static Dictionary<int, long> ReadPlaces(int processId)
    {
        try
        {
            return ReadPlaces(File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/numa_maps")));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It ended.
            return [];
        }
    }
}
