using Vireo.Commands.Services;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.History;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Metering;
using Vireo.Host.Mobility;
using Vireo.Host.Mounts;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines;

/// <summary>What every machine of a host shares.</summary>
/// <param name="Paths">Where things are.</param>
/// <param name="Connector">The way to the planes.</param>
/// <param name="Addresses">Pool of MAC addresses.</param>
/// <param name="Events">Events.</param>
/// <param name="Time">Clock.</param>
/// <param name="Accelerator">What guests run on.</param>
/// <param name="User">User that QEMU runs as; null is ours.</param>
/// <param name="Memory">Who was promised how much memory.</param>
/// <param name="Running">Who runs.</param>
/// <param name="Storage">Storage plane.</param>
internal sealed record UnitServices(
    HostPaths Paths, DeviceConnector Connector, MacAddressPool Addresses, EventLog Events, TimeProvider Time, AcceleratorKind Accelerator, string? User,
    MemoryLedger Memory, RunningMachines Running, IStorageControl Storage)
{
    /// <summary>Whether a node of a guest may use memory of several NUMA nodes of the host.</summary>
    public Func<bool> MaySpanNodes { get; init; } = static () => true;

    /// <summary>Told when a machine begins or ceases to use processors, or its share changes.</summary>
    public Action ProcessorsChanged { get; init; } = static () => { };

    /// <summary>Whether a virtual switch exists.</summary>
    public Func<Guid, bool> SwitchExists { get; set; } = static _ => true;

    /// <summary>Throws unless the resource pools that a machine draws on are there and allow what it has.</summary>
    public Action<VirtualMachineConfiguration> RequirePools { get; init; } = static _ => { };

    /// <summary>Keeps the keys of machines.</summary>
    public Guardian Guardian { get; init; } = new(Paths.State);

    /// <summary>Disks of this computer.</summary>
    public IHostDisks HostDisks { get; init; } = new HostDisks();

    /// <summary>Moves of storage that are under way.</summary>
    public required StorageMoveJournal Moves { get; init; }

    /// <summary>Registers a machine whose configuration lies in another folder.</summary>
    public Action<VirtualMachineConfiguration> Relocate { get; init; } = static _ => throw new InvalidOperationException("Nobody registers machines here.");

    /// <summary>Every machine of the host.</summary>
    public Func<IReadOnlyList<VirtualMachineConfiguration>> Machines { get; init; } = static () => [];

    /// <summary>What was counted of a machine until it was read last; null when it is not metered.</summary>
    public Func<VirtualMachineConfiguration, MeterFigures?> MeterOf { get; init; } = static _ => null;

    /// <summary>Reads the counters of a machine before they go with what has them; never fails.</summary>
    public Func<Guid, Task> ReadCounters { get; init; } = static _ => Task.CompletedTask;
}
