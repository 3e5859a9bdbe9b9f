using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Bios;

/// <summary>Gets the BIOS settings of generation 1 virtual machines.</summary>
[Command("Get", "VMBios", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMBios))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMBios web1", "Shows the startup order of web1.")]
public sealed class GetVMBios : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context)
    {
        if (machine.Generation == 1)
        {
            yield return FirmwareMapper.Bios(machine, Host(context));
        }
        else
        {
            context.WriteError(Errors.Invalid($"The virtual machine '{machine.Name}' is of generation 2 and has no BIOS; use Get-VMFirmware.", machine.Name));
        }
    }
}
