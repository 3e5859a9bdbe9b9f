using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.DvdDrives;

/// <summary>Adds DVD drives to virtual machines.</summary>
[Command("Add", "VMDvdDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(DvdDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, the place is taken, or the file does not exist")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the resource pool does not exist")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Add-VMDvdDrive web1 -Path /images/setup.iso", "Gives web1 a DVD drive with a medium in it.")]
public sealed class AddVMDvdDrive : ChangePartCommand
{
    /// <summary>Controller on the bus.</summary>
    [Parameter(Position = 2)]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter(Position = 3)]
    public int? ControllerLocation { get; set; }

    /// <summary>Image file; an empty drive when left out.</summary>
    [Parameter(Position = 4)]
    [FilePath]
    public string? Path { get; set; }

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
        var service = context.Service<IMachines>();
        var facts = context.Service<IHostSettings>().Facts;
        return ForEachAsync(context, Machines(context), "Add-VMDvdDrive", async machine =>
        {
            var drive = new DriveConfiguration
            {
                Id = Guid.NewGuid(),
                Kind = DriveKind.Dvd,
                Bus = DriveBus.Scsi,
                ControllerNumber = 0,
                ControllerLocation = 0,
                Path = string.IsNullOrEmpty(Path) ? null : Path,
                ResourcePoolName = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.ISO, ResourcePoolName),
            };
            if (drive.Path is not null)
            {
                await DriveRules.RequireUsableAsync(context, drive);
            }

            var after = await service.ChangeAsync(
                machine.Id,
                (c, status) =>
                {
                    RequireOff(c, status, "its DVD drives");
                    var (bus, controller, location) = DrivePlaces.ForNew(c, running: false, null, ControllerNumber, ControllerLocation);
                    drive = drive with { Bus = bus, ControllerNumber = controller, ControllerLocation = location };
                    var changed = c with { Drives = [.. c.Drives, drive] };
                    MachineValidator.Require(changed, facts, before: c);
                    PoolRules.RequireAllowed(changed, context.Service<IResourcePools>(), before: c);
                    return changed;
                },
                context.Cancellation);
            if (Passthru)
            {
                context.WriteObject(ModelMapper.Dvd(after, drive, facts.Name));
            }
        });
    }
}
