using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.HardDiskDrives;

/// <summary>Gets the hard disk drives of virtual machines.</summary>
[Command("Get", "VMHardDiskDrive", DefaultParameterSetName = "VMName")]
[OutputType(typeof(HardDiskDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMHardDiskDrive web1", "Shows the hard disk drives of web1.")]
public sealed class GetVMHardDiskDrive : GetPartCommand
{
    /// <summary>Bus.</summary>
    [Parameter]
    public ControllerType? ControllerType { get; set; }

    /// <summary>Controller on the bus.</summary>
    [Parameter]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter]
    public int? ControllerLocation { get; set; }

    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        DrivePlaces.Select(machine, DriveKind.HardDisk, ControllerType, ControllerNumber, ControllerLocation)
            .Select(drive => ModelMapper.HardDisk(machine, drive, Host(context)));
}
