using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Hosts;

/// <summary>
/// Gets the physical disks of a host, with their numbers and what they are used for. One that is not in use can be given to a virtual machine as it is.
/// Logical volumes and arrays are disks, partitions are not. A number is the kernel's (lsblk --output NAME,DISK-SEQ): no other disk gets it while the
/// computer is up, and after its next start the disk has another; a path below /dev/disk/by-id stays.
/// </summary>
[Command("Get", "VMHostDisk", DefaultParameterSetName = "Number")]
[OutputType(typeof(VMHostDisk))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the host has no disk of that number, or the path leads to none")]
[Example("Get-VMHostDisk", "Shows the disks of this host.")]
[Example("Get-VMHostDisk 12 | Add-VMHardDiskDrive web1", "Gives disk 12 to web1.")]
public sealed class GetVMHostDisk : Command
{
    /// <summary>Numbers of disks; all disks when left out.</summary>
    [Parameter(ParameterSetName = "Number", Position = 0)]
    [Alias("DiskNumber")]
    public uint[]? Number { get; set; }

    /// <summary>A device, or a link to one: /dev/sdb, /dev/disk/by-id/...</summary>
    [Parameter(ParameterSetName = "Path", Mandatory = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var disks = context.Service<IHostDisks>();
        foreach (var disk in Path?.Select(path => OfPath(context, disks, path)) ?? OfNumbers(context, disks.All))
        {
            if (disk is not null)
            {
                context.WriteObject(Describe(context, disks, disk));
            }
        }

        return Task.CompletedTask;
    }

    private static HostDisk? OfPath(CommandContext context, IHostDisks disks, string path)
    {
        var found = disks.Find(path);
        if (found is null)
        {
            context.WriteError(Errors.Invalid($"'{path}' is no whole disk of this host.", path));
        }

        return found;
    }

    private IEnumerable<HostDisk?> OfNumbers(CommandContext context, IReadOnlyList<HostDisk> all)
    {
        foreach (var missing in (Number ?? []).Where(number => all.All(disk => disk.Number != number)))
        {
            context.WriteError(Errors.Invalid($"This host has no disk with the number {missing}; 'Get-VMHostDisk' lists those it has.", missing));
        }

        return all.Where(disk => Number is null || (disk.Number is { } number && Number.Contains(number)));
    }

    private static VMHostDisk Describe(CommandContext context, IHostDisks disks, HostDisk disk) => new()
    {
        ComputerName = context.Service<IHostSettings>().Facts.Name,
        Number = disk.Number,
        FriendlyName = disk.Model ?? "",
        UniqueId = disk.Identity ?? "",
        Size = (ulong)disk.SizeBytes,
        LogicalSectorSize = (uint)disk.LogicalSectorBytes,
        PhysicalSectorSize = (uint)disk.PhysicalSectorBytes,
        IsReadOnly = disk.IsReadOnly,
        DevicePath = disk.DevicePath,
        Path = disk.Path,
        Usage = PhysicalDisks.OwnerOf(context.Service<IMachines>().All, disks, disk) is { } owner ? $"attached to the virtual machine '{owner.Name}'" : disks.UserOf(disk) ?? "",
    };
}
