using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Starts virtual machines, or resumes them from their saved state.</summary>
[Command("Start", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is in a state from which it cannot start")]
[CommandError("OutOfMemory", ErrorCategory.ResourceUnavailable, "the host has not enough free memory")]
[CommandError("AccessDenied", ErrorCategory.PermissionDenied, "a disk may not be opened")]
[CommandError("Unspecified", ErrorCategory.NotSpecified, "the machine could not be started for another reason")]
[Example("Start-VM web1", "Starts web1.")]
[Example("Get-VM web* | Start-VM", "Starts every machine whose name begins with web.")]
public sealed class StartVM : NamedMachineCommand
{
    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) =>
        ForEachAsync(context, Machines(context), "Start-VM", async machine =>
        {
            var machines = context.Service<IMachines>();
            var state = machines.StatusOf(machine.Id).State;
            if (state is VMState.Running or VMState.RunningCritical)
            {
                context.WriteWarning($"The virtual machine '{machine.Name}' is running already.");
            }
            else if (state is VMState.Paused or VMState.PausedCritical)
            {
                await machines.ResumeAsync(machine.Id, context.Cancellation);
            }
            else
            {
                await machines.StartAsync(
                    machine.Id, (status, percent) => context.WriteProgress($"Starting '{machine.Name}'", status, percent), context.Cancellation);
            }

            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
}
