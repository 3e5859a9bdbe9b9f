using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Metering;

/// <summary>
/// Reports what virtual machines have used of resource pools, and of pools that are part of them, since metering of the pool was enabled or reset:
/// one report for all pools of a name.
/// </summary>
[Command("Measure", "VMResourcePool")]
[OutputType(typeof(VMMeteringReportForResourcePool))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "pools of the kind are not metered")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the pool is not metered")]
[Example("Measure-VMResourcePool contoso", "Shows what the machines of contoso have used together.")]
[Example("Measure-VMResourcePool Primordial Processor", "Shows the processor time of all machines of this host.")]
public sealed class MeasureVMResourcePool : MachineCommand
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Only resource pools of these kinds.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateSet("Ethernet", "Memory", "Processor", "VHD")]
    public VMResourcePoolType[]? ResourcePoolType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var name in Name!.SelectMany(name => Names(context, name)).Distinct(StringComparer.OrdinalIgnoreCase).ToList())
        {
            await GuardAsync(context, () => MeasureAsync(context, name));
        }
    }

    /// <summary>Names of pools that are metered, for a pattern; any other name stands for itself.</summary>
    private static IEnumerable<string> Names(CommandContext context, string name) => Wildcard.IsPattern(name)
        ? context.Service<IResourcePools>().All.Where(pool => pool.ResourceMeteringEnabled && Wildcard.Matches(name, pool.Name)).Select(static pool => pool.Name)
        : [name];

    private async Task MeasureAsync(CommandContext context, string name)
    {
        var pools = MeteredPools.Named(context, name, ResourcePoolType);
        var metered = pools.Where(pool => ResourcePoolType is not null || pool.ResourceMeteringEnabled).ToList();
        if (metered.Count == 0)
        {
            throw Errors.State($"The resource pool '{name}' is not metered; 'Enable-VMResourceMetering -ResourcePoolName' begins it.", name);
        }

        var reports = new List<MeterReport>();
        foreach (var pool in metered)
        {
            reports.Add(await context.Service<IMetering>().MeasurePoolAsync(pool, context.Cancellation));
        }

        context.WriteObject(MeterMapper.Pools(metered, reports, context));
    }
}
