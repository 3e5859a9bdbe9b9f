using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Figures of metering as objects of the model.</summary>
internal static class MeterMapper
{
    private const int MegabyteShift = 20;

    /// <summary>What a machine used.</summary>
    public static VMMeteringReportForVirtualMachine Machine(VirtualMachineConfiguration c, MeterReport report, CommandContext context)
    {
        var made = new VMMeteringReportForVirtualMachine { VMId = c.Id, VMName = c.Name, NotMetered = [.. MeterSupport.LeftOut(c)] };
        Fill(made, report, context, [c]);
        return made;
    }

    /// <summary>What was used of pools of one name, each of which knows of its own kind of resource only.</summary>
    public static VMMeteringReportForResourcePool Pools(IReadOnlyList<ResourcePoolConfiguration> pools, IReadOnlyList<MeterReport> reports, CommandContext context)
    {
        var made = new VMMeteringReportForResourcePool { ResourcePoolName = pools[0].Name, ResourcePoolType = [.. pools.Select(static pool => pool.Type)] };
        var (processor, memory, disks, network) = (Of(VMResourcePoolType.Processor), Of(VMResourcePoolType.Memory), Of(VMResourcePoolType.VHD), Of(VMResourcePoolType.Ethernet));
        var machines = context.Service<IMachines>().All;
        Fill(
            made,
            reports[0] with
            {
                Since = reports.Min(static one => one.Since),
                Duration = reports.Max(static one => one.Duration),
                Running = reports.Max(static one => one.Running),
                ProcessorTime = processor?.ProcessorTime ?? TimeSpan.Zero,
                AverageProcessor = processor?.AverageProcessor,
                AverageMemory = memory?.AverageMemory,
                MinimumMemory = memory?.MinimumMemory,
                MaximumMemory = memory?.MaximumMemory,
                MaximumDiskAllocation = disks?.MaximumDiskAllocation,
                Disks = disks?.Disks ?? [],
                Adapters = network?.Adapters ?? [],
                Traffic = network?.Traffic ?? [],
            },
            context,
            machines);
        made.NotMetered = [.. machines.Where(machine => PoolUse.Of(machine).Any(use => pools.Any(pool => pool.Type == use.Type && context.Service<IResourcePools>().Covers(pool, use.Name))))
            .SelectMany(MeterSupport.LeftOut)];
        return made;

        MeterReport? Of(VMResourcePoolType type) => pools.Select((pool, i) => (pool.Type, Report: reports[i])).FirstOrDefault(one => one.Type == type).Report;
    }

    /// <summary>Puts figures of machines into a report.</summary>
    private static void Fill(VMMeteringReport made, MeterReport report, CommandContext context, IReadOnlyList<VirtualMachineConfiguration> machines)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        made.ComputerName = host;
        made.MeteringDuration = report.Duration;
        made.RunningDuration = report.Running;
        made.MeteringSince = report.Since.LocalDateTime;
        made.ProcessorTime = report.ProcessorTime;
        made.AverageProcessorUsage = Number(report.AverageProcessor);
        made.AverageMemoryUsage = Number(report.AverageMemory);
        made.MinimumMemoryUsage = Number(report.MinimumMemory);
        made.MaximumMemoryUsage = Number(report.MaximumMemory);
        made.TotalDiskAllocation = Number(report.MaximumDiskAllocation);
        made.AggregatedAverageNormalizedIOPS = PerSecond(report.Disks.Sum(static one => one.NormalizedOperations), report.Duration);
        made.AggregatedAverageLatency = Average(report.Disks.Sum(static one => one.LatencyUs), report.Disks.Sum(static one => one.Operations));
        made.AggregatedDiskDataRead = Megabytes(report.Disks.Sum(static one => one.BytesRead));
        made.AggregatedDiskDataWritten = Megabytes(report.Disks.Sum(static one => one.BytesWritten));
        made.AggregatedNormalizedIOCount = (ulong)report.Disks.Sum(static one => one.NormalizedOperations);
        made.HardDiskMetrics = [.. report.Disks.Select(disk => Disk(disk, report.Duration, machines, host))];
        made.NetworkAdapterMetrics = [.. report.Adapters.Select(Adapter)];
        made.NetworkMeteredTrafficReport = [.. report.Traffic.Select(traffic => Traffic(traffic, machines, context))];
    }

    private static VHDMetrics Disk(MeteredDisk disk, TimeSpan duration, IReadOnlyList<VirtualMachineConfiguration> machines, string host)
    {
        var owner = machines.FirstOrDefault(machine => machine.Drives.Any(drive => drive.Id == disk.Drive));
        return new VHDMetrics
        {
            VirtualHardDisk = owner is null
                ? new HardDiskDrive { ComputerName = host, Name = "Hard Drive that was removed", Path = disk.Path, IsDeleted = true }
                : ModelMapper.HardDisk(owner, owner.Drives.First(drive => drive.Id == disk.Drive), host),
            AverageNormalizedIOPS = PerSecond(disk.NormalizedOperations, duration),
            AverageLatency = Average(disk.LatencyUs, disk.Operations),
            DataRead = Megabytes(disk.BytesRead),
            DataWritten = Megabytes(disk.BytesWritten),
            NormalizedIOCount = (ulong)disk.NormalizedOperations,
        };
    }

    private static VMNetworkAdapterMetrics Adapter(MeteredAdapter adapter) => new()
    {
        AdapterName = adapter.Name,
        InboundBytes = (ulong)adapter.InboundBytes,
        OutboundBytes = (ulong)adapter.OutboundBytes,
        InboundTraffic = Megabytes(adapter.InboundBytes),
        OutboundTraffic = Megabytes(adapter.OutboundBytes),
    };

    private static VMNetworkAdapterPortAclMeteringReport Traffic(MeteredTraffic traffic, IReadOnlyList<VirtualMachineConfiguration> machines, CommandContext context)
    {
        var owner = machines.FirstOrDefault(machine => machine.NetworkAdapters.Any(adapter => adapter.Id == traffic.Adapter));
        var adapter = owner?.NetworkAdapters.First(one => one.Id == traffic.Adapter);
        return new VMNetworkAdapterPortAclMeteringReport
        {
            NetworkAdapter = owner is null ? null : ModelMapper.Adapter(owner, adapter!, context.Service<IMachines>().StatusOf(owner.Id), context),
            AdapterName = adapter?.Name ?? "",
            LocalAddress = traffic.Local,
            RemoteAddress = traffic.Remote,
            Direction = Enum.Parse<VMNetworkAdapterAclDirection>(traffic.Direction),
            TotalTraffic = Megabytes(traffic.Bytes),
            TotalBytes = (ulong)traffic.Bytes,
        };
    }

    private static ulong? Number(long? value) => value is { } number ? (ulong)number : null;

    private static ulong Megabytes(long bytes) => (ulong)bytes >> MegabyteShift;

    private static ulong? PerSecond(long count, TimeSpan duration) => duration > TimeSpan.Zero ? (ulong)(count / duration.TotalSeconds) : null;

    private static ulong? Average(long sum, long count) => count > 0 ? (ulong)(sum / count) : null;
}
