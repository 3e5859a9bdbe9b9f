using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Who needs a disk image: machines by their drives, and checkpoints by what they stand on.</summary>
public static class DiskUse
{
    /// <summary>A machine that has the image in a hard disk drive other than <paramref name="exceptDrive"/>, or null.</summary>
    public static VirtualMachineConfiguration? OfDrive(IEnumerable<VirtualMachineConfiguration> machines, string path, Guid? exceptDrive = null) =>
        machines.FirstOrDefault(machine => machine.Drives.Any(drive => drive.Id != exceptDrive && Holds(drive, path)));

    /// <summary>A machine whose checkpoints need the image as it is: one of them was taken with it, or an image that checkpoints made stands on it.</summary>
    public static VirtualMachineConfiguration? OfCheckpoint(IEnumerable<VirtualMachineConfiguration> machines, string path) => machines.FirstOrDefault(machine =>
        machine.Checkpoints.All.Any(checkpoint => checkpoint.Machine.Drives.Any(drive => Holds(drive, path)))
        || machine.Checkpoints.Disks.Any(disk => !disk.IsKept && IsSame(disk.ParentPath, path)));

    /// <summary>A machine whose checkpoints made the image, which is cleaned up when they are removed; or null.</summary>
    public static VirtualMachineConfiguration? OfChain(IEnumerable<VirtualMachineConfiguration> machines, string path) =>
        machines.FirstOrDefault(machine => machine.Checkpoints.Disks.Any(disk => !disk.IsKept && IsSame(disk.Path, path)));

    private static bool Holds(DriveConfiguration drive, string path) => drive is { Kind: DriveKind.HardDisk, Path: { } held } && IsSame(held, path);

    // The same file by another spelling of its path.
    private static bool IsSame(string one, string other) => DiskFiles.AreSame(one, other);
}
