using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Memory;

/// <summary>Gets the memory settings of virtual machines.</summary>
[Command("Get", "VMMemory", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMMemory))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMMemory web1", "Shows the memory settings of web1.")]
public sealed class GetVMMemory : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context)
    {
        yield return ModelMapper.Memory(machine, context.Service<IHostSettings>().Facts);
    }
}
