using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Controllers;

/// <summary>Gets the IDE controllers of virtual machines.</summary>
[Command("Get", "VMIdeController", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMIdeController))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMIdeController web1", "Shows the IDE controllers of web1 and their drives.")]
public sealed class GetVMIdeController : GetPartCommand
{
    /// <summary>Number of the controller; all when left out.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(0, 63)]
    public int? ControllerNumber { get; set; }

    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        Enumerable.Range(0, machine.Generation == 1 ? 2 : 0)
            .Where(number => ControllerNumber is null || number == ControllerNumber)
            .Select(number => ControllerMapper.Ide(machine, number, Host(context)));
}
