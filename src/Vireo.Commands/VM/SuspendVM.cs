using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Pauses virtual machines: their processors stop, their memory stays.</summary>
[Command("Suspend", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not running")]
[Example("Suspend-VM web1", "Pauses web1.")]
public sealed class SuspendVM : NamedMachineCommand
{
    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) =>
        ForEachAsync(context, Machines(context), "Suspend-VM", async machine =>
        {
            await context.Service<IMachines>().PauseAsync(machine.Id, context.Cancellation);
            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
}
