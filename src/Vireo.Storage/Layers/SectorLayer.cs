using Vireo.Disks;
using Vireo.Platform.Memory;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Offers sectors of 512 bytes over storage that has larger ones. A write that does not cover whole sectors below reads them, changes them
/// and writes them back. Invariant: bytes that no request wrote keep their value, because writes that share a sector below run one after the
/// other, whole ones too.
/// </summary>
/// <remarks>
/// There from the opening of a disk on, because a guest does not expect sectors to change. Requests that are aligned to the sectors below pass
/// without a copy. A trim loses the sectors that it covers in part. Memory: one buffer of 256 KB for each unaligned request under way.
/// </remarks>
/// <param name="name">Name in the stack.</param>
public sealed class SectorLayer(string name) : ILayer
{
    /// <summary>The sectors that are offered.</summary>
    public const int OfferedBytes = 512;

    private const int PieceBytes = 256 << 10;
    private readonly RangeLock _ranges = new();
    private readonly BufferPool _buffers = new(PieceBytes + 8192);
    private IBlockDevice? _below;
    private int _sectorBytes = OfferedBytes;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public BlockGeometry Geometry => Below.Geometry with { LogicalSectorBytes = OfferedBytes, PhysicalSectorBytes = Math.Max(_sectorBytes, Below.Geometry.PhysicalSectorBytes) };

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => Below.Capabilities;

    /// <summary>Requests that had to be read, changed and written: what a guest pays for ignoring the physical sector size.</summary>
    public StripedCounter ReadModifyWrites { get; } = new();

    /// <summary>Reads that were not aligned.</summary>
    public StripedCounter UnalignedReads { get; } = new();

    private IBlockDevice Below => _below ?? throw new InvalidOperationException($"The layer '{name}' is in no stack.");

    /// <inheritdoc/>
    public void Attach(IBlockDevice below)
    {
        _below = below;
        _sectorBytes = below.Geometry.LogicalSectorBytes;
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) =>
        IsWhole(offsetBytes, buffers.LengthBytes) ? Below.ReadAsync(offsetBytes, buffers) : ReadPartsAsync(offsetBytes, buffers);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        buffers.LengthBytes == 0 ? Below.WriteAsync(offsetBytes / _sectorBytes * _sectorBytes, buffers, options) : WriteInTurnAsync(offsetBytes, buffers, options);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => Below.FlushAsync();

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        var start = (offsetBytes + _sectorBytes - 1) / _sectorBytes * _sectorBytes;
        var end = (offsetBytes + lengthBytes) / _sectorBytes * _sectorBytes;
        return end <= start ? new(BlockStatus.Ok) : TrimInTurnAsync(start, end - start);
    }

    /// <inheritdoc/>
    public async ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var end = offsetBytes + lengthBytes;
        var wholeStart = Math.Min(end, (offsetBytes + _sectorBytes - 1) / _sectorBytes * _sectorBytes);
        var wholeEnd = Math.Max(wholeStart, end / _sectorBytes * _sectorBytes);
        var status = await WriteZeroPartAsync(offsetBytes, wholeStart - offsetBytes, options).ConfigureAwait(false);
        if (status == BlockStatus.Ok && wholeEnd > wholeStart)
        {
            var range = await _ranges.EnterAsync(wholeStart, wholeEnd - wholeStart).ConfigureAwait(false);
            status = await Below.WriteZeroesAsync(wholeStart, wholeEnd - wholeStart, options).ConfigureAwait(false);
            _ranges.Release(range);
        }

        return status == BlockStatus.Ok ? await WriteZeroPartAsync(wholeEnd, end - wholeEnd, options).ConfigureAwait(false) : status;
    }

    /// <inheritdoc/>
    public async ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        if (IsWhole(offsetBytes, lengthBytes))
        {
            return await Below.MapExtentsAsync(offsetBytes, lengthBytes, extents).ConfigureAwait(false);
        }

        var (start, end) = Cover(offsetBytes, lengthBytes);
        var below = new List<BlockExtent>();
        var status = await Below.MapExtentsAsync(start, end - start, below).ConfigureAwait(false);
        foreach (var extent in below)
        {
            var from = Math.Max(extent.OffsetBytes, offsetBytes);
            var to = Math.Min(extent.OffsetBytes + extent.LengthBytes, offsetBytes + lengthBytes);
            if (to > from)
            {
                extents.Add(new BlockExtent(from, to - from, extent.Kind));
            }
        }

        return status;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _buffers.Dispose();
        return ValueTask.CompletedTask;
    }

    private bool IsWhole(long offsetBytes, long lengthBytes) => ((offsetBytes | lengthBytes) & (_sectorBytes - 1)) == 0;

    private (long Start, long End) Cover(long offsetBytes, long lengthBytes) =>
        (offsetBytes / _sectorBytes * _sectorBytes, (offsetBytes + lengthBytes + _sectorBytes - 1) / _sectorBytes * _sectorBytes);

    private async ValueTask<BlockStatus> ReadPartsAsync(long offsetBytes, IoVector buffers)
    {
        UnalignedReads.Add(1);
        var buffer = _buffers.Rent();
        var status = BlockStatus.Ok;
        for (var done = 0; done < buffers.LengthBytes && status == BlockStatus.Ok;)
        {
            var count = Math.Min(PieceBytes, buffers.LengthBytes - done);
            var (start, end) = Cover(offsetBytes + done, count);
            status = await Below.ReadAsync(start, buffer.Vector(0, (int)(end - start))).ConfigureAwait(false);
            if (status == BlockStatus.Ok)
            {
                SegmentWindow.CopyTo(buffer.Span.Slice((int)(offsetBytes + done - start), count), buffers.Segments, done);
            }

            done += count;
        }

        _buffers.Return(buffer);
        return status;
    }

    private async ValueTask<BlockStatus> TrimInTurnAsync(long offsetBytes, long lengthBytes)
    {
        var range = await _ranges.EnterAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        var status = await Below.TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        _ranges.Release(range);
        return status;
    }

    private async ValueTask<BlockStatus> WriteInTurnAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        var (start, end) = Cover(offsetBytes, buffers.LengthBytes);
        var range = await _ranges.EnterAsync(start, end - start).ConfigureAwait(false);
        var status = IsWhole(offsetBytes, buffers.LengthBytes)
            ? await Below.WriteAsync(offsetBytes, buffers, options).ConfigureAwait(false)
            : await WritePartsAsync(offsetBytes, buffers.LengthBytes, buffers, options).ConfigureAwait(false);
        _ranges.Release(range);
        return status;
    }

    private async ValueTask<BlockStatus> WriteZeroPartAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (lengthBytes == 0)
        {
            return BlockStatus.Ok;
        }

        var (start, end) = Cover(offsetBytes, lengthBytes);
        var range = await _ranges.EnterAsync(start, end - start).ConfigureAwait(false);
        var status = await WritePartsAsync(offsetBytes, (int)lengthBytes, null, options & WriteOptions.ForceUnitAccess).ConfigureAwait(false);
        _ranges.Release(range);
        return status;
    }

    // Without buffers: zeros.
    private async ValueTask<BlockStatus> WritePartsAsync(long offsetBytes, int lengthBytes, IoVector? buffers, WriteOptions options)
    {
        ReadModifyWrites.Add(1);
        var buffer = _buffers.Rent();
        var status = BlockStatus.Ok;
        for (var done = 0; done < lengthBytes && status == BlockStatus.Ok;)
        {
            var count = Math.Min(PieceBytes, lengthBytes - done);
            var from = offsetBytes + done;
            var (start, end) = Cover(from, count);
            var coverBytes = (int)(end - start);
            if (start < from || coverBytes == _sectorBytes)
            {
                status = await Below.ReadAsync(start, buffer.Vector(0, _sectorBytes)).ConfigureAwait(false);
            }

            if (status == BlockStatus.Ok && end > from + count && coverBytes > _sectorBytes)
            {
                status = await Below.ReadAsync(end - _sectorBytes, buffer.Vector(coverBytes - _sectorBytes, _sectorBytes)).ConfigureAwait(false);
            }

            if (status == BlockStatus.Ok)
            {
                Merge(buffer.Span.Slice((int)(from - start), count), buffers, done);
                status = await Below.WriteAsync(start, buffer.Vector(0, coverBytes), options).ConfigureAwait(false);
            }

            done += count;
        }

        _buffers.Return(buffer);
        return status;
    }

    private static void Merge(Span<byte> target, IoVector? buffers, int start)
    {
        if (buffers is { } source)
        {
            SegmentWindow.CopyFrom(source.Segments, start, target);
        }
        else
        {
            target.Clear();
        }
    }
}
