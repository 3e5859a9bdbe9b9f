namespace Microsoft.HyperV.PowerShell;

/// <summary>What a meter of network traffic has counted.</summary>
public class VMPortAclMeteringReport
{
    /// <summary>Address or prefix of the adapter's side; empty is any.</summary>
    public string LocalAddress { get; set; } = "";

    /// <summary>Address or prefix of the other side; empty is any.</summary>
    public string RemoteAddress { get; set; } = "";

    /// <summary>Which frames it counts.</summary>
    public VMNetworkAdapterAclDirection Direction { get; set; }

    /// <summary>Megabytes (2^20) counted.</summary>
    public ulong TotalTraffic { get; set; }

    /// <summary>Bytes counted.</summary>
    public ulong TotalBytes { get; set; }

    /// <summary>Name of the adapter; empty in the report of a pool, which adds those of all adapters.</summary>
    public string AdapterName { get; set; } = "";

    /// <summary>What it counts, and how much.</summary>
    public override string ToString() => $"{Direction} {(RemoteAddress.Length == 0 ? "ANY" : RemoteAddress)}: {TotalTraffic} MB";
}

/// <summary>What a meter of an adapter has counted.</summary>
public sealed class VMNetworkAdapterPortAclMeteringReport : VMPortAclMeteringReport
{
    /// <summary>The adapter; null when the machine has it no more.</summary>
    public VMNetworkAdapter? NetworkAdapter { get; set; }
}

/// <summary>What went through an adapter, whatever its meters count.</summary>
public sealed class VMNetworkAdapterMetrics
{
    /// <summary>Name of the adapter.</summary>
    public string AdapterName { get; set; } = "";

    /// <summary>Megabytes (2^20) to the guest.</summary>
    public ulong InboundTraffic { get; set; }

    /// <summary>Megabytes (2^20) from the guest.</summary>
    public ulong OutboundTraffic { get; set; }

    /// <summary>Bytes to the guest.</summary>
    public ulong InboundBytes { get; set; }

    /// <summary>Bytes from the guest.</summary>
    public ulong OutboundBytes { get; set; }

    /// <summary>How much.</summary>
    public override string ToString() => $"{AdapterName}: {InboundTraffic} MB in, {OutboundTraffic} MB out";
}

/// <summary>What a virtual hard disk did.</summary>
public sealed class VHDMetrics
{
    /// <summary>The drive.</summary>
    public HardDiskDrive? VirtualHardDisk { get; set; }

    /// <summary>Requests a second in units of 8 KB, on average over the period.</summary>
    public ulong? AverageNormalizedIOPS { get; set; }

    /// <summary>Time that a request took on average, in microseconds.</summary>
    public ulong? AverageLatency { get; set; }

    /// <summary>Megabytes (2^20) read.</summary>
    public ulong? DataRead { get; set; }

    /// <summary>Megabytes (2^20) written.</summary>
    public ulong? DataWritten { get; set; }

    /// <summary>Requests in units of 8 KB.</summary>
    public ulong? NormalizedIOCount { get; set; }

    /// <summary>The disk, and what it read and wrote.</summary>
    public override string ToString() => $"{VirtualHardDisk?.Path}: {DataRead} MB read, {DataWritten} MB written";
}

/// <summary>
/// What a machine, or a pool, used over a period. Averages are over all of <see cref="MeteringDuration"/>, also while nothing ran, so that average
/// times duration is what was used. Memory, disks and traffic are in megabytes (2^20).
/// </summary>
public abstract class VMMeteringReport : VirtualizationObject
{
    /// <summary>Length of the period, without the time that the host's computer was down.</summary>
    public TimeSpan? MeteringDuration { get; set; }

    /// <summary>For how long of that a guest was in memory.</summary>
    public TimeSpan? RunningDuration { get; set; }

    /// <summary>When the period began.</summary>
    public DateTime MeteringSince { get; set; }

    /// <summary>Processor time used.</summary>
    public TimeSpan? ProcessorTime { get; set; }

    /// <summary>Average processor use, megahertz.</summary>
    public ulong? AverageProcessorUsage { get; set; }

    /// <summary>Average memory.</summary>
    public ulong? AverageMemoryUsage { get; set; }

    /// <summary>Most memory while a guest ran.</summary>
    public ulong? MaximumMemoryUsage { get; set; }

    /// <summary>Least memory while a guest ran.</summary>
    public ulong? MinimumMemoryUsage { get; set; }

    /// <summary>Most capacity of the disks together.</summary>
    public ulong? TotalDiskAllocation { get; set; }

    /// <summary>Requests a second in units of 8 KB of all disks, on average over the period.</summary>
    public ulong? AggregatedAverageNormalizedIOPS { get; set; }

    /// <summary>Time that a request took on average, in microseconds.</summary>
    public ulong? AggregatedAverageLatency { get; set; }

    /// <summary>Read from all disks.</summary>
    public ulong? AggregatedDiskDataRead { get; set; }

    /// <summary>Written to all disks.</summary>
    public ulong? AggregatedDiskDataWritten { get; set; }

    /// <summary>Requests to all disks in units of 8 KB.</summary>
    public ulong? AggregatedNormalizedIOCount { get; set; }

    /// <summary>What the meters of network traffic have counted.</summary>
    public VMNetworkAdapterPortAclMeteringReport[] NetworkMeteredTrafficReport { get; set; } = [];

    /// <summary>What went through each adapter.</summary>
    public VMNetworkAdapterMetrics[] NetworkAdapterMetrics { get; set; } = [];

    /// <summary>What each disk did.</summary>
    public VHDMetrics[] HardDiskMetrics { get; set; } = [];

    /// <summary>What is not in the figures, a sentence for each device.</summary>
    public string[] NotMetered { get; set; } = [];

    /// <summary>The same as <see cref="AverageProcessorUsage"/>.</summary>
    public ulong? AvgCPU => AverageProcessorUsage;

    /// <summary>The same as <see cref="AverageMemoryUsage"/>.</summary>
    public ulong? AvgRAM => AverageMemoryUsage;

    /// <summary>The same as <see cref="MinimumMemoryUsage"/>.</summary>
    public ulong? MinRAM => MinimumMemoryUsage;

    /// <summary>The same as <see cref="MaximumMemoryUsage"/>.</summary>
    public ulong? MaxRAM => MaximumMemoryUsage;

    /// <summary>The same as <see cref="TotalDiskAllocation"/>.</summary>
    public ulong? TotalDisk => TotalDiskAllocation;

    /// <summary>What the meters of inbound traffic have counted together.</summary>
    public ulong NetworkInbound => Sum(VMNetworkAdapterAclDirection.Inbound);

    /// <summary>What the meters of outbound traffic have counted together.</summary>
    public ulong NetworkOutbound => Sum(VMNetworkAdapterAclDirection.Outbound);

    private ulong Sum(VMNetworkAdapterAclDirection direction)
    {
        ulong bytes = 0;
        foreach (var one in NetworkMeteredTrafficReport)
        {
            bytes += one.Direction == direction ? one.TotalBytes : 0;
        }

        return bytes >> 20;
    }
}

/// <summary>What a machine used.</summary>
public sealed class VMMeteringReportForVirtualMachine : VMMeteringReport
{
    /// <summary>The machine.</summary>
    public Guid VMId { get; set; }

    /// <summary>Its name.</summary>
    public string VMName { get; set; } = "";
}
