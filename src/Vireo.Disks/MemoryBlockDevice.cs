using Vireo.Platform.Memory;

namespace Vireo.Disks;

/// <summary>
/// A block device in memory: the null device under benchmarks and the ground truth in tests of layers and front ends. Every request
/// completes before the call returns.
/// </summary>
public sealed class MemoryBlockDevice : IBlockDevice
{
    private readonly NativeBuffer _memory;

    /// <summary>A device of zeros.</summary>
    public MemoryBlockDevice(int sizeBytes, int logicalSectorBytes = 512)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sizeBytes % logicalSectorBytes, 0, nameof(sizeBytes));
        Geometry = new BlockGeometry(sizeBytes, logicalSectorBytes, 4096);
        _memory = new NativeBuffer(sizeBytes);
    }

    /// <inheritdoc/>
    public BlockGeometry Geometry { get; }

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; } = new(ReadOnly: false, Capability.Native, Capability.Native, Capability.None);

    /// <summary>The content.</summary>
    public Span<byte> Content => _memory.Span;

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        if (!Contains(offsetBytes, buffers.LengthBytes))
        {
            return new(BlockStatus.OutOfRange);
        }

        var source = _memory.Span.Slice((int)offsetBytes, buffers.LengthBytes);
        foreach (var segment in buffers.Segments)
        {
            source[..segment.Length].CopyTo(segment.Span);
            source = source[segment.Length..];
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        if (!Contains(offsetBytes, buffers.LengthBytes))
        {
            return new(BlockStatus.OutOfRange);
        }

        var target = _memory.Span.Slice((int)offsetBytes, buffers.LengthBytes);
        foreach (var segment in buffers.Segments)
        {
            segment.Span.CopyTo(target);
            target = target[segment.Length..];
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => new(BlockStatus.Ok);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => WriteZeroesAsync(offsetBytes, lengthBytes, WriteOptions.None);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (!Contains(offsetBytes, lengthBytes))
        {
            return new(BlockStatus.OutOfRange);
        }

        _memory.Span.Slice((int)offsetBytes, (int)lengthBytes).Clear();
        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => new(BlockStatus.Unsupported);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _memory.Dispose();
        return ValueTask.CompletedTask;
    }

    private bool Contains(long offsetBytes, long lengthBytes) =>
        offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes <= Geometry.SizeBytes - lengthBytes;
}
