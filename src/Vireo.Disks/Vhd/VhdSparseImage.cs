using System.Runtime.CompilerServices;
using Vireo.Disks.Files;
using Vireo.Disks.Operations;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Vhd;

/// <summary>
/// A dynamic or differencing VHD. Sectors that are here go straight between the file and the caller's buffers. A write to sectors that are
/// not is done on a pool thread, because a VHD has no log: place, then content, then the bits that show it, each durable before the next.
/// </summary>
/// <remarks>
/// What that order keeps: a killed process loses nothing that completed, because the bits are in the system's memory before a write
/// completes; a power cut shows each sector as it was or as it was written, because content is durable before its bits are written at all.
/// </remarks>
internal sealed class VhdSparseImage : IMergeableImage, IPartialReader, IPlacedImage
{
    private readonly IImageFile _file;
    private readonly FlushRunner _flush;
    private readonly VhdDurability _durability;
    private volatile bool _isWritten;
    private VhdAllocator? _allocator;
    private ParentWindow? _parent;

    internal VhdSparseImage(IImageFile file, VhdOpening opened)
    {
        _file = file;
        _flush = new FlushRunner(file.Flush);
        _durability = new VhdDurability(file);
        Capabilities = file.IsReadOnly
            ? new(ReadOnly: true, Capability.None, Capability.None, Capability.Native)
            : new(ReadOnly: false, Capability.Native, Capability.Native, Capability.Native);
        Maintenance = file.IsReadOnly ? null : new VhdSparseMaintenance(file, this);
        Use(opened);
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public BlockGeometry Geometry { get; private set; }

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public Guid Identity => Footer.UniqueId;

    /// <inheritdoc/>
    public ParentReference? ParentReference { get; private set; }

    /// <inheritdoc/>
    public IDiskImage? Parent
    {
        get => _parent?.Image;
        set => _parent = value is null ? null : new ParentWindow(this, value);
    }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance { get; }

    /// <inheritdoc/>
    public ImageProperties Properties
    {
        get
        {
            var (fragmentation, misalignment) = VhdPlacement.Measure(Table, Bitmaps.BitmapBytes, BlockBytes);
            return new(
                DiskFormat.Vhd, IsDifferencing ? DiskKind.Differencing : DiskKind.Dynamic, Geometry, BlockBytes, _file.LengthBytes, Footer.UniqueId, fragmentation, misalignment);
        }
    }

    internal VhdFooter Footer { get; private set; } = null!;

    internal VhdDynamicHeader Header { get; private set; } = null!;

    internal VhdBlockTable Table { get; private set; } = null!;

    internal VhdBitmaps Bitmaps { get; private set; } = null!;

    internal long EndBytes => _allocator!.EndBytes;

    internal int BlockBytes => (int)Header.BlockBytes;

    internal bool IsDifferencing => Footer.DiskType == VhdDiskType.Differencing;

    /// <inheritdoc/>
    public int BlockSizeBytes => BlockBytes;

    /// <inheritdoc/>
    bool IPlacedImage.TryPlace(long offsetBytes, ref long lengthBytes, bool toWrite, out IImageFile? file, out long fileOffset)
    {
        // A place that is written needs its bits, too.
        var status = PieceAt(offsetBytes, Math.Min(offsetBytes + lengthBytes, Geometry.SizeBytes), out var piece);
        (file, fileOffset) = (_file, piece.FileOffset);
        if (toWrite || status != BlockStatus.Ok)
        {
            return false;
        }

        lengthBytes = piece.LengthBytes;
        return piece.IsHere
            || (IsDifferencing && Parent is IPlacedImage parent && offsetBytes + lengthBytes <= Parent.Geometry.SizeBytes
                && parent.TryPlace(offsetBytes, ref lengthBytes, toWrite: false, out file, out fileOffset));
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) =>
        MustNotWait ? ReadOnPoolAsync(offsetBytes, buffers, 0, buffers.LengthBytes) : ReadFrom(offsetBytes, buffers, 0, buffers.LengthBytes);

    /// <inheritdoc/>
    ValueTask<BlockStatus> IPartialReader.ReadPartAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
        MustNotWait ? ReadOnPoolAsync(offsetBytes, buffers, start, start + lengthBytes) : ReadFrom(offsetBytes, buffers, start, start + lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        if (MustNotWait)
        {
            return OnPoolAsync(this, offsetBytes, buffers, options, static (image, offset, vector, options) => image.WriteAsync(offset, vector, options));
        }

        if (_file.IsReadOnly)
        {
            return new(BlockStatus.ReadOnly);
        }

        var write = WriteFrom(offsetBytes, buffers, 0);
        return (options & WriteOptions.ForceUnitAccess) == 0 ? write : FlushAfterAsync(write);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => _file.IsReadOnly ? new(BlockStatus.Ok) : _flush.RunAsync();

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        if (MustNotWait)
        {
            return OnPoolAsync(this, offsetBytes, lengthBytes, 0, static (image, offset, length, _) => image.TrimAsync(offset, length));
        }

        var status = _file.IsReadOnly ? BlockStatus.ReadOnly : BlockStatus.Ok;
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && status == BlockStatus.Ok)
        {
            status = PieceAt(offsetBytes, end, out var piece);
            if (status == BlockStatus.Ok && piece.IsHere)
            {
                status = _file.Discard(piece.FileOffset, piece.LengthBytes);
            }

            offsetBytes += piece.LengthBytes;
        }

        return new(status);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (MustNotWait)
        {
            return OnPoolAsync(this, offsetBytes, lengthBytes, options, static (image, offset, length, options) => image.WriteZeroesAsync(offset, length, options));
        }

        if (_file.IsReadOnly)
        {
            return new(BlockStatus.ReadOnly);
        }

        return IsDifferencing ? StartZeroes(offsetBytes, lengthBytes, options) : WriteZeroesHere(offsetBytes, lengthBytes, options);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        if (MustNotWait)
        {
            return OnPoolAsync(this, offsetBytes, lengthBytes, extents, static (image, offset, length, extents) => image.MapOwnExtentsAsync(offset, length, extents));
        }

        var map = new VhdExtentMap(extents);
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && !map.IsFull)
        {
            var status = PieceAt(offsetBytes, end, out var piece);
            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            if (piece.IsHere)
            {
                offsetBytes += map.AddFile(_file, offsetBytes, piece.LengthBytes, piece.FileOffset);
                continue;
            }

            map.Add(offsetBytes, piece.LengthBytes, IsDifferencing ? ExtentKind.Hole : ExtentKind.Hole | ExtentKind.Zero);
            offsetBytes += piece.LengthBytes;
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public async ValueTask<(BlockStatus Status, bool IsHeld, long LengthBytes)> FindHeldAsync(long offsetBytes, long lengthBytes)
    {
        if (MustNotWait)
        {
            await PoolThread.SwitchAsync();
        }

        var status = PieceAt(offsetBytes, offsetBytes + lengthBytes, out var piece);
        return (status, piece.IsHere || !IsDifferencing, piece.LengthBytes);
    }

    /// <inheritdoc/>
    public async ValueTask<BlockStatus> ReleaseAsync(long offsetBytes, long lengthBytes)
    {
        if (MustNotWait)
        {
            await PoolThread.SwitchAsync();
        }

        Platform.Invariant.Check(IsDifferencing && offsetBytes % BlockBytes == 0);
        var status = _file.IsReadOnly ? BlockStatus.ReadOnly : BlockStatus.Ok;
        var end = offsetBytes + lengthBytes;
        for (; offsetBytes < end && status == BlockStatus.Ok; offsetBytes += BlockBytes)
        {
            var block = offsetBytes / BlockBytes;
            var place = Table.PlaceOf(block);
            status = place < 0 ? status : Bitmaps.Clear(block, place);
        }

        return status;
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        IsDifferencing ? ChainExtents.MapAsync(this, offsetBytes, lengthBytes, extents) : MapOwnExtentsAsync(offsetBytes, lengthBytes, extents);

    // A lookup may read the table or a bitmap, and a first write writes them: on a reactor's thread, all of it goes elsewhere.
    private bool MustNotWait => PoolThread.MustNotWait(_file);

    private async ValueTask<BlockStatus> ReadOnPoolAsync(long offsetBytes, IoVector buffers, int start, int end)
    {
        await PoolThread.SwitchAsync();
        return await ReadFrom(offsetBytes, buffers, start, end).ConfigureAwait(false);
    }

    private static async ValueTask<BlockStatus> OnPoolAsync<T1, T2, T3>(
        VhdSparseImage image, T1 first, T2 second, T3 third, Func<VhdSparseImage, T1, T2, T3, ValueTask<BlockStatus>> call)
    {
        await PoolThread.SwitchAsync();
        return await call(image, first, second, third).ConfigureAwait(false);
    }

    /// <summary>Makes everything durable, gives prepared places that no block took back, and closes the file; then the parent.</summary>
    /// <exception cref="ImageException">The storage failed; what was flushed before is safe.</exception>
    public async ValueTask DisposeAsync()
    {
        var status = _isWritten ? Trim() : BlockStatus.Ok;
        _file.Dispose();
        _durability.Dispose();
        _allocator!.Dispose();
        if (Parent is { } parent)
        {
            await parent.DisposeAsync().ConfigureAwait(false);
        }

        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(Path, "close", status);
        }
    }

    /// <summary>Takes over structures that were read or changed, while no request is inside.</summary>
    internal void Use(VhdOpening opened)
    {
        Footer = opened.Footer;
        Header = opened.Header!;
        Table = opened.Table!;
        ParentReference = opened.Parent;
        Geometry = new BlockGeometry(Footer.CurrentSizeBytes / VhdLimits.SectorBytes * VhdLimits.SectorBytes, VhdLimits.SectorBytes, VhdLimits.SectorBytes);
        Bitmaps = new VhdBitmaps(_file, Footer.CurrentSizeBytes, BlockBytes, Table.BlockCount);
        _allocator?.Dispose();
        _allocator = new VhdAllocator(_file, Table, Bitmaps, Footer, BlockBytes, opened.EndBytes);
    }

    /// <summary>Makes everything durable and lets the file end behind its data.</summary>
    internal BlockStatus Trim()
    {
        var status = _file.Flush();
        var end = VhdLimits.RoundUp(EndBytes, VhdLimits.SectorBytes);
        if (status != BlockStatus.Ok || end + VhdFooter.LengthBytes >= _file.LengthBytes)
        {
            return status;
        }

        // The footer first: until it is durable the one behind the prepared places counts, and then again the file is cut.
        status = _file.Write(end, Footer.ToBytes());
        status = status == BlockStatus.Ok ? _file.Flush() : status;
        status = status == BlockStatus.Ok ? _file.SetLength(end + VhdFooter.LengthBytes) : status;
        return status == BlockStatus.Ok ? _file.Flush() : status;
    }

    // Methods of their own, so that the others have no closure to allocate.
    private ValueTask<BlockStatus> StartSlowly(long offsetBytes, IoVector buffers, int start) => OnPool(() => WriteSlowlyAsync(offsetBytes, buffers, start));

    private ValueTask<BlockStatus> StartZeroes(long offsetBytes, long lengthBytes, WriteOptions options) =>
        OnPool(() => WriteZeroesSlowlyAsync(offsetBytes, lengthBytes, options));

    private static ValueTask<BlockStatus> OnPool(Func<Task<BlockStatus>> work) =>
        new(Thread.CurrentThread.IsThreadPoolThread ? work() : Task.Run(work));

    private ValueTask<BlockStatus> ReadFrom(long offsetBytes, IoVector buffers, int start, int stop)
    {
        while (start < stop)
        {
            var status = PieceAt(offsetBytes, offsetBytes + stop - start, out var piece);
            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            if (!piece.IsHere && !IsDifferencing)
            {
                SegmentWindow.Clear(buffers.Segments, start, piece.LengthBytes);
            }
            else
            {
                var read = piece.IsHere
                    ? _file.ReadAsync(piece.FileOffset, buffers, start, piece.LengthBytes)
                    : _parent?.ReadPartAsync(offsetBytes, buffers, start, piece.LengthBytes) ?? new(BlockStatus.Unsupported);
                if (!read.IsCompletedSuccessfully)
                {
                    return ReadOnAsync(read, offsetBytes + piece.LengthBytes, buffers, start + piece.LengthBytes, stop);
                }

                status = read.Result;
                if (status != BlockStatus.Ok)
                {
                    return new(status);
                }
            }

            offsetBytes += piece.LengthBytes;
            start += piece.LengthBytes;
        }

        return new(BlockStatus.Ok);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ReadOnAsync(ValueTask<BlockStatus> pending, long offsetBytes, IoVector buffers, int start, int stop)
    {
        var status = await pending.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await ReadFrom(offsetBytes, buffers, start, stop).ConfigureAwait(false) : status;
    }

    private ValueTask<BlockStatus> WriteFrom(long offsetBytes, IoVector buffers, int start)
    {
        while (start < buffers.LengthBytes)
        {
            var status = PieceAt(offsetBytes, offsetBytes + buffers.LengthBytes - start, out var piece);
            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            if (!piece.IsHere)
            {
                return StartSlowly(offsetBytes, buffers, start);
            }

            var write = _file.WriteAsync(piece.FileOffset, buffers, start, piece.LengthBytes);
            if (!write.IsCompletedSuccessfully)
            {
                return WriteOnAsync(write, offsetBytes + piece.LengthBytes, buffers, start + piece.LengthBytes);
            }

            status = write.Result;
            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            offsetBytes += piece.LengthBytes;
            start += piece.LengthBytes;
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

    // Block by block: whatever a block's part of the request covers gets content first, and after one flush the bits that show it.
    private async Task<BlockStatus> WriteSlowlyAsync(long offsetBytes, IoVector buffers, int start)
    {
        var status = BlockStatus.Ok;
        while (start < buffers.LengthBytes && status == BlockStatus.Ok)
        {
            var (block, position) = (offsetBytes / BlockBytes, (int)(offsetBytes % BlockBytes));
            var lengthBytes = Math.Min(buffers.LengthBytes - start, BlockBytes - position);
            (status, var place) = await PlaceAsync(block).ConfigureAwait(false);
            status = status == BlockStatus.Ok
                ? await _file.WriteAsync(place + Bitmaps.BitmapBytes + position, buffers, start, lengthBytes).ConfigureAwait(false)
                : status;
            status = status == BlockStatus.Ok ? await ShowAsync(block, place, position, lengthBytes).ConfigureAwait(false) : status;
            offsetBytes += lengthBytes;
            start += lengthBytes;
        }

        return status;
    }

    private async Task<(BlockStatus Status, long Place)> PlaceAsync(long block)
    {
        _isWritten = true;
        var place = Table.PlaceOf(block);
        return place >= 0 ? (BlockStatus.Ok, place) : await _allocator!.PlaceAsync(block).ConfigureAwait(false);
    }

    private async Task<BlockStatus> ShowAsync(long block, long place, int position, int lengthBytes)
    {
        var (first, count) = (position / VhdLimits.SectorBytes, lengthBytes / VhdLimits.SectorBytes);
        var status = Bitmaps.Measure(block, place, first, count, out var run, out var isHere);
        if (status != BlockStatus.Ok || (isHere && run == count))
        {
            return status;
        }

        status = await _durability.MakeDurableAsync().ConfigureAwait(false);
        return status == BlockStatus.Ok ? Bitmaps.Set(block, place, first, count) : status;
    }

    private ValueTask<BlockStatus> WriteZeroesHere(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var status = BlockStatus.Ok;
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && status == BlockStatus.Ok)
        {
            status = PieceAt(offsetBytes, end, out var piece);
            if (status == BlockStatus.Ok && piece.IsHere)
            {
                status = Clear(piece.FileOffset, piece.LengthBytes, options);
            }

            offsetBytes += piece.LengthBytes;
        }

        return status == BlockStatus.Ok && (options & WriteOptions.ForceUnitAccess) != 0 ? _flush.RunAsync() : new(status);
    }

    private async Task<BlockStatus> WriteZeroesSlowlyAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var status = BlockStatus.Ok;
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && status == BlockStatus.Ok)
        {
            status = PieceAt(offsetBytes, end, out var piece);
            if (status != BlockStatus.Ok)
            {
                break;
            }

            if (piece.IsHere)
            {
                status = Clear(piece.FileOffset, piece.LengthBytes, options);
            }
            else if (_parent is null || await _parent.IsZeroAsync(offsetBytes, piece.LengthBytes).ConfigureAwait(false) is not (BlockStatus.Ok, true))
            {
                var (block, position) = (offsetBytes / BlockBytes, (int)(offsetBytes % BlockBytes));
                (status, var place) = await PlaceAsync(block).ConfigureAwait(false);
                status = status == BlockStatus.Ok ? Clear(place + Bitmaps.BitmapBytes + position, piece.LengthBytes, options) : status;
                status = status == BlockStatus.Ok ? await ShowAsync(block, place, position, piece.LengthBytes).ConfigureAwait(false) : status;
            }

            offsetBytes += piece.LengthBytes;
        }

        return status == BlockStatus.Ok && (options & WriteOptions.ForceUnitAccess) != 0 ? await _flush.RunAsync().ConfigureAwait(false) : status;
    }

    private BlockStatus Clear(long fileOffset, int lengthBytes, WriteOptions options) =>
        (options & WriteOptions.MayTrim) != 0 ? _file.Discard(fileOffset, lengthBytes) : _file.Zero(fileOffset, lengthBytes);

    // The longest part of a range, inside one block, that is all in this file or all not.
    private BlockStatus PieceAt(long offsetBytes, long endBytes, out Piece piece)
    {
        var (block, position) = (offsetBytes / BlockBytes, (int)(offsetBytes % BlockBytes));
        var lengthBytes = (int)Math.Min(endBytes - offsetBytes, BlockBytes - position);
        var place = Table.PlaceOf(block);
        if (place < 0)
        {
            piece = new Piece(0, lengthBytes, IsHere: false);
            return BlockStatus.Ok;
        }

        var status = Bitmaps.Measure(block, place, position / VhdLimits.SectorBytes, lengthBytes / VhdLimits.SectorBytes, out var run, out var isHere);
        piece = new Piece(place + Bitmaps.BitmapBytes + position, run * VhdLimits.SectorBytes, isHere);
        return status;
    }

    private readonly record struct Piece(long FileOffset, int LengthBytes, bool IsHere);
}
