using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.HardDiskDrives;

/// <summary>Changes the disk of a hard disk drive, or moves the drive to another place.</summary>
[Command("Set", "VMHardDiskDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(HardDiskDrive))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "there is no such drive, the place is taken, or there is no such file or disk")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "the disk belongs to another machine, or the physical disk is mounted, paged to or otherwise in use")]
[Example("Set-VMHardDiskDrive web1 IDE 0 0 -Path /images/new.vhdx", "Puts another disk into the first drive of web1.")]
public sealed class SetVMHardDiskDrive : MachineCommand
{
    /// <summary>Drives, as Get-VMHardDiskDrive writes them.</summary>
    [Parameter(ParameterSetName = "Object", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public HardDiskDrive[]? VMHardDiskDrive { get; set; }

    /// <summary>Name of a virtual machine.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? VMName { get; set; }

    /// <summary>Bus.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1)]
    public ControllerType? ControllerType { get; set; }

    /// <summary>Controller on the bus.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 2)]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 3)]
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

    /// <summary>Bus to move the drive to.</summary>
    [Parameter]
    public ControllerType? ToControllerType { get; set; }

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
        foreach (var target in Targets(context))
        {
            if (await context.ShouldProcessAsync(target.Machine.Name, "Set-VMHardDiskDrive"))
            {
                await GuardAsync(context, () => ChangeAsync(context, target.Machine, target.Find));
            }
        }
    }

    // A drive that comes through the pipeline brings its number along; that is no wish for another disk.
    private bool IsOwnNumber() => DiskNumber is { } number && VMHardDiskDrive is { } drives && drives.Any(drive => drive.DiskNumber == number);

    private IEnumerable<(VirtualMachineConfiguration Machine, Func<VirtualMachineConfiguration, DriveConfiguration> Find)> Targets(CommandContext context)
    {
        if (VMHardDiskDrive is null)
        {
            return Resolve(context, [VMName!], null).Select(machine => (
                machine,
                (Func<VirtualMachineConfiguration, DriveConfiguration>)(c => DrivePlaces.Single(c, DriveKind.HardDisk, ControllerType, ControllerNumber, ControllerLocation))));
        }

        return VMHardDiskDrive.SelectMany(drive => Owners(context, [drive]).Select(machine => (
            machine,
            (Func<VirtualMachineConfiguration, DriveConfiguration>)(c => DrivePlaces.OfObject(c, drive)))));
    }

    private async Task ChangeAsync(
        CommandContext context, VirtualMachineConfiguration machine, Func<VirtualMachineConfiguration, DriveConfiguration> find)
    {
        var facts = context.Service<IHostSettings>().Facts;
        var drive = find(machine);
        var pool = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.VHD, ResourcePoolName);
        var physical = PhysicalDisks.Asked(context, Path, IsOwnNumber() ? null : DiskNumber);
        if (physical is not null)
        {
            PhysicalDisks.Give(context, drive, physical);
        }
        else if (Path is not null && Path != drive.Path)
        {
            await DriveRules.RequireUsableAsync(context, drive with { Path = Path });
        }

        var after = await context.Service<IMachines>().ChangeAsync(
            machine.Id,
            (c, status) =>
            {
                if (!status.IsOff)
                {
                    throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change its hard disk drives, or remove and add the drive.", c.Name);
                }

                drive = find(c);
                var filled = physical is not null ? PhysicalDisks.Give(context, drive, physical)
                    : Path is not null ? drive with { Path = Path, PhysicalDisk = null }
                    : drive;
                drive = filled with
                {
                    ResourcePoolName = ResourcePoolName is null ? drive.ResourcePoolName : pool,
                    Bus = ToControllerType is { } type ? DrivePlaces.ToBus(type) : drive.Bus,
                    ControllerNumber = ToControllerNumber ?? drive.ControllerNumber,
                    ControllerLocation = ToControllerLocation ?? drive.ControllerLocation,
                };
                PhysicalDisks.RequireSectors(physical, drive.Bus);
                var changed = c with { Drives = [.. c.Drives.Select(other => other.Id == drive.Id ? drive : other)] };
                MachineValidator.Require(changed, facts, before: c);
                PoolRules.RequireAllowed(changed, context.Service<IResourcePools>(), before: c);
                return changed;
            },
            context.Cancellation);
        if (Passthru)
        {
            context.WriteObject(ModelMapper.HardDisk(after, drive, facts.Name));
        }
    }
}
