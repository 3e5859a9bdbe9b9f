using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Transfers;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Mobility;

/// <summary>Where each file of a machine goes. Pure: nothing is looked at but what is handed in.</summary>
/// <param name="Record">What is written down before anything is made.</param>
/// <param name="Images">The images that move, parents before children, as they are now.</param>
/// <param name="Files">Other files that are copied, by where they are and where they go.</param>
internal sealed record StorageMovePlan(StorageMoveRecord Record, IReadOnlyList<ChainImage> Images, IReadOnlyList<(string Source, string Target)> Files)
{
    private static readonly string[][] s_sameFormat = [[".VHDX", ".AVHDX"], [".VHD", ".AVHD"]];

    /// <summary>Everything is where it should be.</summary>
    public bool IsEmpty(VirtualMachineConfiguration machine) => Images.Count == 0
        && (Record.Path, Record.SnapshotFileLocation, Record.SmartPagingFilePath) == (machine.Path, machine.SnapshotFileLocation, machine.SmartPagingFilePath);

    /// <summary>Plans a move.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="images">All images that it stands on, parents before children.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="isRunning">It has a process, which writes to the images of its drives.</param>
    /// <param name="id">Of the move.</param>
    /// <param name="toOtherHost">What has a place goes there even where the path is the same: it is another host's.</param>
    /// <exception cref="Commands.Framework.CommandException">A disk that is named is none of the machine's, or cannot go where it is told to.</exception>
    public static StorageMovePlan Of(VirtualMachineConfiguration machine, IReadOnlyList<ChainImage> images, StorageMoveRequest request, bool isRunning, Guid id, bool toOtherHost = false)
    {
        var targets = request.DestinationPath is { } folder ? Together(images, folder) : Each(machine, images, request.Disks);
        var moved = images.Where(image => targets.TryGetValue(image.Path, out var target) && (toOtherHost || target != image.Path)).ToList();
        var record = new StorageMoveRecord(id, machine.Id)
        {
            Path = request.DestinationPath ?? request.VirtualMachinePath ?? machine.Path,
            SnapshotFileLocation = request.DestinationPath ?? request.SnapshotFilePath ?? machine.SnapshotFileLocation,
            SmartPagingFilePath = request.DestinationPath ?? request.SmartPagingFilePath ?? machine.SmartPagingFilePath,
            Images = [.. moved.Select(image => new ImageMove(image.Path, targets[image.Path]))],
            Live = isRunning
                ? [.. machine.Drives.Where(drive => drive.Kind == DriveKind.HardDisk && moved.Exists(image => image.Path == drive.Path))
                    .Select(drive => new LiveImageMove(drive.Id, drive.Path!, targets[drive.Path!]))]
                : [],
            SourceImages = request.RetainSources ? [] : [.. moved.Select(image => image.Path).Where(path => request.RemoveUnmanaged || IsManaged(machine, path)).Reverse()],
        };

        // The files that a process has open stay until it ends; on another host another process opens its own.
        var staysOpen = isRunning && !toOtherHost;
        var after = Placed(machine, record, staysOpen);
        var isPathNew = toOtherHost ? (request.DestinationPath ?? request.VirtualMachinePath) is not null : after.Path != machine.Path;
        var areSnapshotsNew = toOtherHost ? (request.DestinationPath ?? request.SnapshotFilePath) is not null : after.SnapshotFileLocation != machine.SnapshotFileLocation;
        var files = (isPathNew ? Pairs(machine, after, MachineFiles.Memory) : []).Concat(areSnapshotsNew ? Pairs(machine, after, MachineFiles.Checkpoints) : [])
            .Concat(isPathNew && !staysOpen ? Pairs(machine, after, MachineFiles.Devices) : []).ToList();
        return new(
            record with
            {
                SourceFiles = [.. files.Select(pair => pair.Source), .. isPathNew ? [MachineFiles.Configuration(machine), .. staysOpen ? MachineFiles.Devices(machine) : []] : Array.Empty<string>()],
                SourceFolders = Folders(machine, isPathNew, areSnapshotsNew),
            },
            moved,
            files);
    }

    /// <summary>The machine after a move: its images and files where the move put them.</summary>
    public static VirtualMachineConfiguration Apply(VirtualMachineConfiguration machine, StorageMoveRecord record, bool isRunning)
    {
        var targets = record.Images.ToDictionary(image => image.Source, image => image.Target);
        return Placed(MachinePaths.Map(machine, (kind, path) => kind == DriveKind.HardDisk ? targets.GetValueOrDefault(path, path) : path), record, isRunning);
    }

    /// <summary>The machine after a move that came to some of its running disks only: the rest stays where it was.</summary>
    public static VirtualMachineConfiguration ApplyPart(VirtualMachineConfiguration machine, StorageMoveRecord record, IReadOnlyCollection<LiveImageMove> switched)
    {
        var targets = record.Images.ToDictionary(image => image.Source, image => image.Target);
        return machine with
        {
            LastMove = record.Id,
            Drives = [.. machine.Drives.Select(drive => switched.FirstOrDefault(live => live.DriveId == drive.Id) is { } live ? drive with { Path = live.Target } : drive)],
            Checkpoints = machine.Checkpoints with
            {
                Disks =
                [
                    .. machine.Checkpoints.Disks.Select(disk => switched.FirstOrDefault(live => live.Source == disk.Path) is { } live
                        ? disk with { Path = live.Target, ParentPath = targets.GetValueOrDefault(disk.ParentPath, disk.ParentPath) } : disk),
                ],
            },
        };
    }

    private static VirtualMachineConfiguration Placed(VirtualMachineConfiguration machine, StorageMoveRecord record, bool isRunning)
    {
        // What the process has open stays where it is until it ends.
        var open = isRunning && machine.Generation == 2 ? machine.FirmwarePath ?? machine.Path : null;
        return MachinePaths.Place(machine, record.Path, record.SnapshotFileLocation, record.SmartPagingFilePath) with
        {
            LastMove = record.Id,
            FirmwarePath = open == record.Path ? null : open,
        };
    }

    private static Dictionary<string, string> Together(IReadOnlyList<ChainImage> images, string folder)
    {
        var disks = Path.Combine(folder, ExportLayout.DiskFolder);
        var names = new NameGiver();

        // What is there already keeps its name.
        return images.OrderBy(image => Path.GetDirectoryName(image.Path) == disks ? 0 : 1)
            .ToDictionary(image => image.Path, image => names.Give(disks, image.Path));
    }

    private static Dictionary<string, string> Each(VirtualMachineConfiguration machine, IReadOnlyList<ChainImage> images, IReadOnlyDictionary<string, string> wanted)
    {
        var targets = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (source, target) in wanted)
        {
            if (images.All(image => image.Path != source))
            {
                throw Errors.Invalid($"'{source}' is no disk of the virtual machine '{machine.Name}', which has {string.Join(", ", images.Select(image => $"'{image.Path}'"))}.", source);
            }

            if (!IsSameFormat(source, target))
            {
                throw Errors.Invalid($"'{source}' cannot become '{target}': a move keeps the format, and so the extension; use Convert-VHD to change it.", target);
            }

            targets[source] = target;
        }

        // What checkpoints made goes where the image goes that it stands on. Parents come first.
        var made = machine.Checkpoints.Disks.Select(disk => disk.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var image in images.Where(image => !targets.ContainsKey(image.Path) && made.Contains(image.Path)))
        {
            if (image.ParentPath is { } parent && targets.TryGetValue(parent, out var moved))
            {
                targets[image.Path] = Path.Combine(Path.GetDirectoryName(moved)!, Path.GetFileName(image.Path));
            }
        }

        return targets.Values.GroupBy(target => target, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw Errors.Invalid($"Two disks of the virtual machine '{machine.Name}' cannot both become '{twice.Key}'.", twice.Key)
            : targets;
    }

    private static bool IsSameFormat(string source, string target)
    {
        var (one, other) = (Path.GetExtension(source).ToUpperInvariant(), Path.GetExtension(target).ToUpperInvariant());
        return one == other || s_sameFormat.Any(same => same.Contains(one) && same.Contains(other));
    }

    // Images that nobody but a parent link of another image names were put there by somebody else.
    private static bool IsManaged(VirtualMachineConfiguration machine, string path) =>
        MachinePaths.Disks(machine).Contains(path) || machine.Checkpoints.Disks.Any(disk => disk.Path == path || disk.ParentPath == path);

    private static IEnumerable<(string Source, string Target)> Pairs(
        VirtualMachineConfiguration before, VirtualMachineConfiguration after, Func<VirtualMachineConfiguration, IReadOnlyList<string>> files) => files(before).Zip(files(after));

    private static IReadOnlyList<string> Folders(VirtualMachineConfiguration before, bool isPathNew, bool areSnapshotsNew)
    {
        var folders = new List<string>();
        if (areSnapshotsNew)
        {
            folders.Add(Path.GetDirectoryName(CheckpointFiles.State(before, Guid.Empty))!);
        }

        if (isPathNew)
        {
            folders.AddRange([Path.GetDirectoryName(MachineFiles.Configuration(before))!, Path.Combine(before.Path, ExportLayout.DiskFolder), before.Path]);
        }

        return folders;
    }
}
