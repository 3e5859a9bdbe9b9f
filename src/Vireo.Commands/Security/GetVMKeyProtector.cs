using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>Gets the key protectors of virtual machines: the key that a trusted platform module encrypts with, itself encrypted.</summary>
[Command("Get", "VMKeyProtector", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMKeyProtector))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMKeyProtector web1", "Shows whether web1 has a key protector that this host can use.")]
public sealed class GetVMKeyProtector : MachinePartCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var machine in Machines(context))
        {
            if (await context.ShouldProcessAsync(machine.Name, "Get-VMKeyProtector"))
            {
                context.WriteObject(SecurityMapper.KeyProtector(machine, context.Service<IGuardian>(), context.Service<IHostSettings>().Facts.Name));
            }
        }
    }
}
