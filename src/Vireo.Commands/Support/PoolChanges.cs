using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Changes resource pools.</summary>
internal static class PoolChanges
{
    /// <summary>Changes the pools of the names, all or none.</summary>
    /// <returns>The pools as they are now.</returns>
    public static IReadOnlyList<ResourcePoolConfiguration> Each(
        CommandContext context, VMResourcePoolType type, IReadOnlyList<string> names, Func<ResourcePoolConfiguration, ResourcePoolConfiguration> change)
    {
        var pools = context.Service<IResourcePools>();
        var chosen = names.Select(name => PoolRules.Require(pools, type, name)).DistinctBy(static pool => pool.Id).ToList();
        chosen.ForEach(static pool => PoolRules.RequireOwn(pool, "changed"));
        pools.Change(all => [.. all.Select(pool => chosen.Any(one => one.Id == pool.Id) ? change(pool) : pool)]);
        return [.. chosen.Select(one => pools.All.First(pool => pool.Id == one.Id))];
    }

    /// <summary>Refuses to change what machines draw on in a way that leaves them without.</summary>
    public static void RequireUnused(CommandContext context, ResourcePoolConfiguration pool)
    {
        var user = context.Service<IMachines>().All.FirstOrDefault(machine => PoolUse.Of(machine).Any(use => use.Type == pool.Type && use.Name is not null && PoolRules.IsNamed(pool, use.Name)));
        if (user is not null)
        {
            throw new CommandException(
                "ObjectInUse", ErrorCategory.ResourceBusy,
                $"The resource pool '{pool.Name}' of type {pool.Type} is in use by the virtual machine '{user.Name}'; give that another pool first.", pool.Name);
        }
    }
}
