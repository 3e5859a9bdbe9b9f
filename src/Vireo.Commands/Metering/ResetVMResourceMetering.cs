using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Metering;

/// <summary>
/// Begins a new period in the metering of virtual machines or resource pools: all figures start at zero.
/// </summary>
[Command("Reset", "VMResourceMetering", DefaultParameterSetName = "VMName")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not metered")]
[Example("Reset-VMResourceMetering web1", "Begins a new month for web1.")]
public sealed class ResetVMResourceMetering : MeteringCommand
{
    private protected override Task ApplyAsync(CommandContext context, VirtualMachineConfiguration machine) =>
        context.Service<IMetering>().ResetAsync(machine.Id, context.Cancellation);

    private protected override Task ApplyAsync(CommandContext context, ResourcePoolConfiguration pool) =>
        context.Service<IMetering>().ResetPoolAsync(pool, context.Cancellation);
}
