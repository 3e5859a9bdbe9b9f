using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Security;

/// <summary>Gets what protects the guests of virtual machines.</summary>
[Command("Get", "VMSecurity", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMSecurity))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMSecurity web1", "Shows whether web1 has a trusted platform module.")]
public sealed class GetVMSecurity : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        [SecurityMapper.Security(machine, Host(context))];
}
