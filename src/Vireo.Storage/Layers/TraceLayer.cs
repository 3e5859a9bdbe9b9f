using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>A request that passed a trace layer.</summary>
/// <param name="Operation">What.</param>
/// <param name="OffsetBytes">Where; 0 for a flush.</param>
/// <param name="LengthBytes">How much; 0 for a flush.</param>
/// <param name="Options">Of a write.</param>
/// <param name="Status">How it ended.</param>
public readonly record struct TracedRequest(BlockOperations Operation, long OffsetBytes, long LengthBytes, WriteOptions Options, BlockStatus Status);

/// <summary>
/// Remembers the last requests in the order they completed. One above another layer and one below it show what that layer does.
/// </summary>
/// <param name="name">Name in the stack.</param>
/// <param name="capacity">Requests that are remembered; the oldest is forgotten first.</param>
public sealed class TraceLayer(string name, int capacity = 4096) : LayerBase(name)
{
    private readonly Queue<TracedRequest> _requests = new(capacity);
    private readonly Lock _noting = new();

    /// <summary>The remembered requests, oldest first.</summary>
    public IReadOnlyList<TracedRequest> Requests
    {
        get
        {
            lock (_noting)
            {
                return [.. _requests];
            }
        }
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) =>
        NoteAsync(Below.ReadAsync(offsetBytes, buffers), BlockOperations.Read, offsetBytes, buffers.LengthBytes, WriteOptions.None);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        NoteAsync(Below.WriteAsync(offsetBytes, buffers, options), BlockOperations.Write, offsetBytes, buffers.LengthBytes, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync() => NoteAsync(Below.FlushAsync(), BlockOperations.Flush, 0, 0, WriteOptions.None);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) =>
        NoteAsync(Below.TrimAsync(offsetBytes, lengthBytes), BlockOperations.Trim, offsetBytes, lengthBytes, WriteOptions.None);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        NoteAsync(Below.WriteZeroesAsync(offsetBytes, lengthBytes, options), BlockOperations.WriteZeroes, offsetBytes, lengthBytes, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        NoteAsync(Below.MapExtentsAsync(offsetBytes, lengthBytes, extents), BlockOperations.MapExtents, offsetBytes, lengthBytes, WriteOptions.None);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> NoteAsync(
        ValueTask<BlockStatus> request, BlockOperations operation, long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var status = await request.ConfigureAwait(false);
        lock (_noting)
        {
            if (_requests.Count == capacity)
            {
                _requests.Dequeue();
            }

            _requests.Enqueue(new TracedRequest(operation, offsetBytes, lengthBytes, options, status));
        }

        return status;
    }
}
