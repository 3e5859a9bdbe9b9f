using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Controllers;

/// <summary>Gets the SCSI controllers of virtual machines.</summary>
[Command("Get", "VMScsiController", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMScsiController))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMScsiController web1", "Shows the SCSI controllers of web1 and their drives.")]
public sealed class GetVMScsiController : GetPartCommand
{
    /// <summary>Number of the controller; all when left out.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(0, 63)]
    public int? ControllerNumber { get; set; }

    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        Enumerable.Range(0, machine.ScsiControllers)
            .Where(number => ControllerNumber is null || number == ControllerNumber)
            .Select(number => ControllerMapper.Scsi(machine, number, Host(context)));
}
