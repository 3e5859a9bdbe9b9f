using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Interrupts the guests of virtual machines so that they can be looked at: what they do then (a crash dump, a debugger) is set in the guest.</summary>
[Command("Debug", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine does not run")]
[Example("Debug-VM web1 -InjectNonMaskableInterrupt -Force", "Sends a non-maskable interrupt to web1.")]
public sealed class DebugVM : NamedMachineCommand
{
    /// <summary>Send a non-maskable interrupt.</summary>
    [Parameter]
    public Switch InjectNonMaskableInterrupt { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var machines = Machines(context);
        if (InjectNonMaskableInterrupt && !Force && machines.Count > 0
            && !await context.ShouldContinueAsync($"The guest of {string.Join(", ", machines.Select(machine => $"'{machine.Name}'"))} may crash. Send the interrupt?", "Debug-VM"))
        {
            return;
        }

        await ForEachAsync(context, machines, "Debug-VM", async machine =>
        {
            if (InjectNonMaskableInterrupt)
            {
                await context.Service<IMachines>().InterruptAsync(machine.Id, context.Cancellation);
            }

            if (Passthru)
            {
                WriteMachine(context, machine.Id);
            }
        });
    }
}
