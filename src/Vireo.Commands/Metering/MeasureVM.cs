using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Metering;

/// <summary>
/// Reports what virtual machines have used since metering was enabled or reset: processor, memory, disks, network. Averages are over the whole
/// period, also while the machine was off.
/// </summary>
[Command("Measure", "VM", DefaultParameterSetName = "Name")]
[OutputType(typeof(VMMeteringReportForVirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not metered")]
[Example("Measure-VM web1", "Shows what web1 has used.")]
[Example("Get-VM | Measure-VM", "Shows it for all machines that are metered; the others are reported as errors.")]
public sealed class MeasureVM : NamedMachineCommand
{
    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var machine in Machines(context))
        {
            await GuardAsync(context, async () =>
                context.WriteObject(MeterMapper.Machine(machine, await context.Service<IMetering>().MeasureAsync(machine.Id, context.Cancellation), context)));
        }
    }
}
