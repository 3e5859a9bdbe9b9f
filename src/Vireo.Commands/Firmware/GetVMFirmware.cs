using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Firmware;

/// <summary>Gets the firmware settings of generation 2 virtual machines.</summary>
[Command("Get", "VMFirmware", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMFirmware))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMFirmware web1", "Shows the boot order of web1.")]
public sealed class GetVMFirmware : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context)
    {
        if (machine.Generation == 2)
        {
            yield return FirmwareMapper.Firmware(machine, status, context);
        }
        else
        {
            context.WriteError(Errors.Invalid($"The virtual machine '{machine.Name}' is of generation 1 and has no UEFI firmware; use Get-VMBios.", machine.Name));
        }
    }
}
