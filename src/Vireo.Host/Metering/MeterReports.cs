using Vireo.Commands.Services;

namespace Vireo.Host.Metering;

/// <summary>Figures as others see them.</summary>
internal static class MeterReports
{
    /// <summary>A report of figures.</summary>
    public static MeterReport Of(MeterFigures figures) => new()
    {
        Since = figures.Since,
        Duration = TimeSpan.FromMilliseconds(figures.Duration),
        Running = TimeSpan.FromMilliseconds(figures.Running),
        ProcessorTime = TimeSpan.FromMilliseconds(figures.Processor),
        AverageProcessor = figures.ProcessorAverage,
        AverageMemory = figures.MemoryAverage,
        MinimumMemory = figures.MemoryMinimum,
        MaximumMemory = figures.MemoryMaximum,
        MaximumDiskAllocation = figures.Allocation,
        Disks =
        [
            .. figures.Disks.Select(static one => new MeteredDisk(
                one.Key, one.Value.Path, one.Value.BytesRead, one.Value.BytesWritten, one.Value.Operations, one.Value.NormalizedOperations, one.Value.LatencyUs)),
        ],
        Adapters = [.. figures.Adapters.Select(static one => new MeteredAdapter(one.Key, one.Value.Name, one.Value.Inbound, one.Value.Outbound))],
        Traffic = [.. figures.Traffic.Values.Select(static one => new MeteredTraffic(one.Adapter, one.Local, one.Remote, one.Direction, one.Bytes))],
    };
}
