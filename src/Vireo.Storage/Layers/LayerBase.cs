using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Base of layers that neither move nor change bytes: what such a layer does not look at passes down as it came. A layer that moves or
/// changes bytes must not use it, because a request it forgot would corrupt data.
/// </summary>
public abstract class LayerBase(string name) : ILayer
{
    private IBlockDevice? _below;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public BlockGeometry Geometry => Below.Geometry;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => Below.Capabilities;

    /// <summary>What the layer stands on; set while it is in a stack.</summary>
    protected IBlockDevice Below => _below ?? throw new InvalidOperationException($"The layer '{name}' is in no stack.");

    /// <inheritdoc/>
    public virtual void Attach(IBlockDevice below) => _below = below;

    /// <inheritdoc/>
    public virtual ValueTask QuiesceAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public virtual ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => Below.ReadAsync(offsetBytes, buffers);

    /// <inheritdoc/>
    public virtual ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => Below.WriteAsync(offsetBytes, buffers, options);

    /// <inheritdoc/>
    public virtual ValueTask<BlockStatus> FlushAsync() => Below.FlushAsync();

    /// <inheritdoc/>
    public virtual ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => Below.TrimAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public virtual ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        Below.WriteZeroesAsync(offsetBytes, lengthBytes, options);

    /// <inheritdoc/>
    public virtual ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        Below.MapExtentsAsync(offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
