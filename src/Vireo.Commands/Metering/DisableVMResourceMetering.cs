using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Metering;

/// <summary>
/// Ends the metering of virtual machines or resource pools and throws their figures away; their history by the hour stays.
/// </summary>
[Command("Disable", "VMResourceMetering", DefaultParameterSetName = "VMName")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[Example("Disable-VMResourceMetering web1", "Meters web1 no more.")]
public sealed class DisableVMResourceMetering : MeteringCommand
{
    private protected override Task ApplyAsync(CommandContext context, VirtualMachineConfiguration machine) =>
        context.Service<IMetering>().DisableAsync(machine.Id, context.Cancellation);

    private protected override Task ApplyAsync(CommandContext context, ResourcePoolConfiguration pool) =>
        context.Service<IMetering>().DisablePoolAsync(pool, context.Cancellation);
}
