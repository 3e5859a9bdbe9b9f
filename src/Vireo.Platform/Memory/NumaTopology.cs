using System.Globalization;

namespace Vireo.Platform.Memory;

/// <summary>A NUMA node of this computer.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Processors">Its logical processors, in order.</param>
/// <param name="TotalBytes">Memory.</param>
/// <param name="FreeBytes">Memory that nobody uses, or that the kernel would give up at once.</param>
public sealed record NumaNode(int Id, IReadOnlyList<int> Processors, long TotalBytes, long FreeBytes);

/// <summary>The NUMA nodes of this computer, from <c>/sys/devices/system</c>. A kernel without NUMA has one node.</summary>
/// <param name="Nodes">Nodes with memory or processors, in order.</param>
/// <param name="Sockets">Processor packages.</param>
/// <param name="ThreadsPerCore">Threads of a core.</param>
public sealed record NumaTopology(IReadOnlyList<NumaNode> Nodes, int Sockets, int ThreadsPerCore)
{
    private const int MostProcessors = 65536;

    /// <summary>Reads them.</summary>
    /// <param name="system">Folder of the kernel's devices.</param>
    /// <param name="memory">File of the whole memory, for a kernel without nodes.</param>
    public static NumaTopology Read(string system = "/sys/devices/system", string memory = "/proc/meminfo")
    {
        var folder = Path.Combine(system, "node");
        List<NumaNode> nodes = [];
        foreach (var node in Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "node*") : [])
        {
            if (int.TryParse(Path.GetFileName(node).AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                var (total, free) = ReadMemory(Path.Combine(node, "meminfo"));
                nodes.Add(new(id, ParseList(ReadText(Path.Combine(node, "cpulist"))), total, free));
            }
        }

        nodes = [.. nodes.Where(node => node.TotalBytes > 0 || node.Processors.Count > 0).OrderBy(node => node.Id)];
        var online = ParseList(ReadText(Path.Combine(system, "cpu", "online")));
        if (nodes.Count <= 1)
        {
            // All that there is is there; the kernel's figures of a node leave memory out that came later.
            var (total, free) = ReadMemory(memory);
            nodes = [new(nodes.Count == 0 ? 0 : nodes[0].Id, online, total, free)];
        }

        var sockets = online.Select(processor => ReadText(Path.Combine(system, "cpu", $"cpu{processor}", "topology", "physical_package_id"))).Distinct(StringComparer.Ordinal).Count();
        var threads = ParseList(ReadText(Path.Combine(system, "cpu", $"cpu{(online.Count > 0 ? online[0] : 0)}", "topology", "thread_siblings_list"))).Count;
        return new(nodes, Math.Max(1, sockets), Math.Max(1, threads));
    }

    /// <summary>Numbers of a list like <c>0-3,8</c>; what is out of form is left out.</summary>
    public static IReadOnlyList<int> ParseList(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> numbers = [];
        foreach (var part in text.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = part.Split('-');
            if (int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
                && last >= first && last < MostProcessors)
            {
                numbers.AddRange(Enumerable.Range(first, last - first + 1));
            }
        }

        return numbers;
    }

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    // "Node 0 MemTotal:  123 kB", or without the first two words.
    private static (long Total, long Free) ReadMemory(string path)
    {
        long total = 0, free = 0, cached = 0;
        foreach (var line in ReadText(path).Split('\n'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var name = Array.FindIndex(words, word => word.EndsWith(':'));
            if (name >= 0 && name + 1 < words.Length && long.TryParse(words[name + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes))
            {
                switch (words[name])
                {
                    case "MemTotal:":
                        total = kilobytes << 10;
                        break;
                    case "MemFree:":
                        free = kilobytes << 10;
                        break;
                    case "Active(file):" or "Inactive(file):":
                        cached += kilobytes << 10;
                        break;
                }
            }
        }

        return (total, Math.Min(total, free + (cached / 2)));
    }
}
