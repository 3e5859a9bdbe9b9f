using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.ComPorts;

/// <summary>Gets the serial ports of virtual machines.</summary>
[Command("Get", "VMComPort", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMComPort))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMComPort web1", "Shows both serial ports of web1.")]
public sealed class GetVMComPort : GetPartCommand
{
    /// <summary>1 or 2; both when left out.</summary>
    [Parameter(Position = 1)]
    [ValidateRange(1, 2)]
    public int? Number { get; set; }

    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context)
    {
        return new[] { 1, 2 }.Where(number => Number is null || Number == number).Select(number => ModelMapper.ComPort(machine, number, Host(context)));
    }
}
