using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.HardDiskDrives;

/// <summary>Adds hard disk drives to virtual machines. On the SCSI controller this is possible while a machine runs.</summary>
[Command("Add", "VMHardDiskDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(HardDiskDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, the place is taken, or there is no such file or disk")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the resource pool does not exist")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off and the drive is on an IDE controller")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk belongs to another machine, or the physical disk is mounted, paged to or otherwise in use")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the disk cannot be opened")]
[Example("Add-VMHardDiskDrive web1 -Path /images/data.vhdx", "Gives web1 the disk data.vhdx.")]
[Example("Add-VMHardDiskDrive web1 -DiskNumber 12", "Gives web1 the physical disk 12 of the host as it is.")]
public sealed class AddVMHardDiskDrive : ChangePartCommand
{
    /// <summary>Bus.</summary>
    [Parameter(Position = 1)]
    public ControllerType? ControllerType { get; set; }

    /// <summary>Controller on the bus.</summary>
    [Parameter(Position = 2)]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter(Position = 3)]
    public int? ControllerLocation { get; set; }

    /// <summary>Virtual hard disk.</summary>
    [Parameter(Position = 4)]
    [FilePath(OnShare = true)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Number of a physical disk of the host, which the guest gets as it is; see Get-VMHostDisk. -Path takes its device as well.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Number")]
    public uint? DiskNumber { get; set; }

    /// <summary>Resource pool that the image comes from; its folders must hold the image.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Write the drive to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => false;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var physical = PhysicalDisks.Asked(context, Path, DiskNumber);
        if (Path is null && physical is null)
        {
            throw Errors.Invalid("A hard disk drive needs a virtual hard disk (-Path) or a physical disk (-DiskNumber).", nameof(Path));
        }

        var service = context.Service<IMachines>();
        var facts = context.Service<IHostSettings>().Facts;
        return ForEachAsync(context, Machines(context), "Add-VMHardDiskDrive", async machine =>
        {
            var drive = new DriveConfiguration
            {
                Id = Guid.NewGuid(),
                Kind = DriveKind.HardDisk,
                Bus = DriveBus.Scsi,
                ControllerNumber = 0,
                ControllerLocation = 0,
                Path = Path,
                ResourcePoolName = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.VHD, ResourcePoolName),
            };
            if (physical is not null)
            {
                drive = PhysicalDisks.Give(context, drive, physical);
            }
            else
            {
                await DriveRules.RequireUsableAsync(context, drive);
            }

            var after = await service.ChangeAsync(
                machine.Id,
                (c, status) =>
                {
                    var (bus, controller, location) = DrivePlaces.ForNew(c, !status.IsOff, ControllerType, ControllerNumber, ControllerLocation);
                    DrivePlaces.RequireHotPluggable(c, status, bus);
                    PhysicalDisks.RequireSectors(physical, bus);
                    drive = drive with { Bus = bus, ControllerNumber = controller, ControllerLocation = location };
                    var changed = c with { Drives = [.. c.Drives, drive] };
                    MachineValidator.Require(changed, facts, before: c);
                    PoolRules.RequireAllowed(changed, context.Service<IResourcePools>(), before: c);
                    return changed;
                },
                context.Cancellation);
            if (Passthru)
            {
                context.WriteObject(ModelMapper.HardDisk(after, drive, facts.Name));
            }
        });
    }
}
