using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Tests.Stacks;

/// <summary>A layer that breaks rules on request.</summary>
internal sealed class RuleBreaker(string name) : ILayer
{
    private IBlockDevice? _below;

    public string Name => name;

    public BlockGeometry Geometry => SizeOverride ?? _below!.Geometry;

    public BlockCapabilities Capabilities => CapabilityOverride ?? _below!.Capabilities;

    public BlockGeometry? SizeOverride { get; init; }

    public BlockCapabilities? CapabilityOverride { get; init; }

    public Func<IBlockDevice, long, IoVector, ValueTask<BlockStatus>>? OnRead { get; init; }

    public bool Disposed { get; private set; }

    public void Attach(IBlockDevice below) => _below = below;

    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) =>
        OnRead is null ? _below!.ReadAsync(offsetBytes, buffers) : OnRead(_below!, offsetBytes, buffers);

    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => _below!.WriteAsync(offsetBytes, buffers, options);

    public ValueTask<BlockStatus> FlushAsync() => _below!.FlushAsync();

    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => _below!.TrimAsync(offsetBytes, lengthBytes);

    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        _below!.WriteZeroesAsync(offsetBytes, lengthBytes, options);

    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        _below!.MapExtentsAsync(offsetBytes, lengthBytes, extents);

    public ValueTask DisposeAsync()
    {
        Disposed = true;
        return ValueTask.CompletedTask;
    }
}
