using Vireo.Host.Machines.Checkpoints;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>
/// Which images of an imported machine are cleaned up when no checkpoint needs them any more: merged into their parents, or deleted. A configuration
/// from elsewhere could name any file of this host there, so it only says which it means; what an image stands on is told by the image, and what does
/// not look like a checkpoint's stays as it is for good.
/// </summary>
internal static class CheckpointImages
{
    /// <summary>The configuration's images of checkpoints, as far as they are.</summary>
    /// <param name="machine">The machine, with the paths of its images as they are now.</param>
    /// <param name="images">The images that its drives and checkpoints consist of, as they were found; parents first.</param>
    /// <param name="isOurs">Whether an image may be changed for the machine; null when all are copied and the copies are meant.</param>
    public static IReadOnlyList<CheckpointDisk> Of(VirtualMachineConfiguration machine, IReadOnlyList<ChainImage> images, Func<ChainImage, bool>? isOurs)
    {
        var written = machine.Checkpoints.Disks.GroupBy(disk => disk.Path).ToDictionary(same => same.Key, same => same.Any(disk => disk.IsKept));
        var (found, disks) = (new HashSet<string>(StringComparer.Ordinal), new List<CheckpointDisk>());
        foreach (var image in images)
        {
            // A parent that comes later would be part of a loop.
            var isKnown = image.ParentPath is { } parent && found.Contains(parent);
            if (found.Add(image.Path) && isKnown && IsNamed(image.Path) && written.TryGetValue(image.Path, out var isKept) && (isOurs is null || isOurs(image)))
            {
                disks.Add(new CheckpointDisk(image.Path, image.ParentPath!, IsKept: isKept));
            }
        }

        return disks;
    }

    /// <summary>
    /// An image that is used where it lies is the machine's own when neither it nor its parent is another machine's, and both lie below the machine's
    /// folder, or it lies beside its parent under a name that a checkpoint gives.
    /// </summary>
    /// <param name="folder">The machine's folder.</param>
    /// <param name="ofOthers">The images of other machines, without links.</param>
    public static Func<ChainImage, bool> OwnedBy(string folder, IReadOnlySet<string> ofOthers)
    {
        var below = RealPath.Of(folder).TrimEnd('/') + "/";
        return image =>
        {
            var (child, parent) = (RealPath.Of(image.Path), RealPath.Of(image.ParentPath!));
            return !ofOthers.Contains(child) && !ofOthers.Contains(parent)
                && ((child.StartsWith(below, StringComparison.Ordinal) && parent.StartsWith(below, StringComparison.Ordinal)) || IsNextTo(child, parent));
        };
    }

    private static bool IsNextTo(string child, string parent) =>
        Path.GetDirectoryName(child) == Path.GetDirectoryName(parent)
        && string.Equals(Path.GetFileNameWithoutExtension(CheckpointFiles.BaseImage(child)), Path.GetFileNameWithoutExtension(CheckpointFiles.BaseImage(parent)), StringComparison.OrdinalIgnoreCase);

    private static bool IsNamed(string path) => Path.GetExtension(path).ToUpperInvariant() is ".AVHD" or ".AVHDX";
}
