namespace Vireo.Commands.Services;

/// <summary>What a disk did while it was metered.</summary>
/// <param name="Drive">The drive.</param>
/// <param name="Path">Its image, as it was last.</param>
/// <param name="BytesRead">Bytes of reads.</param>
/// <param name="BytesWritten">Bytes of writes.</param>
/// <param name="Operations">Reads and writes.</param>
/// <param name="NormalizedOperations">The same in units of 8 KB.</param>
/// <param name="LatencyUs">Time that they took together, in microseconds.</param>
public sealed record MeteredDisk(Guid Drive, string Path, long BytesRead, long BytesWritten, long Operations, long NormalizedOperations, long LatencyUs);

/// <summary>What went through an adapter while it was metered.</summary>
/// <param name="Adapter">The adapter.</param>
/// <param name="Name">Its name.</param>
/// <param name="InboundBytes">To the guest.</param>
/// <param name="OutboundBytes">From the guest.</param>
public sealed record MeteredAdapter(Guid Adapter, string Name, long InboundBytes, long OutboundBytes);

/// <summary>What an access rule has metered.</summary>
/// <param name="Adapter">Its adapter; empty where the rules of many were added.</param>
/// <param name="Local">Address or prefix of the adapter's side; empty is any.</param>
/// <param name="Remote">The same of the other side.</param>
/// <param name="Direction"><c>Inbound</c>, <c>Outbound</c>, <c>Both</c>.</param>
/// <param name="Bytes">Bytes.</param>
public sealed record MeteredTraffic(Guid Adapter, string Local, string Remote, string Direction, long Bytes);

/// <summary>The figures of a period. Averages are over all of it, also while nothing ran; memory and disks are in units of 2^20 bytes.</summary>
public sealed record MeterReport
{
    /// <summary>When the period began.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Its length, without the time that the computer was down.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>For how long of that a guest was in memory.</summary>
    public required TimeSpan Running { get; init; }

    /// <summary>Processor time.</summary>
    public required TimeSpan ProcessorTime { get; init; }

    /// <summary>Average processor use in megahertz; null for a period without length.</summary>
    public long? AverageProcessor { get; init; }

    /// <summary>Average memory.</summary>
    public long? AverageMemory { get; init; }

    /// <summary>Least memory while a guest ran; null when none did.</summary>
    public long? MinimumMemory { get; init; }

    /// <summary>Most memory while a guest ran.</summary>
    public long? MaximumMemory { get; init; }

    /// <summary>Most disk capacity; null when it could not be told.</summary>
    public long? MaximumDiskAllocation { get; init; }

    /// <summary>Disks.</summary>
    public IReadOnlyList<MeteredDisk> Disks { get; init; } = [];

    /// <summary>Adapters.</summary>
    public IReadOnlyList<MeteredAdapter> Adapters { get; init; } = [];

    /// <summary>Rules that meter.</summary>
    public IReadOnlyList<MeteredTraffic> Traffic { get; init; } = [];
}

/// <summary>The figures of a machine or pool in one period of the history: an hour, or what of it was metered.</summary>
/// <param name="Kind"><c>VirtualMachine</c> or <c>ResourcePool</c>.</param>
/// <param name="Id">Whose; also when it is gone.</param>
/// <param name="Name">Its name then.</param>
/// <param name="Ended">When the period ended, or until when it is known.</param>
/// <param name="Figures">The figures.</param>
public sealed record MeteredPeriod(string Kind, Guid Id, string Name, DateTimeOffset Ended, MeterReport Figures);

/// <summary>Meters what machines use.</summary>
public interface IMetering
{
    /// <summary>Begins to meter a machine. One that is metered goes on as it was.</summary>
    /// <exception cref="Framework.CommandException">It runs, and a plane that knows what it has used so far does not answer.</exception>
    Task EnableAsync(Guid machine, CancellationToken cancellation);

    /// <summary>Ends it, and throws the figures away but for their history. One that is not metered stays so.</summary>
    Task DisableAsync(Guid machine, CancellationToken cancellation);

    /// <summary>Begins a new period.</summary>
    /// <exception cref="Framework.CommandException">The machine is not metered.</exception>
    Task ResetAsync(Guid machine, CancellationToken cancellation);

    /// <summary>The figures up to now.</summary>
    /// <exception cref="Framework.CommandException">The machine is not metered.</exception>
    Task<MeterReport> MeasureAsync(Guid machine, CancellationToken cancellation);

    /// <summary>The history by the hour, oldest first: the periods that began in a span of time.</summary>
    Task<IReadOnlyList<MeteredPeriod>> HistoryAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellation);

    /// <summary>Begins to meter what machines use of a pool, and of those that are part of it. One that is metered goes on as it was.</summary>
    Task EnablePoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation);

    /// <summary>Ends it, and throws the figures away but for their history.</summary>
    Task DisablePoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation);

    /// <summary>Begins a new period of a pool.</summary>
    /// <exception cref="Framework.CommandException">The pool is not metered.</exception>
    Task ResetPoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation);

    /// <summary>The figures of a pool up to now: of its kind of resource only.</summary>
    /// <exception cref="Framework.CommandException">The pool is not metered.</exception>
    Task<MeterReport> MeasurePoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation);
}
