using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>The paths of images in a configuration: its own, those of its checkpoints, and what is known of images that checkpoints made.</summary>
internal static class MachinePaths
{
    /// <summary>Every image of a hard disk that the machine or one of its checkpoints stands on; each once.</summary>
    public static IReadOnlyList<string> Disks(VirtualMachineConfiguration machine) =>
    [
        .. machine.Drives.Concat(machine.Checkpoints.All.SelectMany(one => one.Machine.Drives))
            .Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null, PhysicalDisk: null }).Select(drive => drive.Path!).Distinct(),
    ];

    /// <summary>These, and what checkpoints made or are about to make.</summary>
    public static IEnumerable<string> Images(VirtualMachineConfiguration machine) => Disks(machine)
        .Concat(machine.Checkpoints.Disks.SelectMany(disk => new[] { disk.Path, disk.ParentPath }))
        .Concat(machine.Checkpoints.Work?.Disks.SelectMany(disk => new[] { disk.Path, disk.ParentPath }) ?? []);

    /// <summary>The same machine with other paths of images; a floppy disk is a medium as that of a DVD drive is.</summary>
    public static VirtualMachineConfiguration Map(VirtualMachineConfiguration machine, Func<DriveKind, string, string> map) => Drives(machine, map) with
    {
        Checkpoints = machine.Checkpoints with
        {
            All = [.. machine.Checkpoints.All.Select(one => one with { Machine = Drives(one.Machine, map) })],
            Disks = [.. machine.Checkpoints.Disks.Select(disk => disk with { Path = map(DriveKind.HardDisk, disk.Path), ParentPath = map(DriveKind.HardDisk, disk.ParentPath) })],
            Work = machine.Checkpoints.Work is { } work
                ? work with { Disks = [.. work.Disks.Select(disk => disk with { Path = map(DriveKind.HardDisk, disk.Path), ParentPath = map(DriveKind.HardDisk, disk.ParentPath) })] }
                : null,
        },
    };

    /// <summary>The same machine in another folder.</summary>
    public static VirtualMachineConfiguration Place(VirtualMachineConfiguration machine, string folder, string snapshots, string paging) =>
        Folders(machine, folder, snapshots, paging) with
        {
            Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one with { Machine = Folders(one.Machine, folder, snapshots, paging) })] },
        };

    private static VirtualMachineConfiguration Folders(VirtualMachineConfiguration machine, string folder, string snapshots, string paging) =>
        machine with { Path = folder, SnapshotFileLocation = snapshots, SmartPagingFilePath = paging, FirmwarePath = null };

    private static VirtualMachineConfiguration Drives(VirtualMachineConfiguration machine, Func<DriveKind, string, string> map) => machine with
    {
        Drives = [.. machine.Drives.Select(drive => drive is { Path: { } path, PhysicalDisk: null } ? drive with { Path = map(drive.Kind, path) } : drive)],
        FloppyPath = machine.FloppyPath is { } floppy ? map(DriveKind.Dvd, floppy) : null,
    };
}
