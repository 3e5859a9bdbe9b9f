using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>What a pool allows, and pools as objects of the model.</summary>
public static class PoolRules
{
    private const int NameLengthMaximum = 256;
    private static readonly VMResourcePoolType[] s_meteredTypes = [VMResourcePoolType.Memory, VMResourcePoolType.Processor, VMResourcePoolType.Ethernet, VMResourcePoolType.VHD];

    /// <summary>Whether pools of the type hold images.</summary>
    public static bool HoldsImages(VMResourcePoolType type) => type is VMResourcePoolType.VHD or VMResourcePoolType.ISO or VMResourcePoolType.VFD;

    /// <summary>Types of pools that can be metered.</summary>
    public static IReadOnlyList<VMResourcePoolType> MeteredTypes => s_meteredTypes;

    /// <summary>A pool that must be there.</summary>
    public static ResourcePoolConfiguration Require(IResourcePools pools, VMResourcePoolType type, string? name)
    {
        ArgumentNullException.ThrowIfNull(pools);
        return pools.Find(type, name) ?? throw Errors.NotFound($"There is no resource pool of type {type} named '{name}' on this host; 'Get-VMResourcePool' lists those that exist.", name);
    }

    /// <summary>Throws unless a name can be a pool's.</summary>
    public static void RequireName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (string.IsNullOrWhiteSpace(name) || name.Length > NameLengthMaximum || Wildcard.IsPattern(name) || name.Any(char.IsControl))
        {
            throw Errors.Invalid($"A resource pool cannot be named '{name}': a name has 1 to {NameLengthMaximum} characters, none of them a wildcard.", name);
        }

        if (string.Equals(name, ResourcePoolConfiguration.Primordial, StringComparison.OrdinalIgnoreCase))
        {
            throw Errors.Invalid($"The name {ResourcePoolConfiguration.Primordial} belongs to the pool of everything that is in no other one.", name);
        }
    }

    /// <summary>Throws when a pool is the one of everything, which stays as it is.</summary>
    public static void RequireOwn(ResourcePoolConfiguration pool, string verb)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (pool.IsPrimordial)
        {
            throw Errors.Invalid($"The resource pool {pool.Name} of type {pool.Type} holds everything that is in no other one; it cannot be {verb}.", pool.Name);
        }
    }

    /// <summary>The name that a part of a machine keeps of a pool that must be there; null is the pool of everything.</summary>
    public static string? NameToKeep(CommandContext context, VMResourcePoolType type, string name)
    {
        ArgumentNullException.ThrowIfNull(context);
        var pool = Require(context.Service<IResourcePools>(), type, name);
        return pool.IsPrimordial ? null : pool.Name;
    }

    /// <summary>
    /// Throws unless every pool that a machine draws on is there and allows what the machine has. What was so <paramref name="before"/> may
    /// stay: a machine that comes from a host with other pools is put right part by part.
    /// </summary>
    public static void RequireAllowed(VirtualMachineConfiguration machine, IResourcePools pools, VirtualMachineConfiguration? before = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var kept = before is null ? [] : PoolUse.Of(before).ToList();
        foreach (var (type, name) in PoolUse.Of(machine).Where(use => use.Name is not null && !kept.Contains(use)))
        {
            Require(pools, type, name);
        }

        foreach (var drive in machine.Drives.Where(drive => drive is { Path: not null, ResourcePoolName: not null }
            && before?.Drives.Any(one => one.Id == drive.Id && one.Path == drive.Path && one.ResourcePoolName == drive.ResourcePoolName) != true))
        {
            RequirePath(Require(pools, PoolUse.TypeOf(drive), drive.ResourcePoolName), Base(machine, drive.Path!));
        }

        foreach (var adapter in machine.NetworkAdapters.Where(adapter => adapter is { SwitchId: not null, ResourcePoolName: not null }
            && before?.NetworkAdapters.Any(one => one.Id == adapter.Id && one.SwitchId == adapter.SwitchId && one.ResourcePoolName == adapter.ResourcePoolName) != true))
        {
            RequireSwitch(Require(pools, VMResourcePoolType.Ethernet, adapter.ResourcePoolName), adapter.SwitchId!.Value, $"{machine.Name}: {adapter.Name}");
        }
    }

    /// <summary>Whether a path is a folder, or in it.</summary>
    public static bool IsIn(string path, string folder)
    {
        var (full, within) = (Path.GetFullPath(path), Path.GetFullPath(folder).TrimEnd('/'));
        return full.TrimEnd('/') == within || full.StartsWith($"{within}/", StringComparison.Ordinal);
    }

    /// <summary>Throws unless what pools hold is held by pools they are part of, and no pool is part of itself.</summary>
    public static void RequireSound(IReadOnlyList<ResourcePoolConfiguration> pools)
    {
        ArgumentNullException.ThrowIfNull(pools);
        foreach (var pool in pools.Where(static one => !one.IsPrimordial))
        {
            var parents = pool.ParentNames.Select(name => pools.FirstOrDefault(other => other.Type == pool.Type && IsNamed(other, name))
                ?? throw Errors.NotFound($"There is no resource pool of type {pool.Type} named '{name}' that '{pool.Name}' could be part of.", name)).ToList();
            if (parents.Any(parent => IsPartOf(parent, pool, pools, pools.Count)))
            {
                throw Errors.Invalid($"The resource pool '{pool.Name}' of type {pool.Type} would be part of itself.", pool.Name);
            }

            foreach (var path in pool.Paths.Where(path => !parents.Any(parent => parent.IsPrimordial || parent.Paths.Any(folder => IsIn(path, folder)))))
            {
                throw Errors.Invalid($"The folder '{path}' is in no resource pool that '{pool.Name}' is part of ({string.Join(", ", pool.ParentNames)}).", path);
            }

            if (pool.SwitchIds.Any(one => !parents.Any(parent => parent.IsPrimordial || parent.SwitchIds.Contains(one))))
            {
                throw Errors.Invalid($"The resource pool '{pool.Name}' has a switch that no pool has which it is part of ({string.Join(", ", pool.ParentNames)}).", pool.Name);
            }
        }
    }

    /// <summary>A pool as an object.</summary>
    public static VMResourcePool Map(ResourcePoolConfiguration pool, CommandContext context)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(context);
        return new VMResourcePool
        {
            ComputerName = context.Service<IHostSettings>().Facts.Name,
            Name = pool.Name,
            ResourcePoolType = pool.Type,
            ParentName = [.. pool.ParentNames],
            ResourceMeteringEnabled = pool.ResourceMeteringEnabled,
            Paths = [.. pool.Paths],
            SwitchNames = [.. pool.SwitchIds.Select(id => context.Service<ISwitches>().Find(id)?.Name).OfType<string>()],
        };
    }

    /// <summary>Whether a pool has the name.</summary>
    public static bool IsNamed(ResourcePoolConfiguration pool, string name)
    {
        ArgumentNullException.ThrowIfNull(pool);
        return string.Equals(pool.Name, name, StringComparison.OrdinalIgnoreCase) || string.Equals(pool.FormerName, name, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsPartOf(ResourcePoolConfiguration pool, ResourcePoolConfiguration ancestor, IReadOnlyList<ResourcePoolConfiguration> pools, int depth) =>
        pool.Id == ancestor.Id || (depth > 0 && pool.ParentNames.Any(name => pools.FirstOrDefault(other => other.Type == pool.Type && IsNamed(other, name)) is { } parent
            && IsPartOf(parent, ancestor, pools, depth - 1)));

    private static void RequirePath(ResourcePoolConfiguration pool, string path)
    {
        if (!pool.IsPrimordial && !pool.Paths.Any(folder => IsIn(path, folder)))
        {
            throw Errors.Invalid(
                $"The file '{path}' is in no folder of the resource pool '{pool.Name}' of type {pool.Type}; 'Add-VMStoragePath' adds one, or choose another pool.", path);
        }
    }

    private static void RequireSwitch(ResourcePoolConfiguration pool, Guid on, string adapter)
    {
        if (!pool.IsPrimordial && !pool.SwitchIds.Contains(on))
        {
            throw Errors.Invalid(
                $"The adapter '{adapter}' is connected to a switch that is not in its resource pool '{pool.Name}'; 'Add-VMSwitch' adds one, or choose another pool.", adapter);
        }
    }

    // A checkpoint's image lies where the checkpoint puts it; the disk under it is the pool's.
    private static string Base(VirtualMachineConfiguration machine, string path)
    {
        foreach (var disk in machine.Checkpoints.Disks.Reverse())
        {
            path = disk.Path == path ? disk.ParentPath : path;
        }

        return path;
    }
}
