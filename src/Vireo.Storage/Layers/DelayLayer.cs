using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>Holds chosen requests back for a fixed time before it sends them down: slow storage, for tests and demonstrations.</summary>
/// <param name="name">Name in the stack.</param>
/// <param name="delay">How long.</param>
/// <param name="operations">Which requests.</param>
/// <param name="time">The clock that measures the delay.</param>
public sealed class DelayLayer(string name, TimeSpan delay, BlockOperations operations, TimeProvider time) : LayerBase(name)
{
    /// <inheritdoc/>
    public override async ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        await HoldAsync(BlockOperations.Read).ConfigureAwait(false);
        return await Below.ReadAsync(offsetBytes, buffers).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override async ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        await HoldAsync(BlockOperations.Write).ConfigureAwait(false);
        return await Below.WriteAsync(offsetBytes, buffers, options).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override async ValueTask<BlockStatus> FlushAsync()
    {
        await HoldAsync(BlockOperations.Flush).ConfigureAwait(false);
        return await Below.FlushAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override async ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        await HoldAsync(BlockOperations.Trim).ConfigureAwait(false);
        return await Below.TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override async ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        await HoldAsync(BlockOperations.WriteZeroes).ConfigureAwait(false);
        return await Below.WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
    }

    // Allowed: the delay is what the layer is for, and it is measured by the clock that was passed in.
    private Task HoldAsync(BlockOperations operation) => (operations & operation) == 0 ? Task.CompletedTask : Task.Delay(delay, time);
}
