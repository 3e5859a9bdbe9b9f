using System.Text.Json.Serialization;

namespace Vireo.Host.Metering;

/// <summary>What a disk did. Counters of reads and writes together, but for the bytes.</summary>
/// <param name="Path">Its image.</param>
/// <param name="BytesRead">Bytes of reads.</param>
/// <param name="BytesWritten">Bytes of writes.</param>
/// <param name="Operations">Requests.</param>
/// <param name="NormalizedOperations">Requests in units of 8 KB.</param>
/// <param name="LatencyUs">Time that they took together, in microseconds.</param>
internal sealed record DiskTotals(string Path, long BytesRead, long BytesWritten, long Operations, long NormalizedOperations, long LatencyUs)
{
    /// <summary>With what came after.</summary>
    public DiskTotals Plus(DiskTotals later) => new(
        later.Path, BytesRead + later.BytesRead, BytesWritten + later.BytesWritten, Operations + later.Operations,
        NormalizedOperations + later.NormalizedOperations, LatencyUs + later.LatencyUs);
}

/// <summary>What went through an adapter, in bytes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Inbound">To the guest.</param>
/// <param name="Outbound">From the guest.</param>
internal sealed record AdapterTotals(string Name, long Inbound, long Outbound)
{
    /// <summary>With what came after.</summary>
    public AdapterTotals Plus(AdapterTotals later) => new(later.Name, Inbound + later.Inbound, Outbound + later.Outbound);
}

/// <summary>What a metering access rule has counted.</summary>
/// <param name="Adapter">The adapter; empty where those of many were added.</param>
/// <param name="Local">Address or prefix of the adapter's side; empty is any.</param>
/// <param name="Remote">The same of the other side.</param>
/// <param name="Direction"><c>Inbound</c>, <c>Outbound</c>, <c>Both</c>.</param>
/// <param name="Bytes">Bytes.</param>
internal sealed record TrafficTotals(Guid Adapter, string Local, string Remote, string Direction, long Bytes)
{
    /// <summary>The rule in one word.</summary>
    [JsonIgnore]
    public string Key => $"{Adapter:N} {Direction} {Local} {Remote}";
}

/// <summary>What is so from one sample to the next.</summary>
/// <param name="Instant">When.</param>
/// <param name="IsRunning">A guest is in memory.</param>
/// <param name="MemoryMegabytes">Memory it has, in units of 2^20 bytes.</param>
/// <param name="AllocationMegabytes">See <see cref="MeterObservation.AllocationMegabytes"/>.</param>
internal sealed record MeterHold(MeterInstant Instant, bool IsRunning, long MemoryMegabytes, long? AllocationMegabytes);

/// <summary>What is so at one moment, and what happened since the last one.</summary>
internal sealed record MeterObservation
{
    /// <summary>The moment.</summary>
    public required MeterInstant Instant { get; init; }

    /// <summary>A guest is in memory, running or paused.</summary>
    public bool IsRunning { get; set; }

    /// <summary>What was so at the last moment was so until now; false when nobody watched and the guest is another one.</summary>
    public bool IsContinuous { get; set; } = true;

    /// <summary>Memory assigned, in units of 2^20 bytes.</summary>
    public long MemoryMegabytes { get; set; }

    /// <summary>Capacity of the disks together, in units of 2^20 bytes; null when it cannot be told.</summary>
    public long? AllocationMegabytes { get; set; }

    /// <summary>Processor time used since, in milliseconds.</summary>
    public long ProcessorMilliseconds { get; set; }

    /// <summary>Clock of the processors.</summary>
    public int Megahertz { get; set; }

    /// <summary>What each disk did since.</summary>
    public IReadOnlyDictionary<Guid, DiskTotals> Disks { get; set; } = new Dictionary<Guid, DiskTotals>();

    /// <summary>What went through each adapter since.</summary>
    public IReadOnlyDictionary<Guid, AdapterTotals> Adapters { get; set; } = new Dictionary<Guid, AdapterTotals>();

    /// <summary>What each metering rule has counted since.</summary>
    public IReadOnlyList<TrafficTotals> Traffic { get; set; } = [];

    /// <summary>What stays so until the next moment.</summary>
    public MeterHold Hold => new(Instant, IsRunning, IsRunning ? MemoryMegabytes : 0, AllocationMegabytes);
}

/// <summary>
/// The figures of a machine, or of a pool, over a period. All sums are integers, so that any number of samples adds up to the same.
/// <para>
/// Averages are over the whole period, also while the machine was off, as in Hyper-V: average times duration is what was used. Least and most
/// memory are those of the time it ran; so average * <see cref="Duration"/> / <see cref="Running"/> lies between them.
/// </para>
/// </summary>
internal sealed class MeterFigures
{
    /// <summary>When the period began, for people: nothing is calculated from it.</summary>
    public DateTimeOffset Since { get; set; }

    /// <summary>Length of the period in milliseconds, without the time that the computer was down.</summary>
    public long Duration { get; set; }

    /// <summary>Milliseconds of that in which a guest was in memory.</summary>
    public long Running { get; set; }

    /// <summary>Processor time in milliseconds.</summary>
    public long Processor { get; set; }

    /// <summary>Processor time in milliseconds times megahertz: work, comparable between hosts.</summary>
    public long ProcessorWork { get; set; }

    /// <summary>Memory in 2^20 bytes times milliseconds.</summary>
    public long MemoryTime { get; set; }

    /// <summary>Least memory while it ran, 2^20 bytes; null when it never did.</summary>
    public long? MemoryMinimum { get; set; }

    /// <summary>Most memory while it ran.</summary>
    public long? MemoryMaximum { get; set; }

    /// <summary>Most disk capacity, 2^20 bytes; null when it could not be told.</summary>
    public long? Allocation { get; set; }

    /// <summary>By drive.</summary>
    public Dictionary<Guid, DiskTotals> Disks { get; set; } = [];

    /// <summary>By adapter.</summary>
    public Dictionary<Guid, AdapterTotals> Adapters { get; set; } = [];

    /// <summary>By <see cref="TrafficTotals.Key"/>.</summary>
    public Dictionary<string, TrafficTotals> Traffic { get; set; } = new(StringComparer.Ordinal);

    /// <summary>What was so at the last sample.</summary>
    public MeterHold? Hold { get; set; }

    /// <summary>Average processor use in megahertz; null for a period without length.</summary>
    [JsonIgnore]
    public long? ProcessorAverage => Duration == 0 ? null : ProcessorWork / Duration;

    /// <summary>Average memory in 2^20 bytes; null for a period without length.</summary>
    [JsonIgnore]
    public long? MemoryAverage => Duration == 0 ? null : MemoryTime / Duration;

    /// <summary>Figures of a period that begins with a moment.</summary>
    public static MeterFigures Begin(DateTimeOffset since, MeterHold now)
    {
        var figures = new MeterFigures { Since = since };
        figures.See(now);
        return figures;
    }

    /// <summary>Goes on to a later moment.</summary>
    public void Advance(MeterObservation now)
    {
        if (Hold is { } hold && now.Instant.Since(hold.Instant) is { } elapsed)
        {
            Duration += elapsed;
            if (hold.IsRunning && now.IsContinuous)
            {
                Running += elapsed;
                MemoryTime += hold.MemoryMegabytes * elapsed;
            }
        }

        Processor += now.ProcessorMilliseconds;
        ProcessorWork += now.ProcessorMilliseconds * now.Megahertz;
        foreach (var (drive, did) in now.Disks)
        {
            Disks[drive] = Disks.TryGetValue(drive, out var before) ? before.Plus(did) : did;
        }

        foreach (var (adapter, passed) in now.Adapters)
        {
            Adapters[adapter] = Adapters.TryGetValue(adapter, out var before) ? before.Plus(passed) : passed;
        }

        foreach (var counted in now.Traffic)
        {
            Traffic[counted.Key] = Traffic.TryGetValue(counted.Key, out var before) ? counted with { Bytes = before.Bytes + counted.Bytes } : counted;
        }

        See(now.Hold);
    }

    private void See(MeterHold now)
    {
        if (now.IsRunning)
        {
            MemoryMinimum = Math.Min(MemoryMinimum ?? long.MaxValue, now.MemoryMegabytes);
            MemoryMaximum = Math.Max(MemoryMaximum ?? 0, now.MemoryMegabytes);
        }

        if (now.AllocationMegabytes is { } allocation)
        {
            Allocation = Math.Max(Allocation ?? 0, allocation);
        }

        Hold = now;
    }
}
