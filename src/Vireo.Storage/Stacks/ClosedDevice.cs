using Vireo.Disks;

namespace Vireo.Storage.Stacks;

/// <summary>What is left of a stack that was taken down: every request is answered with <see cref="BlockStatus.Closed"/>.</summary>
internal sealed class ClosedDevice(BlockGeometry geometry, BlockCapabilities capabilities) : IBlockDevice
{
    /// <inheritdoc/>
    public BlockGeometry Geometry => geometry;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => capabilities;

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => new(BlockStatus.Closed);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => new(BlockStatus.Closed);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => new(BlockStatus.Closed);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => new(BlockStatus.Closed);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) => new(BlockStatus.Closed);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => new(BlockStatus.Closed);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
