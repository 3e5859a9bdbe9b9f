using System.Runtime.CompilerServices;
using Vireo.Disks.Files;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// An open VHDX file without a parent, fixed or dynamic. [MS-VHDX]. Reads look the block up in memory and go straight from the file into
/// the caller's buffers; a write to a block that has no place yet gives it one, which becomes durable with the next flush.
/// </summary>
public sealed class VhdxImage : IDiskImage
{
    private readonly IImageFile _file;
    private readonly VhdxHeaderPair _headers;
    private readonly VhdxMetadata _metadata;
    private readonly VhdxLayout _layout;
    private readonly VhdxBlockTable _table;
    private readonly VhdxAllocator _allocator;
    private readonly VhdxMetadataLog _log;
    private readonly FlushRunner _flush;
    private readonly Lock _starting = new();
    private volatile bool _isWriting;

    private VhdxImage(IImageFile file, VhdxHeaderPair headers, VhdxMetadata metadata, VhdxLayout layout, VhdxBlockTable table, long endBytes, Func<Guid> newId)
    {
        _file = file;
        _headers = headers;
        _metadata = metadata;
        _layout = layout;
        _table = table;
        _log = new VhdxMetadataLog(file, headers, table, newId);
        _flush = new FlushRunner(_log.Flush);
        _allocator = new VhdxAllocator(file, table, layout, _log, endBytes);
        Capabilities = file.IsReadOnly
            ? new(ReadOnly: true, Capability.None, Capability.None, Capability.Native)
            : new(ReadOnly: false, metadata.LeaveBlocksAllocated ? Capability.None : Capability.Native, Capability.Native, Capability.Native);
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public BlockGeometry Geometry => _metadata.Geometry;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <summary>The identity of the content: changes in each session that writes.</summary>
    public Guid DataWriteId => _headers.Current.DataWriteId;

    /// <inheritdoc/>
    public Guid Identity => DataWriteId;

    /// <inheritdoc/>
    public ParentReference? ParentReference => null;

    /// <inheritdoc/>
    public IDiskImage? Parent { get; set; }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance => null;

    /// <inheritdoc/>
    public ImageProperties Properties => new(
        DiskFormat.Vhdx,
        _metadata.LeaveBlocksAllocated ? DiskKind.Fixed : DiskKind.Dynamic,
        Geometry,
        _metadata.BlockSizeBytes,
        _file.LengthBytes,
        _metadata.DiskId,
        MeasureFragmentation());

    /// <summary>
    /// Opens the image in <paramref name="file"/>. Everything is checked, with the log replayed in memory, before anything is written; a
    /// writable file then gets the replay on disk.
    /// </summary>
    /// <param name="file">Owned by the image when the call succeeds.</param>
    /// <param name="newId">Source of fresh ids.</param>
    /// <exception cref="ImageException">Damaged, truncated, of another version, or a differencing disk.</exception>
    public static VhdxImage Open(IImageFile file, Func<Guid> newId)
    {
        var opened = VhdxOpening.Read(file);
        if (opened.Replay is null)
        {
            return new VhdxImage(file, opened.Headers, opened.Metadata, opened.Layout, opened.Table, opened.EndBytes, newId);
        }

        if (file.IsReadOnly)
        {
            return new VhdxImage(
                new VhdxReplayedFile(file, opened.Replay), opened.Headers, opened.Metadata, opened.Layout, opened.Table, opened.EndBytes, newId);
        }

        var status = opened.Replay.ApplyTo(file);
        if (status == BlockStatus.Ok)
        {
            status = opened.Headers.Update(header => header with { LogId = Guid.Empty, FileWriteId = newId() });
        }

        return status == BlockStatus.Ok
            ? new VhdxImage(file, opened.Headers, opened.Metadata, opened.Layout, opened.Table, opened.EndBytes, newId)
            : throw ImageException.Failed(file.Path, "replay the log of", status);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => ReadFrom(offsetBytes, buffers, 0);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        var status = BeginWriting();
        if (status != BlockStatus.Ok)
        {
            return new(status);
        }

        var write = WriteFrom(offsetBytes, buffers, 0);
        return (options & WriteOptions.ForceUnitAccess) == 0 ? write : FlushAfterAsync(write);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => _file.IsReadOnly ? new(BlockStatus.Ok) : _flush.RunAsync();

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        var status = BeginWriting();
        var end = offsetBytes + lengthBytes;
        var (firstWhole, lastWhole) = (long.MaxValue, -1L);
        while (offsetBytes < end && status == BlockStatus.Ok && !_metadata.LeaveBlocksAllocated)
        {
            var pieceBytes = PieceAt(offsetBytes, end, out var block, out var position);
            if (IsWholeBlock(offsetBytes, pieceBytes, position))
            {
                firstWhole = Math.Min(firstWhole, block);
                lastWhole = block;
            }
            else if (_table[_layout.EntryOf(block)] is { State: VhdxBlockState.FullyPresent } entry)
            {
                status = _file.Discard(entry.OffsetBytes + position, pieceBytes);
            }

            offsetBytes += pieceBytes;
        }

        if (status == BlockStatus.Ok && firstWhole <= lastWhole)
        {
            status = _allocator.Unmap(firstWhole, lastWhole);
        }

        return new(status);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var status = BeginWriting();
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && status == BlockStatus.Ok)
        {
            var pieceBytes = PieceAt(offsetBytes, end, out var block, out var position);
            var entry = _table[_layout.EntryOf(block)];
            status = entry.State switch
            {
                VhdxBlockState.FullyPresent when (options & WriteOptions.MayTrim) != 0 && !_metadata.LeaveBlocksAllocated =>
                    _file.Discard(entry.OffsetBytes + position, pieceBytes),
                VhdxBlockState.FullyPresent => _file.Zero(entry.OffsetBytes + position, pieceBytes),
                VhdxBlockState.Undefined or VhdxBlockState.Unmapped => _allocator.DefineAsZero(block),
                _ => BlockStatus.Ok,
            };
            offsetBytes += pieceBytes;
        }

        return status == BlockStatus.Ok && (options & WriteOptions.ForceUnitAccess) != 0 ? _flush.RunAsync() : new(status);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => MapExtentsAsync(offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var map = new VhdxExtentMap(_file, Geometry.LogicalSectorBytes, extents);
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && !map.IsFull)
        {
            var pieceBytes = PieceAt(offsetBytes, end, out var block, out var position);
            var entry = _table[_layout.EntryOf(block)];
            if (entry.State == VhdxBlockState.FullyPresent)
            {
                map.AddPresent(offsetBytes, pieceBytes, entry.OffsetBytes + position);
            }
            else
            {
                map.Add(offsetBytes, pieceBytes, ExtentKind.Hole | ExtentKind.Zero);
            }

            offsetBytes += pieceBytes;
        }

        return new(BlockStatus.Ok);
    }

    /// <summary>Makes everything durable, leaves a clean image (no log to replay), and closes the file.</summary>
    /// <exception cref="ImageException">The storage failed; what was flushed before is safe, and the next open replays the log.</exception>
    public ValueTask DisposeAsync()
    {
        var status = _isWriting ? _log.Close() : BlockStatus.Ok;
        _file.Dispose();
        return status == BlockStatus.Ok ? ValueTask.CompletedTask : ValueTask.FromException(ImageException.Failed(Path, "close", status));
    }

    private ValueTask<BlockStatus> ReadFrom(long offsetBytes, IoVector buffers, int start)
    {
        while (start < buffers.LengthBytes)
        {
            var pieceBytes = PieceAt(offsetBytes, offsetBytes + buffers.LengthBytes - start, out var block, out var position);
            var entry = _table[_layout.EntryOf(block)];
            if (entry.State == VhdxBlockState.FullyPresent)
            {
                var read = _file.ReadAsync(entry.OffsetBytes + position, buffers, start, pieceBytes);
                if (!read.IsCompletedSuccessfully)
                {
                    return ReadOnAsync(read, offsetBytes + pieceBytes, buffers, start + pieceBytes);
                }

                var status = read.Result;
                if (status != BlockStatus.Ok)
                {
                    return new(status);
                }
            }
            else
            {
                SegmentWindow.Clear(buffers.Segments, start, pieceBytes);
            }

            offsetBytes += pieceBytes;
            start += pieceBytes;
        }

        return new(BlockStatus.Ok);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ReadOnAsync(ValueTask<BlockStatus> pending, long offsetBytes, IoVector buffers, int start)
    {
        var status = await pending.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await ReadFrom(offsetBytes, buffers, start).ConfigureAwait(false) : status;
    }

    private ValueTask<BlockStatus> WriteFrom(long offsetBytes, IoVector buffers, int start)
    {
        while (start < buffers.LengthBytes)
        {
            var pieceBytes = PieceAt(offsetBytes, offsetBytes + buffers.LengthBytes - start, out var block, out var position);
            var entry = _table[_layout.EntryOf(block)];
            var place = entry.OffsetBytes;
            if (entry.State != VhdxBlockState.FullyPresent)
            {
                var allocated = _allocator.Allocate(block, out place);
                if (allocated != BlockStatus.Ok)
                {
                    return new(allocated);
                }
            }

            var write = _file.WriteAsync(place + position, buffers, start, pieceBytes);
            if (!write.IsCompletedSuccessfully)
            {
                return WriteOnAsync(write, offsetBytes + pieceBytes, buffers, start + pieceBytes);
            }

            var status = write.Result;
            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            offsetBytes += pieceBytes;
            start += pieceBytes;
        }

        return new(BlockStatus.Ok);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> WriteOnAsync(ValueTask<BlockStatus> pending, long offsetBytes, IoVector buffers, int start)
    {
        var status = await pending.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await WriteFrom(offsetBytes, buffers, start).ConfigureAwait(false) : status;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> FlushAfterAsync(ValueTask<BlockStatus> write)
    {
        var status = await write.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await _flush.RunAsync().ConfigureAwait(false) : status;
    }

    private BlockStatus BeginWriting()
    {
        if (_isWriting)
        {
            return BlockStatus.Ok;
        }

        if (_file.IsReadOnly)
        {
            return BlockStatus.ReadOnly;
        }

        lock (_starting)
        {
            if (_isWriting)
            {
                return BlockStatus.Ok;
            }

            var status = _log.Start();
            _isWriting = status == BlockStatus.Ok;
            return status;
        }
    }

    private int PieceAt(long offsetBytes, long endBytes, out long block, out int position)
    {
        block = _layout.BlockOf(offsetBytes);
        position = _layout.PositionInBlock(offsetBytes);
        return (int)Math.Min(endBytes - offsetBytes, _layout.BlockSizeBytes - position);
    }

    private bool IsWholeBlock(long offsetBytes, int pieceBytes, int position) =>
        position == 0 && (pieceBytes == _layout.BlockSizeBytes || offsetBytes + pieceBytes == Geometry.SizeBytes);

    private double? MeasureFragmentation()
    {
        var (present, jumps, last) = (0L, 0L, 0L);
        for (var block = 0L; block < _layout.BlockCount; block++)
        {
            var entry = _table[_layout.EntryOf(block)];
            if (entry.State != VhdxBlockState.FullyPresent)
            {
                continue;
            }

            present++;
            jumps += last != 0 && entry.OffsetBytes != last + _layout.BlockSizeBytes ? 1 : 0;
            last = entry.OffsetBytes;
        }

        return present < 2 ? 0 : Math.Round(100.0 * jumps / (present - 1), 1);
    }
}
