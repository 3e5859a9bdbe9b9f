using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>Gets what protects the guests of virtual machines.</summary>
[Command("Get", "VMSecurity", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMSecurity))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMSecurity web1", "Shows whether web1 has a trusted platform module.")]
public sealed class GetVMSecurity : MachinePartCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        Machines(context).ForEach(machine => context.WriteObject(SecurityMapper.Security(machine, host)));
        return Task.CompletedTask;
    }
}
