using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that switch metering on or off, or begin a new period.</summary>
public abstract class MeteringCommand : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Name of resource pools, of each kind that can be metered.</summary>
    [Parameter(ParameterSetName = "ResourcePool", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Name")]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Only the resource pool of this kind.</summary>
    [Parameter(ParameterSetName = "ResourcePool", Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateSet("Ethernet", "Memory", "Processor", "VHD")]
    public VMResourcePoolType? ResourcePoolType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ResourcePool")]
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public sealed override async Task RunAsync(CommandContext context)
    {
        if (ResourcePoolName is not null)
        {
            foreach (var pool in MeteredPools.Named(context, ResourcePoolName, ResourcePoolType is { } type ? [type] : null))
            {
                await ApplyAsync(context, pool);
            }
        }

        foreach (var machine in Resolve(context, VMName, VM))
        {
            await GuardAsync(context, () => ApplyAsync(context, machine));
        }
    }

    /// <summary>Does it to one machine.</summary>
    private protected abstract Task ApplyAsync(CommandContext context, VirtualMachineConfiguration machine);

    /// <summary>Does it to one pool.</summary>
    private protected abstract Task ApplyAsync(CommandContext context, ResourcePoolConfiguration pool);
}
