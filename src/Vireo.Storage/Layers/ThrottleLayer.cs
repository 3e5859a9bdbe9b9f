using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Holds requests back so that the disk stays within its maximum, and gives disks with a minimum their turn first. Invariant: over any
/// time t at most maximum × (t + burst) and one request more pass; requests keep their order until they go down.
/// </summary>
/// <remarks>
/// A read or write costs its normalised operations and bytes, a trim, zeroes and a flush one operation, a question about extents nothing.
/// While the stack is spliced, what waits is let go at once and stays owed, so that a slow limit does not hold up
/// the splice.
/// </remarks>
public sealed class ThrottleLayer : LayerBase
{
    private readonly ThrottleGroup _group;
    private readonly ThrottleQueue _queue;
    private volatile ThrottleLimits _limits;

    /// <summary>A throttle in <paramref name="group"/>, the disks that compete.</summary>
    public ThrottleLayer(string name, ThrottleLimits limits, ThrottleGroup group)
        : base(name)
    {
        _group = group;
        _limits = limits;
        _queue = group.Join(limits);
    }

    /// <summary>The limits now.</summary>
    public ThrottleLimits Limits => _limits;

    /// <summary>Requests that wait now.</summary>
    public int Waiting => _queue.Waiting;

    /// <summary>Requests that had to wait since the layer was made.</summary>
    public StripedCounter Delayed { get; } = new();

    /// <summary>Sets other limits, also for what waits already.</summary>
    public void Change(ThrottleLimits limits)
    {
        _group.Change(_queue, limits);
        _limits = limits;
    }

    /// <inheritdoc/>
    public override void Attach(IBlockDevice below)
    {
        base.Attach(below);
        _group.SetOpen(_queue, isOpen: false);
    }

    /// <inheritdoc/>
    public override ValueTask QuiesceAsync()
    {
        _group.SetOpen(_queue, isOpen: true);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => IsFree
        ? Below.ReadAsync(offsetBytes, buffers)
        : ReadLaterAsync(Enter(buffers.LengthBytes, buffers.LengthBytes), offsetBytes, buffers);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => IsFree
        ? Below.WriteAsync(offsetBytes, buffers, options)
        : WriteLaterAsync(Enter(buffers.LengthBytes, buffers.LengthBytes), offsetBytes, buffers, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync() => IsFree ? Below.FlushAsync() : FlushLaterAsync(Enter(0, 0));

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => IsFree
        ? Below.TrimAsync(offsetBytes, lengthBytes)
        : TrimLaterAsync(Enter(0, 0), offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) => IsFree
        ? Below.WriteZeroesAsync(offsetBytes, lengthBytes, options)
        : WriteZeroesLaterAsync(Enter(0, 0), offsetBytes, lengthBytes, options);

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _group.Leave(_queue);
        return base.DisposeAsync();
    }

    private bool IsFree => !_limits.HasMaximum && !_group.IsCompeting;

    private ValueTask<bool> Enter(long normalizedBytes, long lengthBytes)
    {
        var entry = _group.EnterAsync(_queue, MeterLayer.Normalized(normalizedBytes), lengthBytes);
        if (!entry.IsCompleted)
        {
            Delayed.Add(1);
        }

        return entry;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ReadLaterAsync(ValueTask<bool> entry, long offsetBytes, IoVector buffers)
    {
        var holdsSlot = await entry.ConfigureAwait(false);
        return Leave(holdsSlot, await Below.ReadAsync(offsetBytes, buffers).ConfigureAwait(false));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> WriteLaterAsync(ValueTask<bool> entry, long offsetBytes, IoVector buffers, WriteOptions options)
    {
        var holdsSlot = await entry.ConfigureAwait(false);
        return Leave(holdsSlot, await Below.WriteAsync(offsetBytes, buffers, options).ConfigureAwait(false));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> FlushLaterAsync(ValueTask<bool> entry)
    {
        var holdsSlot = await entry.ConfigureAwait(false);
        return Leave(holdsSlot, await Below.FlushAsync().ConfigureAwait(false));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> TrimLaterAsync(ValueTask<bool> entry, long offsetBytes, long lengthBytes)
    {
        var holdsSlot = await entry.ConfigureAwait(false);
        return Leave(holdsSlot, await Below.TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> WriteZeroesLaterAsync(ValueTask<bool> entry, long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var holdsSlot = await entry.ConfigureAwait(false);
        return Leave(holdsSlot, await Below.WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false));
    }

    private BlockStatus Leave(bool holdsSlot, BlockStatus status)
    {
        if (holdsSlot)
        {
            _group.Release();
        }

        return status;
    }
}
