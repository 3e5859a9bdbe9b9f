using Vireo.Commands.Services;
using Vireo.Machines.Configuration;
using Vireo.Machines.HyperV;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>
/// Checkpoints of a Hyper-V machine. Each has a configuration of its own in <c>Snapshots</c>; which one stands on which is told by the images that they
/// name: a checkpoint's disks were the parents of what came after.
/// </summary>
internal static class ForeignCheckpoints
{
    private const int MaximumFiles = 500;

    /// <summary>Reads the checkpoints of a machine.</summary>
    /// <param name="machine">The machine, with its images where they are now.</param>
    /// <param name="count">How many it says it has.</param>
    /// <param name="folders">Folders in which their configurations may be.</param>
    /// <param name="locate">Finds an image.</param>
    /// <param name="parentOf">The parent of an image, or null.</param>
    /// <param name="cancellation">Gives up between two files.</param>
    public static async Task<(CheckpointTreeConfiguration Tree, IReadOnlyList<Incompatibility> Notes)> ReadAsync(
        VirtualMachineConfiguration machine, int count, IEnumerable<string> folders, Func<string, string> locate, Func<string, Task<string?>> parentOf, CancellationToken cancellation)
    {
        var notes = new List<Incompatibility>();
        var found = new List<CheckpointConfiguration>();
        foreach (var file in folders.Distinct().SelectMany(folder => FilesOf(folder, notes)).Where(IsConfiguration).Take(MaximumFiles))
        {
            cancellation.ThrowIfCancellationRequested();
            if (TryRead(file, machine, locate, notes) is { } checkpoint && found.All(other => other.Id != checkpoint.Id))
            {
                found.Add(checkpoint);
            }
        }

        if (found.Count < count)
        {
            notes.Add(new(
                IncompatibilityKind.CheckpointConfigurationMissing,
                $"The virtual machine '{machine.Name}' says it has {count} checkpoint(s), and the configurations of {found.Count} were found; the others are lost, and their disks are merged."));
        }

        if (found.Count == 0)
        {
            return (new(), notes);
        }

        var parents = await ParentsAsync(found.Select(one => one.Machine).Append(machine), parentOf);
        var ordered = found.OrderBy(one => one.CreationTime).ToList();
        var linked = ordered.Select(one => one with { ParentId = StandsOn(one.Machine, ordered, parents, one.Id) }).ToList();
        return (new CheckpointTreeConfiguration
        {
            All = Sorted(linked),
            CurrentId = StandsOn(machine, ordered, parents, null),

            // The images that checkpoints made, parents first.
            Disks = [.. parents.Where(link => link.Value is not null && IsDifferencing(link.Key)).OrderBy(link => Depth(link.Key, parents)).Select(link => new CheckpointDisk(link.Key, link.Value!))],
        }, notes);
    }

    private static IReadOnlyList<string> FilesOf(string folder, List<Incompatibility> notes)
    {
        try
        {
            return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder).Take(FolderNames.MaximumNames)] : [];
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            notes.Add(new(IncompatibilityKind.CheckpointConfigurationMissing, $"The folder '{folder}' cannot be read: {refused.Message} Checkpoints whose configurations are there are lost."));
            return [];
        }
    }

    private static bool IsConfiguration(string file) =>
        Path.GetExtension(file).ToUpperInvariant() is ".XML" or ".VMCX" && Guid.TryParse(Path.GetFileNameWithoutExtension(file), out _);

    private static bool IsDifferencing(string path) => Path.GetExtension(path).ToUpperInvariant() is ".AVHD" or ".AVHDX";

    private static CheckpointConfiguration? TryRead(string file, VirtualMachineConfiguration machine, Func<string, string> locate, List<Incompatibility> notes)
    {
        ForeignMachine read;
        try
        {
            var content = RegularFile.ReadAllBytes(file, 32 << 20);
            var root = Path.GetExtension(file).Equals(".xml", StringComparison.OrdinalIgnoreCase) ? XmlSettings.Parse(content) : BinarySettings.Parse(content);
            read = ForeignMachine.Read(root, File.GetLastWriteTimeUtc(file));
        }
        catch (Exception damage) when (damage is SettingsFormatException or IOException or UnauthorizedAccessException)
        {
            notes.Add(new(IncompatibilityKind.CheckpointConfigurationMissing, $"The configuration '{file}' of a checkpoint cannot be read: {damage.Message}. The checkpoint is lost, and its disks are merged."));
            return null;
        }

        // Several machines may share one folder.
        if (!read.IsCheckpoint || (read.MachineId != machine.Id && read.MachineId != read.Machine.Id))
        {
            return null;
        }

        var then = MachinePaths.Map(read.Machine, (_, path) => locate(path));
        if (read.MachineId != machine.Id && !then.Drives.Any(drive => machine.Drives.Any(other => SamePlace(drive, other))))
        {
            return null;
        }

        if (then.HasSavedState)
        {
            notes.Add(new(IncompatibilityKind.SettingNotTakenOver, $"The memory of the checkpoint '{read.Machine.Name}' was written by Hyper-V and is not taken over; its disks are."));
        }

        return new CheckpointConfiguration
        {
            Id = read.Machine.Id,
            Name = read.Machine.Name,
            CreationTime = read.Machine.CreationTime,
            Machine = then with
            {
                Id = machine.Id,
                Name = machine.Name,
                HasSavedState = false,

                // A drive is the same drive as long as it has the same place.
                Drives = [.. then.Drives.Select(drive => machine.Drives.FirstOrDefault(other => SamePlace(drive, other)) is { } same ? drive with { Id = same.Id } : drive)],
            },
        };
    }

    private static bool SamePlace(DriveConfiguration one, DriveConfiguration other) =>
        one.Kind == other.Kind && one.Bus == other.Bus && one.ControllerNumber == other.ControllerNumber && one.ControllerLocation == other.ControllerLocation;

    private static async Task<Dictionary<string, string?>> ParentsAsync(IEnumerable<VirtualMachineConfiguration> machines, Func<string, Task<string?>> parentOf)
    {
        var parents = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var path in machines.SelectMany(MachinePaths.Disks).Distinct())
        {
            for (string? next = path; next is not null && !parents.ContainsKey(next) && parents.Count < 10_000;)
            {
                next = parents[next] = await parentOf(next);
            }
        }

        return parents;
    }

    // The checkpoint whose image comes first on the way down from one of the machine's images.
    private static Guid? StandsOn(VirtualMachineConfiguration machine, List<CheckpointConfiguration> all, Dictionary<string, string?> parents, Guid? except)
    {
        foreach (var path in MachinePaths.Disks(machine))
        {
            var seen = new HashSet<string>();
            for (var at = parents.GetValueOrDefault(path); at is not null && seen.Add(at); at = parents.GetValueOrDefault(at))
            {
                // Several checkpoints stand on one image when a checkpoint was taken twice without a write between: the last one counts.
                if (all.LastOrDefault(one => one.Id != except && MachinePaths.Disks(one.Machine).Contains(at)) is { } found)
                {
                    return found.Id;
                }
            }
        }

        return null;
    }

    private static List<CheckpointConfiguration> Sorted(List<CheckpointConfiguration> all)
    {
        // Parents before children; what is in a loop is left at the end, and found by the check.
        var sorted = new List<CheckpointConfiguration>();
        var left = all;
        while (left.Count > 0)
        {
            var next = left.Where(one => one.ParentId is null || sorted.Any(other => other.Id == one.ParentId)).ToList();
            if (next.Count == 0)
            {
                sorted.AddRange(left);
                break;
            }

            sorted.AddRange(next);
            left = [.. left.Except(next)];
        }

        return sorted;
    }

    private static int Depth(string path, Dictionary<string, string?> parents)
    {
        var depth = 0;
        for (var at = parents.GetValueOrDefault(path); at is not null && depth < 256; at = parents.GetValueOrDefault(at))
        {
            depth++;
        }

        return depth;
    }
}
