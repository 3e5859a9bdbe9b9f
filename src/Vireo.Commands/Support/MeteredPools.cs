using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Finds resource pools that can be metered.</summary>
internal static class MeteredPools
{
    /// <summary>The pools of a name: those of the given kinds, which must be there, or of all kinds that can be metered.</summary>
    public static IReadOnlyList<ResourcePoolConfiguration> Named(CommandContext context, string name, IReadOnlyList<VMResourcePoolType>? types)
    {
        var pools = context.Service<IResourcePools>();
        if (types is not null)
        {
            return types.FirstOrDefault(static type => !PoolRules.MeteredTypes.Contains(type)) is var wrong && types.Contains(wrong) && !PoolRules.MeteredTypes.Contains(wrong)
                ? throw Errors.Invalid($"Resource pools of type {wrong} are not metered; those of type {string.Join(", ", PoolRules.MeteredTypes)} are.", wrong)
                : [.. types.Distinct().Select(type => PoolRules.Require(pools, type, name))];
        }

        var found = PoolRules.MeteredTypes.Select(type => pools.Find(type, name)).OfType<ResourcePoolConfiguration>().ToList();
        return found.Count > 0
            ? found
            : throw Errors.NotFound($"There is no resource pool named '{name}' on this host that can be metered; 'Get-VMResourcePool' lists those that exist.", name);
    }
}
