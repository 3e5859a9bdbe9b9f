using System.Buffers;
using Vireo.Disks.Files;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// A file as it would be after its log is replayed, without touching it: how an image with a log is read when it may not be written, and
/// how it is checked as a whole before the first byte of a replay reaches the disk.
/// </summary>
internal sealed class VhdxReplayedFile(IImageFile file, VhdxReplay replay) : IImageFile
{
    /// <inheritdoc/>
    public string Path => file.Path;

    /// <inheritdoc/>
    public bool IsReadOnly => true;

    /// <inheritdoc/>
    public long LengthBytes => replay.LengthBytes;

    /// <inheritdoc/>
    public BlockStatus Read(long offsetBytes, Span<byte> target)
    {
        var status = file.Read(offsetBytes, target);
        if (status == BlockStatus.Ok)
        {
            replay.Correct(offsetBytes, target);
        }

        return status;
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        if (!replay.Touches(offsetBytes, lengthBytes))
        {
            return file.ReadAsync(offsetBytes, buffers, start, lengthBytes);
        }

        // Rare: the log holds metadata, so almost no request of a guest comes here.
        var copy = ArrayPool<byte>.Shared.Rent(lengthBytes);
        var status = Read(offsetBytes, copy.AsSpan(0, lengthBytes));
        if (status == BlockStatus.Ok)
        {
            SegmentWindow.CopyTo(copy.AsSpan(0, lengthBytes), buffers.Segments, start);
        }

        ArrayPool<byte>.Shared.Return(copy);
        return new(status);
    }

    /// <inheritdoc/>
    public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole)
    {
        if (replay.Touches(offsetBytes, lengthBytes))
        {
            isHole = false;
            return lengthBytes;
        }

        return file.MeasureRun(offsetBytes, lengthBytes, out isHole);
    }

    /// <inheritdoc/>
    public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source) => BlockStatus.ReadOnly;

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) => new(BlockStatus.ReadOnly);

    /// <inheritdoc/>
    public BlockStatus Flush() => BlockStatus.ReadOnly;

    /// <inheritdoc/>
    public BlockStatus SetLength(long lengthBytes) => BlockStatus.ReadOnly;

    /// <inheritdoc/>
    public BlockStatus Reserve(long offsetBytes, long lengthBytes) => BlockStatus.ReadOnly;

    /// <inheritdoc/>
    public BlockStatus Discard(long offsetBytes, long lengthBytes) => BlockStatus.ReadOnly;

    /// <inheritdoc/>
    public BlockStatus Zero(long offsetBytes, long lengthBytes) => BlockStatus.ReadOnly;

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
