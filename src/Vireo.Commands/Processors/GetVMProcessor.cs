using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Processors;

/// <summary>Gets the processor settings of virtual machines.</summary>
[Command("Get", "VMProcessor", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMProcessor))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMProcessor web1", "Shows the processor settings of web1.")]
public sealed class GetVMProcessor : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context)
    {
        yield return ModelMapper.Processor(machine, context.Service<IHostSettings>().Facts);
    }
}
