using Vireo.Commands.Services;
using Vireo.Control.Storage;
using Vireo.Machines.Configuration;
using Vireo.Platform.Processes;

namespace Vireo.Host.Metering;

/// <summary>What a machine's process is, and the processor time it has used.</summary>
/// <param name="Identity">Names it for good.</param>
/// <param name="Used">Processor time.</param>
internal sealed record ProcessUse(ProcessIdentity Identity, TimeSpan Used);

/// <summary>Reads machines. One call at a time.</summary>
/// <param name="storage">Tells the capacity of disks that are not open.</param>
/// <param name="statusOf">What a machine does now.</param>
/// <param name="processOf">Its process; null without one.</param>
/// <param name="time">Limits how long it waits for the plane.</param>
internal sealed class MachineSampler(IStorageControl storage, Func<Guid, MachineStatus> statusOf, Func<Guid, ProcessUse?> processOf, TimeProvider time)
{
    private const string ProcessorKey = "processor";
    private const long Megabyte = 1 << 20;
    private readonly Dictionary<string, (DateTime Written, long Length, long Megabytes)> _capacities = new(StringComparer.Ordinal);
    private readonly HashSet<Guid> _watched = [];

    /// <summary>Whether a guest of the machine is in memory.</summary>
    public bool IsRunning(VirtualMachineConfiguration machine) => statusOf(machine.Id).MemoryAssignedBytes > 0;

    /// <summary>A machine's counters as they are: its process's, and those of the planes.</summary>
    public IReadOnlyList<CounterReading> Read(VirtualMachineConfiguration machine, PlaneCounters counters) =>
        [.. processOf(machine.Id) is { } process ? [Processor(process)] : Array.Empty<CounterReading>(), .. counters.Of(machine)];

    /// <summary>Takes a sample, and notes in the machine's book how far its counters were read.</summary>
    public async Task<MachineSample> TakeAsync(VirtualMachineConfiguration machine, SourceBook book, PlaneCounters counters, CancellationToken cancellation)
    {
        var status = statusOf(machine.Id);
        var before = book.Marks.GetValueOrDefault(ProcessorKey)?.Generation;
        var grown = book.Advance(Read(machine, counters));
        book.Forget(id => machine.Drives.Any(drive => drive.Id == id) || machine.NetworkAdapters.Any(adapter => adapter.Id == id));
        var isContinuous = !_watched.Add(machine.Id) || before == book.Marks.GetValueOrDefault(ProcessorKey)?.Generation;
        return new MachineSample
        {
            Machine = machine,
            IsRunning = status.MemoryAssignedBytes > 0,
            IsContinuous = isContinuous,
            MemoryMegabytes = status.MemoryAssignedBytes / Megabyte,
            ProcessorMilliseconds = grown.TryGetValue(ProcessorKey, out var used) ? used[0] : 0,
            Allocation = await AllocationAsync(machine, counters, cancellation),
            Disks = machine.Drives.Where(MeterSupport.IsMetered).Select(drive => (Drive: drive, Grown: grown.GetValueOrDefault(PlaneCounters.DiskKey(drive.Id))))
                .Where(one => one.Grown is not null)
                .ToDictionary(one => one.Drive.Id, one => new DiskTotals(one.Drive.Path!, one.Grown![0], one.Grown[1], one.Grown[2], one.Grown[3], one.Grown[4])),
            Adapters = machine.NetworkAdapters.Select(adapter => (Adapter: adapter, Grown: grown.GetValueOrDefault(PlaneCounters.PortKey(adapter.Id))))
                .Where(one => one.Grown is not null)
                .ToDictionary(one => one.Adapter.Id, one => new AdapterTotals(one.Adapter.Name, one.Grown![0], one.Grown[1])),
            Traffic = [.. machine.NetworkAdapters.SelectMany(adapter => Traffic(adapter, grown))],
        };
    }

    /// <summary>The machine is gone.</summary>
    public void Forget(Guid machine) => _watched.Remove(machine);

    private static IEnumerable<TrafficTotals> Traffic(NetworkAdapterConfiguration adapter, IReadOnlyDictionary<string, IReadOnlyList<long>> grown) =>
        adapter.Policy.Acls.Where(static rule => rule.Action == "Meter").Select(rule => new TrafficTotals(
            adapter.Id, rule.Local ?? "", rule.Remote ?? "", rule.Direction,
            grown.TryGetValue(PlaneCounters.RuleKey(adapter.Id, Switches.PortPolicies.Of(rule)), out var counted) ? counted[0] : 0));

    private static CounterReading Processor(ProcessUse process) => new(
        ProcessorKey, Guid.Empty, $"{process.Identity.BootId} {process.Identity.ProcessId} {process.Identity.StartTicks}", [(long)process.Used.TotalMilliseconds]);

    private async Task<IReadOnlyDictionary<Guid, long>> AllocationAsync(VirtualMachineConfiguration machine, PlaneCounters counters, CancellationToken cancellation)
    {
        var found = new Dictionary<Guid, long>();
        foreach (var drive in machine.Drives.Where(MeterSupport.IsMetered))
        {
            if (counters.Disks is not null && counters.Disks.TryGetValue(drive.Id, out var disk))
            {
                found[drive.Id] = disk.SizeBytes / Megabyte;
            }
            else if (await CapacityAsync(drive.Path!, cancellation) is { } megabytes)
            {
                found[drive.Id] = megabytes;
            }
        }

        return found;
    }

    /// <summary>Capacity of an image that is not open; null when it cannot be told. Images are read again only when their files have changed.</summary>
    private async Task<long?> CapacityAsync(string path, CancellationToken cancellation)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            return null;
        }

        if (_capacities.TryGetValue(path, out var known) && known.Written == file.LastWriteTimeUtc && known.Length == file.Length)
        {
            return known.Megabytes;
        }

        // The plane is away, or the image is damaged: its capacity is not known, which the figures say by leaving it out.
        if (await PlaneCounters.TryAskAsync(limited => storage.InspectImageAsync(path, limited), time, cancellation) is not { } image)
        {
            return null;
        }

        _capacities[path] = (file.LastWriteTimeUtc, file.Length, image.SizeBytes / Megabyte);
        return image.SizeBytes / Megabyte;
    }
}
