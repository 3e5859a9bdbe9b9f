using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.DvdDrives;

/// <summary>Changes the medium of DVD drives, also while a machine runs, or moves the drive.</summary>
[Command("Set", "VMDvdDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(DvdDrive))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "there is no such drive, the place is taken, or the file does not exist")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "a drive is moved and the machine is not off")]
[CommandError("AccessDenied", ErrorCategory.PermissionDenied, "the image may not be read")]
[Example("Set-VMDvdDrive web1 -Path /images/setup.iso", "Puts a medium into the DVD drive of web1.")]
[Example("Set-VMDvdDrive web1 -Path $null", "Takes the medium out.")]
public sealed class SetVMDvdDrive : MachineCommand
{
    /// <summary>Drives, as Get-VMDvdDrive writes them.</summary>
    [Parameter(ParameterSetName = "Object", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public DvdDrive[]? VMDvdDrive { get; set; }

    /// <summary>Name of a virtual machine.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? VMName { get; set; }

    /// <summary>Controller on the bus.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1)]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 2)]
    public int? ControllerLocation { get; set; }

    /// <summary>Image file; <c>$null</c> takes the medium out.</summary>
    [Parameter(Position = 3)]
    [FilePath]
    public string? Path { get; set; }

    /// <summary>Controller to move the drive to.</summary>
    [Parameter]
    public int? ToControllerNumber { get; set; }

    /// <summary>Place to move the drive to.</summary>
    [Parameter]
    public int? ToControllerLocation { get; set; }

    /// <summary>Resource pool that the image comes from; its folders must hold the image.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the drive to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var service = context.Service<IMachines>();
        if (VMDvdDrive is null)
        {
            foreach (var machine in Resolve(context, [VMName!], null))
            {
                await GuardAsync(context, () => ChangeAsync(context, machine.Id, DrivePlaces.Single(machine, DriveKind.Dvd, null, ControllerNumber, ControllerLocation).Id));
            }
        }

        foreach (var drive in VMDvdDrive ?? [])
        {
            await GuardAsync(context, () =>
            {
                var machine = service.Find(drive.VMId) ?? throw Errors.MachineGone(drive.VMId);
                return ChangeAsync(context, machine.Id, DrivePlaces.OfObject(machine, drive).Id);
            });
        }
    }

    private async Task ChangeAsync(CommandContext context, Guid machine, Guid drive)
    {
        var service = context.Service<IMachines>();
        var facts = context.Service<IHostSettings>().Facts;
        var name = service.Find(machine)!.Name;
        var medium = context.IsBound(nameof(Path));
        var pool = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.ISO, ResourcePoolName);
        if (!string.IsNullOrEmpty(Path) && !File.Exists(Path))
        {
            throw Errors.Invalid($"The file '{Path}' does not exist.", Path);
        }

        if (!await context.ShouldProcessAsync(name, "Set-VMDvdDrive"))
        {
            return;
        }

        var after = await service.ChangeAsync(
            machine,
            (c, status) =>
            {
                if ((ToControllerNumber ?? ToControllerLocation) is not null && !status.IsOff)
                {
                    throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to move its DVD drive.", c.Name);
                }

                if (medium && !status.IsOff && !status.IsActive)
                {
                    throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; its medium changes only while it is off or running.", c.Name);
                }

                var changed = c with { Drives = [.. c.Drives.Select(other => other.Id == drive ? Apply(other, medium, pool) : other)] };
                MachineValidator.Require(changed, facts, before: c);
                PoolRules.RequireAllowed(changed, context.Service<IResourcePools>(), before: c);
                return changed;
            },
            context.Cancellation);
        if (Passthru)
        {
            context.WriteObject(ModelMapper.Dvd(after, after.Drives.First(other => other.Id == drive), facts.Name));
        }
    }

    private DriveConfiguration Apply(DriveConfiguration drive, bool medium, string? pool) => drive with
    {
        ResourcePoolName = ResourcePoolName is null ? drive.ResourcePoolName : pool,
        Path = medium ? (string.IsNullOrEmpty(Path) ? null : Path) : drive.Path,
        ControllerNumber = ToControllerNumber ?? drive.ControllerNumber,
        ControllerLocation = ToControllerLocation ?? drive.ControllerLocation,
    };
}
