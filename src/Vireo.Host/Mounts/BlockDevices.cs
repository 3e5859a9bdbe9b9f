using System.Globalization;
using Vireo.Platform.Files;

namespace Vireo.Host.Mounts;

/// <summary>The block devices of this computer, as <c>/sys/block</c> shows them.</summary>
internal static class BlockDevices
{
    private const string Folder = "/sys/block";

    /// <summary>Number of the disk behind <paramref name="devicePath"/>; null when it is none or has no number.</summary>
    public static uint? NumberOf(string devicePath) => uint.TryParse(Read(Path.GetFileName(devicePath), "diskseq"), CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The device that has a number, or null.</summary>
    public static string? Find(uint number) => Names().Select(static name => $"/dev/{name}").FirstOrDefault(device => NumberOf(device) == number);

    /// <summary>Loop devices that stand on a file, also on one that has lost its name.</summary>
    public static IReadOnlyList<string> LoopsOn(string file) =>
    [
        .. Names().Where(static name => name.StartsWith("loop", StringComparison.Ordinal))
            .Where(name => Read(name, "loop/backing_file") is { } backing && (backing == file || backing == $"{file} (deleted)")).Select(static name => $"/dev/{name}"),
    ];

    /// <summary>What uses a device or a part of it, in words; null when nothing does that we can see.</summary>
    public static string? UserOf(string devicePath)
    {
        var name = Path.GetFileName(devicePath);
        foreach (var part in Parts(name))
        {
            var folder = part == name ? Path.Combine(Folder, name) : Path.Combine(Folder, name, part);
            if (ReadFile(Path.Combine(folder, "dev")) is { } number
                && MountTable.Read().FirstOrDefault(mounted => mounted.Device == number) is { } mounted)
            {
                return $"'/dev/{part}' is mounted at '{mounted.Path}'";
            }

            if (Directory.Exists(Path.Combine(folder, "holders")) && Directory.EnumerateFileSystemEntries(Path.Combine(folder, "holders")).FirstOrDefault() is { } holder)
            {
                return $"'/dev/{Path.GetFileName(holder)}' stands on '/dev/{part}'";
            }
        }

        return null;
    }

    private static IEnumerable<string> Names() => Directory.Exists(Folder) ? Directory.EnumerateFileSystemEntries(Folder).Select(entry => Path.GetFileName(entry)!) : [];

    // The device, and its partitions: folders that have a file called partition.
    private static IEnumerable<string> Parts(string name) => Directory.Exists(Path.Combine(Folder, name))
        ? [name, .. Directory.EnumerateDirectories(Path.Combine(Folder, name)).Where(folder => File.Exists(Path.Combine(folder, "partition"))).Select(folder => Path.GetFileName(folder)!)]
        : [];

    private static string? Read(string name, string attribute) => ReadFile(Path.Combine(Folder, name, attribute));

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
