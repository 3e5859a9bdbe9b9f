using Microsoft.HyperV.PowerShell;

namespace Vireo.Host.Metering;

/// <summary>Puts together what machines use of a pool: of its kind of resource only.</summary>
internal static class PoolObservation
{
    /// <summary>The observation of a pool.</summary>
    /// <param name="type">What the pool gathers.</param>
    /// <param name="samples">Machines.</param>
    /// <param name="covers">Whether what is drawn from a pool of the name is drawn from this one; null is the pool of everything.</param>
    /// <param name="now">The moment.</param>
    /// <param name="megahertz">Clock of the processors.</param>
    public static MeterObservation Of(VMResourcePoolType type, IReadOnlyList<MachineSample> samples, Func<string?, bool> covers, MeterInstant now, int megahertz)
    {
        var empty = new MeterObservation { Instant = now, Megahertz = megahertz };
        switch (type)
        {
            case VMResourcePoolType.Processor:
                var users = samples.Where(one => covers(one.Machine.Processor.ResourcePoolName)).ToList();
                return Running(empty, users) with { ProcessorMilliseconds = users.Sum(static one => one.ProcessorMilliseconds) };
            case VMResourcePoolType.Memory:
                var holders = samples.Where(one => covers(one.Machine.Memory.ResourcePoolName)).ToList();
                return Running(empty, holders) with { MemoryMegabytes = holders.Where(static one => one.IsRunning).Sum(static one => one.MemoryMegabytes) };
            case VMResourcePoolType.VHD:
                var drives = samples.SelectMany(static one => one.Machine.Drives).Where(drive => covers(drive.ResourcePoolName)).Select(static drive => drive.Id).ToHashSet();
                return empty with
                {
                    AllocationMegabytes = samples.SelectMany(static one => one.Allocation).Where(pair => drives.Contains(pair.Key)).Sum(static pair => pair.Value),
                    Disks = samples.SelectMany(static one => one.Disks).Where(pair => drives.Contains(pair.Key)).ToDictionary(),
                };
            case VMResourcePoolType.Ethernet:
                var adapters = samples.SelectMany(static one => one.Machine.NetworkAdapters).Where(adapter => covers(adapter.ResourcePoolName)).Select(static adapter => adapter.Id).ToHashSet();
                return empty with
                {
                    Adapters = samples.SelectMany(static one => one.Adapters).Where(pair => adapters.Contains(pair.Key)).ToDictionary(),
                    Traffic =
                    [
                        .. samples.SelectMany(static one => one.Traffic).Where(one => adapters.Contains(one.Adapter)).GroupBy(static one => (one.Remote, one.Direction))
                            .Select(static group => new TrafficTotals(Guid.Empty, "", group.Key.Remote, group.Key.Direction, group.Sum(static one => one.Bytes))),
                    ],
                };
            default:
                return empty;
        }
    }

    private static MeterObservation Running(MeterObservation empty, IReadOnlyList<MachineSample> members) => empty with
    {
        IsRunning = members.Any(static one => one.IsRunning),
        IsContinuous = members.All(static one => one.IsContinuous || !one.IsRunning),
    };
}
