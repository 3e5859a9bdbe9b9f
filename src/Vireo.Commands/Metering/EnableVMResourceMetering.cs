using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Metering;

/// <summary>
/// Begins to meter what virtual machines or resource pools use. An adapter that has no meters gets four, which count all IPv4 and IPv6 traffic in both
/// directions. A machine that is metered already goes on as it was.
/// </summary>
[Command("Enable", "VMResourceMetering", DefaultParameterSetName = "VMName")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a plane does not answer that knows what a running guest has used so far")]
[Example("Enable-VMResourceMetering web1", "Meters web1 from now on.")]
public sealed class EnableVMResourceMetering : MeteringCommand
{
    private protected override Task ApplyAsync(CommandContext context, VirtualMachineConfiguration machine) =>
        context.Service<IMetering>().EnableAsync(machine.Id, context.Cancellation);

    private protected override Task ApplyAsync(CommandContext context, ResourcePoolConfiguration pool) =>
        context.Service<IMetering>().EnablePoolAsync(pool, context.Cancellation);
}
