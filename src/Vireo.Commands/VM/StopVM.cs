using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Shuts virtual machines down, turns them off, or saves them.</summary>
[Command("Stop", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or -Save and -TurnOff are given together")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is in a state that cannot be left this way")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the guest did not shut down")]
[Example("Stop-VM web1", "Asks the guest of web1 to shut down and waits until it has.")]
[Example("Stop-VM web* -TurnOff", "Cuts the power of the machines whose names begin with web.")]
public sealed class StopVM : NamedMachineCommand
{
    /// <summary>Cut the power. What the guest did not write is lost.</summary>
    [Parameter]
    public Switch TurnOff { get; set; }

    /// <summary>Save memory and device state, to go on from there at the next start.</summary>
    [Parameter]
    public Switch Save { get; set; }

    /// <summary>Shut down although somebody works in the guest; after the wait, cut the power.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (TurnOff && Save)
        {
            throw Errors.Invalid("-TurnOff and -Save exclude each other; give one of them.", null);
        }

        return ForEachAsync(context, Machines(context), "Stop-VM", async machine =>
        {
            var machines = context.Service<IMachines>();
            // Turning a saved machine off throws its saved state away.
            var state = machines.StatusOf(machine.Id).State;
            if (state == VMState.Off || (state == VMState.Saved && !TurnOff))
            {
                context.WriteWarning($"The virtual machine '{machine.Name}' is off already.");
            }
            else
            {
                void Report(string status, int percent) => context.WriteProgress($"Stopping '{machine.Name}'", status, percent);
                await (TurnOff ? machines.TurnOffAsync(machine.Id, context.Cancellation)
                    : Save ? machines.SaveAsync(machine.Id, Report, context.Cancellation)
                    : machines.ShutDownAsync(machine.Id, Force, Report, context.Cancellation));
            }

            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
    }
}
