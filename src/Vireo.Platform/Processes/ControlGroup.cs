using System.Globalization;

namespace Vireo.Platform.Processes;

/// <summary>
/// A control group of one process tree: version 1 hierarchies (<c>cpu</c>, <c>memory</c>) or the unified version 2, whichever has the
/// controllers. Where groups cannot be made, <see cref="Unavailable"/> says why and everything else goes on.
/// </summary>
public sealed class ControlGroup
{
    private const string MountInformation = "/proc/self/mountinfo";

    // The period of the processor quota, microseconds: the kernel's default.
    private const long PeriodMicroseconds = 100_000;

    private readonly Dictionary<string, string> _folders;
    private readonly bool _unified;

    private ControlGroup(Dictionary<string, string> folders, bool unified, string? unavailable)
    {
        _folders = folders;
        _unified = unified;
        Unavailable = unavailable;
    }

    /// <summary>Why there is no group, in a sentence; null when there is one.</summary>
    public string? Unavailable { get; }

    /// <summary>Folders of the group, one per hierarchy.</summary>
    public IReadOnlyCollection<string> Folders => _folders.Values.Distinct(StringComparer.Ordinal).ToArray();

    /// <summary>Files to which a process writes its id to enter.</summary>
    public IReadOnlyList<string> ProcessFiles => [.. Folders.Select(folder => Path.Combine(folder, "cgroup.procs"))];

    /// <summary>Makes, or finds again, the group <paramref name="name"/>.</summary>
    public static ControlGroup Create(string name) => Create(name, File.ReadAllLines(MountInformation), File.ReadAllLines("/proc/self/cgroup"));

    /// <summary>Makes, or finds again, the group <paramref name="name"/>, given the mounts and our own memberships (cgroups(7)).</summary>
    public static ControlGroup Create(string name, IReadOnlyList<string> mountInformation, IReadOnlyList<string> memberships)
    {
        Dictionary<string, string> folders = new(StringComparer.Ordinal);
        var unified = false;
        try
        {
            foreach (var (controller, parent, isUnified) in FindParents(mountInformation, memberships))
            {
                if (isUnified)
                {
                    EnableController(parent, controller);
                }

                var folder = Path.Combine(parent, name);
                Directory.CreateDirectory(folder);
                folders[controller] = folder;
                unified |= isUnified;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new(folders, unified, $"The control group '{name}' could not be made: {exception.Message}");
        }

        return new(folders, unified, folders.Count == 0 ? "No control group hierarchy with a cpu or memory controller is mounted." : null);
    }

    /// <summary>The group whose folders somebody wrote down when it was made; the files in them tell which controllers they have.</summary>
    public static ControlGroup Find(IReadOnlyList<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        Dictionary<string, string> found = new(StringComparer.Ordinal);
        var unified = false;
        foreach (var (controller, file, isUnified) in new[] { ("cpu", "cpu.weight", true), ("memory", "memory.max", true), ("cpu", "cpu.shares", false), ("memory", "memory.limit_in_bytes", false) })
        {
            if (!found.ContainsKey(controller) && folders.FirstOrDefault(folder => File.Exists(Path.Combine(folder, file))) is { } folder)
            {
                found[controller] = folder;
                unified |= isUnified;
            }
        }

        return new(found, unified, found.Count == 0 ? "The control group is not there." : null);
    }

    /// <summary>Share under contention (1 to 10000, 100 is usual) and the most processors that may be used; null is no limit.</summary>
    public void SetProcessors(int weight, double? most)
    {
        if (!_folders.TryGetValue("cpu", out var folder))
        {
            return;
        }

        var quota = most is { } processors ? ((long)(processors * PeriodMicroseconds)).ToString(CultureInfo.InvariantCulture) : null;
        if (_unified)
        {
            Write(folder, "cpu.weight", weight.ToString(CultureInfo.InvariantCulture));
            Write(folder, "cpu.max", $"{quota ?? "max"} {PeriodMicroseconds}");
        }
        else
        {
            // 1024 shares are what weight 100 is; the kernel's least is 2.
            Write(folder, "cpu.shares", Math.Max(2, weight * 1024L / 100).ToString(CultureInfo.InvariantCulture));
            Write(folder, "cpu.cfs_quota_us", quota ?? "-1");
        }
    }

    /// <summary>Bytes of memory that the group has, files in memory included; null where nobody counts them.</summary>
    public long? MemoryBytes =>
        _folders.TryGetValue("memory", out var folder) && FindFile(folder, "memory.current", "memory.usage_in_bytes") is { } file
        && long.TryParse(File.ReadAllText(file).AsSpan().Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;

    /// <summary>
    /// Memory that the group may have before the kernel moves some of it to a paging file; null is no limit. Where no paging file takes it, the group
    /// is slowed down (version 2) or stands still (version 1), and is not ended for it.
    /// </summary>
    /// <exception cref="IOException">The kernel refused, for instance because less was asked for than can be moved.</exception>
    public void SetMemory(long? most)
    {
        if (!_folders.TryGetValue("memory", out var folder))
        {
            throw new IOException($"There is no control group with a memory controller. {Unavailable}".TrimEnd());
        }

        var text = most?.ToString(CultureInfo.InvariantCulture);
        if (File.Exists(Path.Combine(folder, "memory.high")))
        {
            Write(folder, "memory.high", text ?? "max");
            return;
        }

        if (most is not null)
        {
            Write(folder, "memory.oom_control", "1");
            Write(folder, "memory.swappiness", "100");
        }

        Write(folder, "memory.limit_in_bytes", text ?? "-1");
        if (most is null)
        {
            Write(folder, "memory.oom_control", "0");
        }
    }

    private static string? FindFile(string folder, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (File.Exists(Path.Combine(folder, name)))
            {
                return Path.Combine(folder, name);
            }
        }

        return null;
    }

    /// <summary>Removes the group once its last process has ended; false when one is left.</summary>
    public bool TryRemove()
    {
        var removed = true;
        foreach (var folder in Folders.Where(Directory.Exists))
        {
            try
            {
                Directory.Delete(folder);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                removed = false;
            }
        }

        return removed;
    }

    private static IEnumerable<(string Controller, string Parent, bool Unified)> FindParents(
        IReadOnlyList<string> mountInformation, IReadOnlyList<string> memberships)
    {
        string? unified = null;
        foreach (var line in mountInformation)
        {
            // proc_pid_mountinfo(5): "... mount-root mount-point options ... - type source super-options"
            var separator = line.IndexOf(" - ", StringComparison.Ordinal);
            if (separator < 0)
            {
                continue;
            }

            var left = line[..separator].Split(' ');
            var right = line[(separator + 3)..].Split(' ');
            if (left.Length < 5 || right.Length < 3)
            {
                continue;
            }

            if (right[0] == "cgroup2")
            {
                unified = left[4];
            }
            else if (right[0] == "cgroup")
            {
                foreach (var controller in right[2].Split(',').Where(option => option is "cpu" or "memory"))
                {
                    // Below our own group, so that limits somebody set for us hold for what we start.
                    var own = memberships.Select(membership => membership.Split(':', 3))
                        .FirstOrDefault(parts => parts.Length == 3 && parts[1].Split(',').Contains(controller))?[2] ?? "/";
                    yield return (controller, Path.Join(left[4], own.TrimStart('/'), "vireo"), false);
                }
            }
        }

        if (unified is not null)
        {
            var controllers = Path.Combine(unified, "cgroup.controllers");
            var available = File.Exists(controllers) ? File.ReadAllText(controllers).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries) : [];

            // A group with processes in it cannot hand controllers down (cgroups(7), "no internal processes"), so not below our own.
            foreach (var controller in available.Where(name => name is "cpu" or "memory"))
            {
                yield return (controller, Path.Combine(unified, "vireo.slice"), true);
            }
        }
    }

    // The hierarchy hands it to our parent group, and that to the groups below. What is on already stays on.
    private static void EnableController(string parent, string controller)
    {
        Directory.CreateDirectory(parent);
        Write(Path.GetDirectoryName(parent)!, "cgroup.subtree_control", "+" + controller);
        Write(parent, "cgroup.subtree_control", "+" + controller);
    }

    private static void Write(string folder, string file, string value) => File.WriteAllText(Path.Combine(folder, file), value);
}
