using System.Globalization;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Physical disks of the host that machines have as they are (pass-through).</summary>
public static class PhysicalDisks
{
    private const string DeviceFolder = "/dev/";
    private const string ListHint = "'Get-VMHostDisk' lists the disks of the host";

    /// <summary>The disk that is asked for: by number, or by a path that is a device; null when the path is that of an image.</summary>
    public static HostDisk? Asked(CommandContext context, string? path, uint? number)
    {
        ArgumentNullException.ThrowIfNull(context);
        var disks = context.Service<IHostDisks>();
        if (number is { } given)
        {
            return path is not null ? throw Errors.Invalid("A hard disk drive has a virtual hard disk (-Path) or a physical disk (-DiskNumber), not both.", path)
                : disks.All.FirstOrDefault(disk => disk.Number == given) ?? throw Errors.Invalid($"This host has no disk with the number {given}; {ListHint}.", given);
        }

        if (path is null)
        {
            return null;
        }

        var found = disks.Find(path);
        return found is null && path.StartsWith(DeviceFolder, StringComparison.Ordinal) && !IsImageName(path)
            ? throw Errors.Invalid($"'{path}' is no whole disk of this host: a guest gets a disk, a logical volume or an array, not a partition; {ListHint}.", path)
            : found;
    }

    /// <summary>The drive with a physical disk. Throws unless nobody else uses that, no program of this computer and no other drive.</summary>
    public static DriveConfiguration Give(CommandContext context, DriveConfiguration drive, HostDisk disk)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(drive);
        ArgumentNullException.ThrowIfNull(disk);
        var disks = context.Service<IHostDisks>();
        if (OwnerOf(context.Service<IMachines>().All, disks, disk, drive.Id) is { } owner)
        {
            throw new CommandException(
                "ObjectInUse", ErrorCategory.ResourceBusy, $"The physical disk '{disk.DevicePath}' is attached to the virtual machine '{owner.Name}' already; a disk belongs to one machine.", disk.DevicePath);
        }

        if (disks.Problem(disk) is { } problem)
        {
            throw new CommandException(
                "ObjectInUse", ErrorCategory.ResourceBusy, $"The physical disk '{disk.DevicePath}' {problem}. A guest gets a disk that nobody else uses: unmount what is on it, or choose another; {ListHint}.", disk.DevicePath);
        }

        return drive with { Path = disk.Path, PhysicalDisk = new PhysicalDiskConfiguration { Identity = disk.Identity, SizeBytes = disk.SizeBytes } };
    }

    /// <summary>Throws when the bus has no sectors of the disk's size.</summary>
    public static void RequireSectors(HostDisk? disk, DriveBus bus)
    {
        if (bus == DriveBus.Ide && disk is { LogicalSectorBytes: not 512 })
        {
            throw Errors.Invalid($"The physical disk '{disk.DevicePath}' has sectors of {disk.LogicalSectorBytes} bytes, which the IDE controller does not have; use the SCSI controller.", disk.DevicePath);
        }
    }

    /// <summary>Number of the disk that a device or a link to one leads to now; null when there is none.</summary>
    public static uint? NumberOf(string path)
    {
        try
        {
            var device = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
            var name = Path.GetRelativePath(DeviceFolder, device).Replace('/', '!');
            return uint.TryParse(File.ReadAllText($"/sys/block/{name}/diskseq").Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The machine that has a disk in a drive other than <paramref name="exceptDrive"/>, or null.</summary>
    public static VirtualMachineConfiguration? OwnerOf(IEnumerable<VirtualMachineConfiguration> machines, IHostDisks disks, HostDisk disk, Guid? exceptDrive = null)
    {
        ArgumentNullException.ThrowIfNull(disks);
        ArgumentNullException.ThrowIfNull(disk);
        return machines.FirstOrDefault(machine => machine.Drives.Any(drive =>
            drive is { PhysicalDisk: not null, Path: { } path } && drive.Id != exceptDrive && disks.Find(path)?.DevicePath == disk.DevicePath));
    }

    /// <summary>Throws when a machine has a physical disk, whose content is not the machine's to copy.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="cannot">What cannot be done with the machine: <c>cannot be exported</c>.</param>
    public static void RefuseFor(VirtualMachineConfiguration machine, string cannot)
    {
        ArgumentNullException.ThrowIfNull(machine);
        if (machine.Drives.FirstOrDefault(static drive => drive.PhysicalDisk is not null) is { } drive)
        {
            throw Errors.State(
                $"The virtual machine '{machine.Name}' {cannot}: its disk '{drive.Path}' is a physical disk of this host, which is not part of the machine's files; remove the drive before (Remove-VMHardDiskDrive), or use a virtual hard disk.", machine.Name);
        }
    }

    private static bool IsImageName(string path) => Path.GetExtension(path).ToUpperInvariant() is ".VHDX" or ".AVHDX" or ".VHD" or ".AVHD";
}
