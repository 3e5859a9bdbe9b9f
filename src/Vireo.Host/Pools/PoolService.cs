using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Host.Machines;
using Vireo.Host.Store;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Pools;

/// <summary>The resource pools on disk.</summary>
internal sealed record PoolFile
{
    /// <summary>Version of the file's layout.</summary>
    public int FormatVersion { get; set; } = 1;

    /// <summary>Pools; of those of everything only the ones that are metered.</summary>
    public IReadOnlyList<ResourcePoolConfiguration> Pools { get; set; } = [];
}

/// <summary>
/// The resource pools of this host: one file, written atomically. Machines name the pools they draw on; a change of a name is written into the
/// file first, with the old one, and finished at the next start when it was cut short.
/// </summary>
internal sealed class PoolService : IResourcePools
{
    private const int NewestVersion = 1;
    private readonly string _path;
    private readonly MachineService _machines;
    private readonly Lock _use = new();
    private volatile IReadOnlyList<ResourcePoolConfiguration> _pools;

    public PoolService(string stateFolder, MachineService machines)
    {
        _machines = machines;
        _path = Path.Combine(stateFolder, "pools.json");
        AtomicFile.Sweep(_path);
        var stored = JsonFile.Read(_path, StoreJson.Default.PoolFile, static file => file.FormatVersion, NewestVersion)?.Pools ?? [];
        _pools = [.. Enum.GetValues<VMResourcePoolType>().Select(type => stored.FirstOrDefault(one => one.IsPrimordial && one.Type == type) ?? Primordial(type)), .. stored.Where(one => !one.IsPrimordial)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<ResourcePoolConfiguration> All => _pools;

    /// <inheritdoc/>
    public ResourcePoolConfiguration? Find(VMResourcePoolType type, string? name) =>
        _pools.FirstOrDefault(pool => pool.Type == type && PoolRules.IsNamed(pool, name ?? ResourcePoolConfiguration.Primordial));

    /// <inheritdoc/>
    public bool Covers(ResourcePoolConfiguration pool, string? name)
    {
        var pools = _pools;
        return Reaches(name ?? ResourcePoolConfiguration.Primordial, pools.Count);

        bool Reaches(string from, int depth) => PoolRules.IsNamed(pool, from)
            || (depth > 0 && pools.FirstOrDefault(one => one.Type == pool.Type && PoolRules.IsNamed(one, from)) is { } found && found.ParentNames.Any(parent => Reaches(parent, depth - 1)));
    }

    /// <inheritdoc/>
    public void Change(Func<IReadOnlyList<ResourcePoolConfiguration>, IReadOnlyList<ResourcePoolConfiguration>> change)
    {
        lock (_use)
        {
            var after = change(_pools);
            PoolRules.RequireSound(after);
            JsonFile.Write(_path, new PoolFile { Pools = [.. after.Where(static one => !one.IsPrimordial || one.ResourceMeteringEnabled)] }, StoreJson.Default.PoolFile);
            _pools = after;
        }
    }

    /// <inheritdoc/>
    public async Task RenameAsync(VMResourcePoolType type, string name, string newName, CancellationToken cancellation)
    {
        Change(pools =>
        {
            var pool = pools.FirstOrDefault(one => one.Type == type && PoolRules.IsNamed(one, name)) ?? PoolRules.Require(this, type, name);
            PoolRules.RequireOwn(pool, "renamed");
            if (pool.FormerName is not null)
            {
                throw Errors.State($"The resource pool '{pool.Name}' is being renamed.", pool.Name);
            }

            return pools.Any(one => one.Type == type && one.Id != pool.Id && PoolRules.IsNamed(one, newName))
                ? throw Errors.Exists($"There is a resource pool of type {type} named '{newName}' already.", newName)
                :
                [
                    .. pools.Select(one => one.Id == pool.Id ? one with { Name = newName, FormerName = pool.Name } : one.Type != type ? one : one with
                    {
                        ParentNames = [.. one.ParentNames.Select(parent => PoolRules.IsNamed(pool, parent) ? newName : parent)],
                    }),
                ];
        });
        CrashPoint.Hit("host.pool.renamed");
        await FinishAsync(CancellationToken.None);
    }

    /// <summary>Tells machines the new names of pools that were renamed.</summary>
    public async Task FinishAsync(CancellationToken cancellation)
    {
        foreach (var pool in _pools.Where(static one => one.FormerName is not null))
        {
            foreach (var machine in _machines.All.Where(machine => PoolUse.Of(machine).Any(use => use.Type == pool.Type && string.Equals(use.Name, pool.FormerName, StringComparison.OrdinalIgnoreCase))))
            {
                await _machines.ChangeAsync(machine.Id, (c, _) => PoolUse.Renamed(c, pool.Type, pool.FormerName!, pool.Name), cancellation);
            }

            Change(pools => [.. pools.Select(one => one.Id == pool.Id ? one with { FormerName = null } : one)]);
        }
    }

    // The same on each start: metering of the pool goes on.
    private static ResourcePoolConfiguration Primordial(VMResourcePoolType type) => new()
    {
        Id = new Guid(0x70726d64, 0, 0, [0, 0, 0, 0, 0, 0, 0, (byte)type]),
        Type = type,
        Name = ResourcePoolConfiguration.Primordial,
    };
}
