using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Removes virtual machines. Their virtual hard disks stay.</summary>
[Command("Remove", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Remove-VM web1 -Force", "Removes web1 without asking.")]
public sealed class RemoveVM : NamedMachineCommand
{
    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Write the removed machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var machines = context.Service<IMachines>();
        foreach (var machine in Machines(context))
        {
            if (!await context.ShouldProcessAsync(machine.Name, "Remove-VM")
                || (!Force && !await context.ShouldContinueAsync($"Remove the virtual machine '{machine.Name}'? Its virtual hard disks stay.", "Remove-VM")))
            {
                continue;
            }

            await GuardAsync(context, async () =>
            {
                var last = ModelMapper.Machine(machine, machines.StatusOf(machine.Id), context);
                await machines.RemoveAsync(machine.Id, context.Cancellation);
                if (Passthru)
                {
                    last.IsDeleted = true;
                    context.WriteObject(last);
                }
            });
        }
    }
}
