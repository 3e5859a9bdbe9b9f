using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>A resource pool as it should be. Type and name together are unique.</summary>
public sealed record ResourcePoolConfiguration
{
    /// <summary>Name of the pool of everything that is in no other one; there is one of each type, and it cannot be changed.</summary>
    public const string Primordial = "Primordial";

    /// <summary>Identity.</summary>
    public required Guid Id { get; init; }

    /// <summary>What it gathers.</summary>
    public required VMResourcePoolType Type { get; init; }

    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>Name that it had before, while machines still say that one.</summary>
    public string? FormerName { get; set; }

    /// <summary>Pools it is part of.</summary>
    public IReadOnlyList<string> ParentNames { get; set; } = [];

    /// <summary>Folders that images may come from.</summary>
    public IReadOnlyList<string> Paths { get; set; } = [];

    /// <summary>Switches that adapters may be connected to.</summary>
    public IReadOnlyList<Guid> SwitchIds { get; set; } = [];

    /// <summary>What its machines use is metered.</summary>
    public bool ResourceMeteringEnabled { get; set; }

    /// <summary>Whether it is the pool of everything.</summary>
    public bool IsPrimordial => Name == Primordial;
}

/// <summary>The resource pools of this host.</summary>
public interface IResourcePools
{
    /// <summary>All of them, those of everything too.</summary>
    IReadOnlyList<ResourcePoolConfiguration> All { get; }

    /// <summary>One pool, or null. Case does not matter; null is the pool of everything.</summary>
    ResourcePoolConfiguration? Find(VMResourcePoolType type, string? name);

    /// <summary>Whether <paramref name="pool"/> is the pool of that name, or one that it is part of.</summary>
    bool Covers(ResourcePoolConfiguration pool, string? name);

    /// <summary>Makes or changes pools, all or none; refuses by throwing.</summary>
    void Change(Func<IReadOnlyList<ResourcePoolConfiguration>, IReadOnlyList<ResourcePoolConfiguration>> change);

    /// <summary>Gives a pool another name, and tells the machines.</summary>
    Task RenameAsync(VMResourcePoolType type, string name, string newName, CancellationToken cancellation);
}

/// <summary>Which pools a machine draws on.</summary>
public static class PoolUse
{
    /// <summary>Type of the pool that a drive's image comes from.</summary>
    public static VMResourcePoolType TypeOf(DriveConfiguration drive)
    {
        ArgumentNullException.ThrowIfNull(drive);
        return drive.Kind == DriveKind.HardDisk ? VMResourcePoolType.VHD : drive.Kind == DriveKind.Dvd ? VMResourcePoolType.ISO : VMResourcePoolType.VFD;
    }

    /// <summary>Every pool that a machine draws on; a name of null is the pool of everything.</summary>
    public static IEnumerable<(VMResourcePoolType Type, string? Name)> Of(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return
        [
            (VMResourcePoolType.Memory, machine.Memory.ResourcePoolName), (VMResourcePoolType.Processor, machine.Processor.ResourcePoolName),
            .. machine.Drives.Select(static drive => (TypeOf(drive), drive.ResourcePoolName)),
            .. machine.NetworkAdapters.Select(static adapter => (VMResourcePoolType.Ethernet, adapter.ResourcePoolName)),
        ];
    }

    /// <summary>The machine with another name of a pool.</summary>
    public static VirtualMachineConfiguration Renamed(VirtualMachineConfiguration machine, VMResourcePoolType type, string name, string newName)
    {
        ArgumentNullException.ThrowIfNull(machine);
        string? Name(VMResourcePoolType of, string? now) => of == type && string.Equals(now, name, StringComparison.OrdinalIgnoreCase) ? newName : now;
        return machine with
        {
            Memory = machine.Memory with { ResourcePoolName = Name(VMResourcePoolType.Memory, machine.Memory.ResourcePoolName) },
            Processor = machine.Processor with { ResourcePoolName = Name(VMResourcePoolType.Processor, machine.Processor.ResourcePoolName) },
            Drives = [.. machine.Drives.Select(drive => drive with { ResourcePoolName = Name(TypeOf(drive), drive.ResourcePoolName) })],
            NetworkAdapters = [.. machine.NetworkAdapters.Select(adapter => adapter with { ResourcePoolName = Name(VMResourcePoolType.Ethernet, adapter.ResourcePoolName) })],
        };
    }
}
