using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Gets resource pools.</summary>
[Command("Get", "VMResourcePool")]
[OutputType(typeof(VMResourcePool))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no pool has the name")]
[Example("Get-VMResourcePool", "Shows every pool; Primordial holds what is in no other one.")]
[Example("Get-VMResourcePool contoso", "Shows the pools of contoso, one for each type.")]
public sealed class GetVMResourcePool : Command
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Only pools of these types.</summary>
    [Parameter(Position = 1)]
    public VMResourcePoolType[]? ResourcePoolType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var pools = context.Service<IResourcePools>().All.Where(pool => ResourcePoolType is null || ResourcePoolType.Contains(pool.Type)).ToList();
        foreach (var name in Name ?? ["*"])
        {
            var found = pools.Where(pool => Wildcard.Matches(name, pool.Name)).ToList();
            if (found.Count == 0 && !Wildcard.IsPattern(name))
            {
                context.WriteError(Errors.Invalid($"There is no resource pool named '{name}' on this host; 'Get-VMResourcePool' lists those that exist.", name));
            }

            found.ForEach(pool => context.WriteObject(PoolRules.Map(pool, context)));
        }

        return Task.CompletedTask;
    }
}
