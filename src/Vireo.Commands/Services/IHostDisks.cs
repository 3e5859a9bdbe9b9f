using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>A disk of this computer: a whole one, not a partition. Logical volumes and arrays are disks.</summary>
/// <param name="DevicePath">The device as the kernel names it: <c>/dev/sdb</c>.</param>
/// <param name="Path">The name that stays its own when this computer starts again (<c>/dev/disk/by-id/...</c>), or else the device.</param>
/// <param name="Number">Number of the disk: the kernel gives each disk another one (<c>/sys/block/*/diskseq</c>), until this computer starts again.</param>
/// <param name="SizeBytes">Capacity; 0 without a medium.</param>
/// <param name="LogicalSectorBytes">512 or 4096.</param>
/// <param name="PhysicalSectorBytes">Bytes of what the disk writes at once.</param>
/// <param name="Model">What it is called; null when it does not say.</param>
/// <param name="Identity">What it says it is: world wide name, or serial number; null when it says nothing.</param>
/// <param name="IsReadOnly">It cannot be written to.</param>
/// <param name="IsOptical">It is a drive for discs.</param>
public sealed record HostDisk(
    string DevicePath, string Path, uint? Number, long SizeBytes, int LogicalSectorBytes, int PhysicalSectorBytes, string? Model, string? Identity, bool IsReadOnly, bool IsOptical);

/// <summary>The disks of this computer, which a machine may have as they are.</summary>
public interface IHostDisks
{
    /// <summary>All disks that hold something now, by number.</summary>
    IReadOnlyList<HostDisk> All { get; }

    /// <summary>The disk that a path leads to: a device, or a link to one. Null when it leads to none, or to a partition.</summary>
    HostDisk? Find(string path);

    /// <summary>What this computer itself uses a disk for, in words; null when it does nothing with it that can be seen.</summary>
    string? UserOf(HostDisk disk);

    /// <summary>Why a disk cannot be given to a machine, as the end of a sentence; null when it can. Claims it for a moment to find out.</summary>
    string? Problem(HostDisk disk);

    /// <summary>
    /// Why a drive cannot have its physical disk now: the disk is gone, is another one, or this computer is seen to use it. A sentence; null when nothing
    /// is known against it. Nothing is claimed, so the drive may have the disk already.
    /// </summary>
    string? Problem(DriveConfiguration drive);
}
