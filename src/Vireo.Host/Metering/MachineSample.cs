using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Metering;

/// <summary>What one machine is at a moment, and what it did since the last one: the parts of which the figures of machines and pools are made.</summary>
internal sealed record MachineSample
{
    /// <summary>The machine.</summary>
    public required VirtualMachineConfiguration Machine { get; init; }

    /// <summary>A guest is in memory.</summary>
    public bool IsRunning { get; init; }

    /// <summary>See <see cref="MeterObservation.IsContinuous"/>.</summary>
    public bool IsContinuous { get; init; } = true;

    /// <summary>Memory, 2^20 bytes.</summary>
    public long MemoryMegabytes { get; init; }

    /// <summary>Processor time since, milliseconds.</summary>
    public long ProcessorMilliseconds { get; init; }

    /// <summary>Capacity of each hard disk in 2^20 bytes; one that cannot be told is missing.</summary>
    public IReadOnlyDictionary<Guid, long> Allocation { get; init; } = new Dictionary<Guid, long>();

    /// <summary>See <see cref="MeterObservation.Disks"/>.</summary>
    public IReadOnlyDictionary<Guid, DiskTotals> Disks { get; init; } = new Dictionary<Guid, DiskTotals>();

    /// <summary>See <see cref="MeterObservation.Adapters"/>.</summary>
    public IReadOnlyDictionary<Guid, AdapterTotals> Adapters { get; init; } = new Dictionary<Guid, AdapterTotals>();

    /// <summary>See <see cref="MeterObservation.Traffic"/>.</summary>
    public IReadOnlyList<TrafficTotals> Traffic { get; init; } = [];

    /// <summary>The machine's own observation.</summary>
    public MeterObservation Observe(MeterInstant instant, int megahertz) => new()
    {
        Instant = instant,
        IsRunning = IsRunning,
        IsContinuous = IsContinuous,
        MemoryMegabytes = MemoryMegabytes,
        AllocationMegabytes = Allocation.Count == 0 && Machine.Drives.Any(MeterSupport.IsMetered) ? null : Allocation.Values.Sum(),
        ProcessorMilliseconds = ProcessorMilliseconds,
        Megahertz = megahertz,
        Disks = Disks,
        Adapters = Adapters,
        Traffic = Traffic,
    };
}
