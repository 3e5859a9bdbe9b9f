using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Lets paused virtual machines go on.</summary>
[Command("Resume", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not paused")]
[Example("Resume-VM web1", "Lets web1 go on.")]
public sealed class ResumeVM : NamedMachineCommand
{
    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) =>
        ForEachAsync(context, Machines(context), "Resume-VM", async machine =>
        {
            await context.Service<IMachines>().ResumeAsync(machine.Id, context.Cancellation);
            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
}
