using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Lets chosen requests fail without reaching the device below: bad storage, for tests and demonstrations. A failed request has changed
/// nothing. The same seed fails the same requests when they come in the same order.
/// </summary>
/// <param name="name">Name in the stack.</param>
/// <param name="operations">Which requests may fail.</param>
/// <param name="status">How they fail.</param>
/// <param name="percent">Share that fails, 0 to 100.</param>
/// <param name="random">Source of the choice; used under a lock.</param>
public sealed class FaultLayer(string name, BlockOperations operations, BlockStatus status, double percent, Random random) : LayerBase(name)
{
    private readonly Lock _choosing = new();

    /// <summary>Requests that were made to fail.</summary>
    public StripedCounter Faults { get; } = new();

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) =>
        Chooses(BlockOperations.Read) ? new(status) : Below.ReadAsync(offsetBytes, buffers);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        Chooses(BlockOperations.Write) ? new(status) : Below.WriteAsync(offsetBytes, buffers, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync() => Chooses(BlockOperations.Flush) ? new(status) : Below.FlushAsync();

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) =>
        Chooses(BlockOperations.Trim) ? new(status) : Below.TrimAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        Chooses(BlockOperations.WriteZeroes) ? new(status) : Below.WriteZeroesAsync(offsetBytes, lengthBytes, options);

    private bool Chooses(BlockOperations operation)
    {
        if ((operations & operation) == 0)
        {
            return false;
        }

        bool chosen;
        lock (_choosing)
        {
            chosen = random.NextDouble() * 100 < percent;
        }

        Faults.Add(chosen ? 1 : 0);
        return chosen;
    }
}
