using System.Globalization;
using Vireo.Platform.Files;

namespace Vireo.Host.Mounts;

/// <summary>The block devices of this computer, as <c>/sys/block</c> shows them.</summary>
internal static class BlockDevices
{
    private const string Folder = "/sys/block";

    /// <summary>Names of all disks: those of folders in <c>/sys/block</c>.</summary>
    public static IEnumerable<string> Names() => Directory.Exists(Folder) ? Directory.EnumerateFileSystemEntries(Folder).Select(entry => Path.GetFileName(entry)!) : [];

    /// <summary>The device of a name; where the device lies in a folder, the name has an exclamation mark.</summary>
    public static string DeviceOf(string name) => $"/dev/{name.Replace('!', '/')}";

    /// <summary>An attribute of a disk; null when it has none.</summary>
    public static string? Read(string name, string attribute) => ReadFile(Path.Combine(Folder, name, attribute));

    /// <summary>Number of the disk behind <paramref name="devicePath"/>; null when it is none or has no number.</summary>
    public static uint? NumberOf(string devicePath) => uint.TryParse(Read(NameOf(devicePath), "diskseq"), CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The device that has a number, or null.</summary>
    public static string? Find(uint number) => Names().Select(DeviceOf).FirstOrDefault(device => NumberOf(device) == number);

    /// <summary>Loop devices that stand on a file, also on one that has lost its name.</summary>
    public static IReadOnlyList<string> LoopsOn(string file) =>
    [
        .. Names().Where(static name => name.StartsWith("loop", StringComparison.Ordinal))
            .Where(name => Read(name, "loop/backing_file") is { } backing && (backing == file || backing == $"{file} (deleted)")).Select(static name => $"/dev/{name}"),
    ];

    /// <summary>What uses a device or a part of it, in words; null when nothing does that we can see.</summary>
    public static string? UserOf(string devicePath)
    {
        var name = NameOf(devicePath);
        var pagedTo = PagedTo();
        foreach (var part in Parts(name))
        {
            var folder = part == name ? Path.Combine(Folder, name) : Path.Combine(Folder, name, part);
            if (ReadFile(Path.Combine(folder, "dev")) is { } number
                && MountTable.Read().FirstOrDefault(mounted => mounted.Device == number) is { } mounted)
            {
                return $"'{DeviceOf(part)}' is mounted at '{mounted.Path}'";
            }

            if (pagedTo.Contains(DeviceOf(part)))
            {
                return $"'{DeviceOf(part)}' is used for swap";
            }

            if (Directory.Exists(Path.Combine(folder, "holders")) && Directory.EnumerateFileSystemEntries(Path.Combine(folder, "holders")).FirstOrDefault() is { } holder)
            {
                return $"'{DeviceOf(Path.GetFileName(holder))}' stands on '{DeviceOf(part)}'";
            }
        }

        return null;
    }

    private static string NameOf(string devicePath) => devicePath.StartsWith("/dev/", StringComparison.Ordinal) ? devicePath["/dev/".Length..].Replace('/', '!') : Path.GetFileName(devicePath);

    // proc_swaps(5): the first word of each line behind the first.
    private static HashSet<string> PagedTo() => ReadFile("/proc/swaps") is { } table
        ? [.. table.Split('\n').Skip(1).Select(static line => line.Split([' ', '\t'], 2)[0]).Where(static path => path.Length > 0).Select(RealPath.Of)]
        : [];

    // The device, and its partitions: folders that have a file called partition.
    private static IEnumerable<string> Parts(string name) => Directory.Exists(Path.Combine(Folder, name))
        ? [name, .. Directory.EnumerateDirectories(Path.Combine(Folder, name)).Where(folder => File.Exists(Path.Combine(folder, "partition"))).Select(folder => Path.GetFileName(folder)!)]
        : [];

    private static string? ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A loop device without a file has no such attribute; others may have gone meanwhile.
            return null;
        }
    }
}
