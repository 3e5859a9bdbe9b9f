using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Makes resource pools part of other ones.</summary>
[Command("Set", "VMResourcePool", SupportsShouldProcess = true)]
[OutputType(typeof(VMResourcePool))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a pool would be part of itself, or holds what its parents do not")]
[Example("Set-VMResourcePool contoso Memory customers", "Makes the pool contoso part of the pool customers.")]
public sealed class SetVMResourcePool : Command
{
    /// <summary>Names.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>What the pools gather.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public VMResourcePoolType? ResourcePoolType { get; set; }

    /// <summary>Pools that they are part of from now on.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ParentName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the pool to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var pools = context.Service<IResourcePools>();
        var parents = ParentName!.Select(parent => PoolRules.Require(pools, ResourcePoolType!.Value, parent).Name).Distinct(StringComparer.Ordinal).ToList();
        if (!await context.ShouldProcessAsync(string.Join(", ", Name!), "Set-VMResourcePool"))
        {
            return;
        }

        foreach (var pool in PoolChanges.Each(context, ResourcePoolType!.Value, Name!, pool => pool with { ParentNames = parents }))
        {
            if (Passthru)
            {
                context.WriteObject(PoolRules.Map(pool, context));
            }
        }
    }
}
