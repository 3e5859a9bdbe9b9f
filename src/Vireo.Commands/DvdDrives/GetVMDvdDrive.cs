using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.DvdDrives;

/// <summary>Gets the DVD drives of virtual machines.</summary>
[Command("Get", "VMDvdDrive", DefaultParameterSetName = "VMName")]
[OutputType(typeof(DvdDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMDvdDrive web1", "Shows the DVD drives of web1.")]
public sealed class GetVMDvdDrive : GetPartCommand
{
    /// <summary>Controller on the bus.</summary>
    [Parameter]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter]
    public int? ControllerLocation { get; set; }

    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        DrivePlaces.Select(machine, DriveKind.Dvd, null, ControllerNumber, ControllerLocation)
            .Select(drive => ModelMapper.Dvd(machine, drive, Host(context)));
}
