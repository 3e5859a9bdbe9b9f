using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Counts what passed and succeeded: what <c>DiskStatus</c> and metering show. A request is counted when it completes, so the numbers
/// never run ahead of the data.
/// </summary>
public sealed class CountingLayer(string name) : LayerBase(name)
{
    /// <summary>Reads that succeeded.</summary>
    public StripedCounter ReadOperations { get; } = new();

    /// <summary>Their bytes.</summary>
    public StripedCounter BytesRead { get; } = new();

    /// <summary>Writes that succeeded.</summary>
    public StripedCounter WriteOperations { get; } = new();

    /// <summary>Their bytes.</summary>
    public StripedCounter BytesWritten { get; } = new();

    /// <summary>Flushes that succeeded.</summary>
    public StripedCounter Flushes { get; } = new();

    /// <summary>Requests of any kind that failed.</summary>
    public StripedCounter Failures { get; } = new();

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) =>
        Count(Below.ReadAsync(offsetBytes, buffers), BlockOperations.Read, buffers.LengthBytes);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        Count(Below.WriteAsync(offsetBytes, buffers, options), BlockOperations.Write, buffers.LengthBytes);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync() => Count(Below.FlushAsync(), BlockOperations.Flush, 0);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) =>
        Count(Below.TrimAsync(offsetBytes, lengthBytes), BlockOperations.Trim, 0);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        Count(Below.WriteZeroesAsync(offsetBytes, lengthBytes, options), BlockOperations.WriteZeroes, 0);

    private ValueTask<BlockStatus> Count(ValueTask<BlockStatus> request, BlockOperations operation, int lengthBytes)
    {
        if (!request.IsCompletedSuccessfully)
        {
            return CountLaterAsync(request, operation, lengthBytes);
        }

        var status = request.Result;
        Note(status, operation, lengthBytes);
        return new(status);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> CountLaterAsync(ValueTask<BlockStatus> request, BlockOperations operation, int lengthBytes)
    {
        var status = await request.ConfigureAwait(false);
        Note(status, operation, lengthBytes);
        return status;
    }

    private void Note(BlockStatus status, BlockOperations operation, int lengthBytes)
    {
        if (status != BlockStatus.Ok)
        {
            Failures.Add(1);
            return;
        }

        switch (operation)
        {
            case BlockOperations.Read:
                ReadOperations.Add(1);
                BytesRead.Add(lengthBytes);
                break;
            case BlockOperations.Write:
                WriteOperations.Add(1);
                BytesWritten.Add(lengthBytes);
                break;
            case BlockOperations.Flush:
                Flushes.Add(1);
                break;
        }
    }
}
