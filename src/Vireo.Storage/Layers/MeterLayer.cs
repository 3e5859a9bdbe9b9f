using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Counts what passed: operations, bytes, normalised operations and how long each took. A request is counted when it completes, so the
/// numbers never run ahead of the data; one that failed counts as a failure only. The path takes no lock and allocates nothing.
/// </summary>
/// <remarks>A normalised operation is a request of up to 8 KB; a longer one counts once for each 8 KB it begins, as Hyper-V counts.</remarks>
/// <param name="name">Name in the stack.</param>
/// <param name="time">The clock that measures.</param>
public sealed class MeterLayer(string name, TimeProvider time) : LayerBase(name)
{
    /// <summary>Bytes of one normalised operation.</summary>
    public const int NormalizedBytes = 8192;

    private readonly long _timestampsPerSecond = time.TimestampFrequency;

    /// <summary>Reads that succeeded.</summary>
    public OperationCounters Reads { get; } = new();

    /// <summary>Writes that succeeded.</summary>
    public OperationCounters Writes { get; } = new();

    /// <summary>Flushes that succeeded.</summary>
    public OperationCounters Flushes { get; } = new();

    /// <summary>Trims and writes of zeroes that succeeded.</summary>
    public OperationCounters Discards { get; } = new();

    /// <summary>Requests of any kind that failed.</summary>
    public StripedCounter Failures { get; } = new();

    /// <summary>How many normalised operations a request of <paramref name="lengthBytes"/> is; at least one.</summary>
    public static long Normalized(long lengthBytes) => lengthBytes <= NormalizedBytes ? 1 : (lengthBytes + NormalizedBytes - 1) / NormalizedBytes;

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        var begun = time.GetTimestamp();
        return Count(Below.ReadAsync(offsetBytes, buffers), Reads, buffers.LengthBytes, begun);
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        var begun = time.GetTimestamp();
        return Count(Below.WriteAsync(offsetBytes, buffers, options), Writes, buffers.LengthBytes, begun);
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync()
    {
        var begun = time.GetTimestamp();
        return Count(Below.FlushAsync(), Flushes, 0, begun);
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        var begun = time.GetTimestamp();
        return Count(Below.TrimAsync(offsetBytes, lengthBytes), Discards, lengthBytes, begun);
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var begun = time.GetTimestamp();
        return Count(Below.WriteZeroesAsync(offsetBytes, lengthBytes, options), Discards, lengthBytes, begun);
    }

    private ValueTask<BlockStatus> Count(ValueTask<BlockStatus> request, OperationCounters counters, long lengthBytes, long begun)
    {
        if (!request.IsCompletedSuccessfully)
        {
            return CountLaterAsync(request, counters, lengthBytes, begun);
        }

        var status = request.Result;
        Note(status, counters, lengthBytes, begun);
        return new(status);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> CountLaterAsync(ValueTask<BlockStatus> request, OperationCounters counters, long lengthBytes, long begun)
    {
        var status = await request.ConfigureAwait(false);
        Note(status, counters, lengthBytes, begun);
        return status;
    }

    private void Note(BlockStatus status, OperationCounters counters, long lengthBytes, long begun)
    {
        if (status != BlockStatus.Ok)
        {
            Failures.Add(1);
            return;
        }

        // Whole seconds apart from the rest, so that a long wait does not overflow.
        var taken = Math.Max(0, time.GetTimestamp() - begun);
        var microseconds = (taken / _timestampsPerSecond * 1_000_000) + (taken % _timestampsPerSecond * 1_000_000 / _timestampsPerSecond);
        counters.Add(lengthBytes, microseconds);
    }
}
