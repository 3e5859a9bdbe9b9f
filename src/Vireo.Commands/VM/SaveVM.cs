using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Saves virtual machines: memory and device state go to a file, and the next start goes on from there.</summary>
[Command("Save", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is neither running nor paused")]
[Example("Save-VM web1", "Saves web1.")]
public sealed class SaveVM : NamedMachineCommand
{
    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) =>
        ForEachAsync(context, Machines(context), "Save-VM", async machine =>
        {
            await context.Service<IMachines>().SaveAsync(
                machine.Id, (status, percent) => context.WriteProgress($"Saving '{machine.Name}'", status, percent), context.Cancellation);
            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
}
