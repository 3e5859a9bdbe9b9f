using System.Runtime.CompilerServices;
using Vireo.Disks.Files;
using Vireo.Disks.Operations;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// An open VHDX file: fixed, dynamic or differencing. [MS-VHDX]. Reads look the block up in memory and go straight from the file, or from
/// the parent's, into the caller's buffers; a write to a block that has no place yet gives it one, which becomes durable with the next flush.
/// </summary>
public sealed class VhdxImage : IMergeableImage, IPartialReader, IPlacedImage
{
    private readonly IImageFile _file;
    private VhdxHeaderPair _headers;
    private readonly Func<Guid> _newId;
    private readonly Action<Action> _background;
    private readonly FlushRunner _flush;
    private readonly FlushGroup _barrier;
    private readonly Lock _starting = new();
    private readonly VhdxMaintenance? _maintenance;
    private VhdxParts _parts;
    private ParentWindow? _parent;
    private volatile bool _isWriting;

    private VhdxImage(IImageFile file, VhdxOpening opened, Func<Guid> newId, Action<Action> background)
    {
        _file = file;
        _headers = opened.Headers;
        _newId = newId;
        _background = background;
        _parts = new VhdxParts(file, opened, newId, background);
        _flush = new FlushRunner(() => _parts.Log.Flush());
        _barrier = new FlushGroup(file.Flush, background);
        _maintenance = file.IsReadOnly ? null : new VhdxMaintenance(this, file, newId);
        UserItems = new VhdxUserItems(file, this, _maintenance);
        Capabilities = file.IsReadOnly
            ? new(ReadOnly: true, Capability.None, Capability.None, Capability.Native)
            : new(ReadOnly: false, opened.Metadata.LeaveBlocksAllocated ? Capability.None : Capability.Native, Capability.Native, Capability.Native);
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public BlockGeometry Geometry => _parts.Metadata.Geometry;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <summary>The identity of the content: changes in each session that writes.</summary>
    public Guid DataWriteId => _headers.Current.DataWriteId;

    /// <inheritdoc/>
    public Guid Identity => DataWriteId;

    /// <inheritdoc/>
    public ParentReference? ParentReference => _parts.Metadata.Parent?.TryGetReference();

    /// <inheritdoc/>
    /// <exception cref="ImageException">The image would become its own ancestor, or it stands alone.</exception>
    public IDiskImage? Parent
    {
        get => _parent?.Image;
        set
        {
            if (value is not null && !_parts.Layout.HasParent)
            {
                throw new ImageException(ImageErrorKind.InvalidParameter, Path, $"The image '{Path}' is not a differencing disk and cannot have '{value.Path}' as its parent.");
            }

            _parent = value is null ? null : new ParentWindow(this, value);
        }
    }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance => _maintenance;

    /// <inheritdoc/>
    public ImageProperties Properties => new(
        DiskFormat.Vhdx,
        _parts.Layout.HasParent ? DiskKind.Differencing : _parts.Metadata.LeaveBlocksAllocated ? DiskKind.Fixed : DiskKind.Dynamic,
        Geometry,
        _parts.Metadata.BlockSizeBytes,
        _file.LengthBytes,
        _parts.Metadata.DiskId,
        VhdxFragmentation.Measure(_parts));

    /// <inheritdoc/>
    public int BlockSizeBytes => _parts.Layout.BlockSizeBytes;

    /// <summary>Metadata that users keep with the image.</summary>
    public VhdxUserItems UserItems { get; }

    /// <summary>What the image is made of now.</summary>
    internal VhdxParts Parts => _parts;

    /// <summary>
    /// Opens the image in <paramref name="file"/>. Everything is checked, with the log replayed in memory, before anything is written; a
    /// writable file then gets the replay on disk. A differencing image waits for its <see cref="Parent"/>.
    /// </summary>
    /// <param name="file">Owned by the image when the call succeeds.</param>
    /// <param name="newId">Source of fresh ids.</param>
    /// <param name="background">Runs work later, somewhere else; null for the thread pool.</param>
    /// <exception cref="ImageException">Damaged, truncated, or of another version.</exception>
    public static VhdxImage Open(IImageFile file, Func<Guid> newId, Action<Action>? background = null)
    {
        background ??= static work => ThreadPool.UnsafeQueueUserWorkItem(static action => action(), work, preferLocal: false);
        var opened = VhdxOpening.Read(file);
        if (opened.Replay is not null && file.IsReadOnly)
        {
            return new VhdxImage(new VhdxReplayedFile(file, opened.Replay), opened, newId, background);
        }

        Replay(file, opened, newId);
        return new VhdxImage(file, opened, newId, background);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => ReadFrom(offsetBytes, buffers, 0, buffers.LengthBytes);

    /// <inheritdoc/>
    ValueTask<BlockStatus> IPartialReader.ReadPartAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
        ReadFrom(offsetBytes, buffers, start, start + lengthBytes);

    /// <inheritdoc/>
    bool IPlacedImage.TryPlace(long offsetBytes, ref long lengthBytes, bool toWrite, out IImageFile? file, out long fileOffset)
    {
        var parts = _parts;
        (file, fileOffset) = (_file, 0);
        if ((toWrite && BeginWriting() != BlockStatus.Ok) || parts.Find(offsetBytes, (int)Math.Min(lengthBytes, VhdxLimits.MaximumBlockBytes), out var run) != BlockStatus.Ok)
        {
            return false;
        }

        lengthBytes = run.LengthBytes;
        fileOffset = run.FileOffset;
        switch (run.Source)
        {
            case VhdxSource.File:
                return true;
            case VhdxSource.Parent when !toWrite && _parent?.Image is IPlacedImage parent && offsetBytes + lengthBytes <= _parent.Image.Geometry.SizeBytes:
                return parent.TryPlace(offsetBytes, ref lengthBytes, toWrite: false, out file, out fileOffset);
            case VhdxSource.Zeros when toWrite:
                var position = parts.Layout.PositionInBlock(offsetBytes);
                lengthBytes = Math.Min(lengthBytes, parts.Layout.BlockSizeBytes - position);
                var status = parts.Allocator.Allocate(parts.Layout.BlockOf(offsetBytes), out var place);
                fileOffset = place + position;
                return status == BlockStatus.Ok;
            default:
                return false;
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        if (!_isWriting && PoolThread.MustNotWait(_file))
        {
            return BeginOnPoolAsync(offsetBytes, buffers, options);
        }

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
        if (PoolThread.MustNotWait(_file))
        {
            return TrimOnPoolAsync(offsetBytes, lengthBytes);
        }

        var status = BeginWriting();
        return new(status != BlockStatus.Ok || _parts.Metadata.LeaveBlocksAllocated ? status : VhdxTrim.Run(_file, _parts, offsetBytes, lengthBytes));
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (PoolThread.MustNotWait(_file))
        {
            return ZeroOnPoolAsync(offsetBytes, lengthBytes, options);
        }

        var status = BeginWriting();
        if (status != BlockStatus.Ok)
        {
            return new(status);
        }

        var write = ZeroFrom(offsetBytes, offsetBytes + lengthBytes, (options & WriteOptions.MayTrim) != 0 && !_parts.Metadata.LeaveBlocksAllocated);
        return (options & WriteOptions.ForceUnitAccess) == 0 ? write : FlushAfterAsync(write);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        MapAsync(null, offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        MapAsync(_parent, offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask<(BlockStatus Status, bool IsHeld, long LengthBytes)> FindHeldAsync(long offsetBytes, long lengthBytes)
    {
        var status = _parts.Find(offsetBytes, (int)Math.Min(lengthBytes, VhdxLimits.MaximumBlockBytes), out var run);
        return status == VhdxStatus.WouldWait ? FindHeldOnPoolAsync(offsetBytes, lengthBytes) : new((status, run.Source != VhdxSource.Parent, run.LengthBytes));
    }

    /// <inheritdoc/>
    public async ValueTask<BlockStatus> ReleaseAsync(long offsetBytes, long lengthBytes)
    {
        if (PoolThread.MustNotWait(_file))
        {
            await PoolThread.SwitchAsync();
        }

        var status = BeginWriting();
        var layout = _parts.Layout;
        Platform.Invariant.Check(layout.HasParent && layout.PositionInBlock(offsetBytes) == 0);
        return status == BlockStatus.Ok ? _parts.Allocator.Release(layout.BlockOf(offsetBytes), layout.BlockOf(offsetBytes + lengthBytes - 1)) : status;
    }

    /// <summary>Makes everything durable, leaves a clean image (no log to replay), and closes the file and the parent.</summary>
    /// <exception cref="ImageException">The storage failed; what was flushed before is safe, and the next open replays the log.</exception>
    public async ValueTask DisposeAsync()
    {
        var status = EndWriting();
        _file.Dispose();
        if (_parent is { } parent)
        {
            await parent.Image.DisposeAsync().ConfigureAwait(false);
        }

        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(Path, "close", status);
        }
    }

    /// <summary>What the block table says of a payload block, for whoever looks into the image.</summary>
    /// <exception cref="ImageException">The entry is damaged, or cannot be read.</exception>
    public VhdxBatEntry FindBlock(long block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)block, (ulong)_parts.Layout.BlockCount, nameof(block));
        return Found(_parts.Table.Get(block, out var entry), entry);
    }

    /// <summary>What the block table of a differencing image says of a chunk's sector bitmap.</summary>
    /// <exception cref="ImageException">The entry is damaged, or cannot be read.</exception>
    public VhdxBatEntry FindBitmap(long chunk)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)chunk, _parts.Layout.HasParent ? (ulong)_parts.Layout.ChunkCount : 0, nameof(chunk));
        return Found(_parts.Table.GetBitmap(chunk, out var entry), entry);
    }

    /// <summary>
    /// Runs a change of the file as a whole, while no request is inside: on a clean file, and with the image made of what the file is afterwards.
    /// </summary>
    /// <exception cref="ImageException">The storage failed, or whatever <paramref name="change"/> threw; the image is whole in either case.</exception>
    internal async Task MaintainAsync(Action<VhdxParts, VhdxHeaderPair> change)
    {
        var status = EndWriting();
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(Path, "write", status);
        }

        // What was written since the image was opened is not in what was read then.
        Reload();

        // Long work, of which none may be cut short by whoever called.
        try
        {
            await Task.Run(() => change(_parts, _headers)).ConfigureAwait(false);
        }
        finally
        {
            Reload();
        }
    }

    private void Reload()
    {
        var opened = VhdxOpening.Read(_file);
        Replay(_file, opened, _newId);
        _headers = opened.Headers;
        _parts = new VhdxParts(_file, opened, _newId, _background);
    }

    private VhdxBatEntry Found(BlockStatus status, VhdxBatEntry entry) => status switch
    {
        BlockStatus.Ok => entry,
        BlockStatus.Corrupt => throw ImageException.Corrupt(Path, _parts.Table.RegionOffset, "the block table has an entry that the format does not allow"),
        _ => throw ImageException.Failed(Path, "read the block table of", status),
    };

    private static void Replay(IImageFile file, VhdxOpening opened, Func<Guid> newId)
    {
        if (opened.Replay is null)
        {
            return;
        }

        var status = opened.Replay.ApplyTo(file);
        if (status == BlockStatus.Ok)
        {
            status = opened.Headers.Update(header => header with { LogId = Guid.Empty, FileWriteId = newId() });
        }

        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "replay the log of", status);
        }
    }

    // On a reactor's thread nothing waits for the disk. What has to goes on, or begins again where it stood, on a pool thread.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> BeginOnPoolAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        await PoolThread.SwitchAsync();
        return await WriteAsync(offsetBytes, buffers, options).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ReadOnPoolAsync(long offsetBytes, IoVector buffers, int start, int end)
    {
        await PoolThread.SwitchAsync();
        return await ReadFrom(offsetBytes, buffers, start, end).ConfigureAwait(false);
    }

    private async ValueTask<(BlockStatus Status, bool IsHeld, long LengthBytes)> FindHeldOnPoolAsync(long offsetBytes, long lengthBytes)
    {
        await PoolThread.SwitchAsync();
        return await FindHeldAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> WriteOnPoolAsync(long offsetBytes, IoVector buffers, int start)
    {
        await PoolThread.SwitchAsync();
        return await WriteFrom(offsetBytes, buffers, start).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> TrimOnPoolAsync(long offsetBytes, long lengthBytes)
    {
        await PoolThread.SwitchAsync();
        return await TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ZeroOnPoolAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        await PoolThread.SwitchAsync();
        return await WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> MapAsync(ParentWindow? parent, long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        if (PoolThread.MustNotWait(_file))
        {
            await PoolThread.SwitchAsync();
        }

        return await VhdxExtentMap.RunAsync(_file, _parts, parent, offsetBytes, lengthBytes, extents).ConfigureAwait(false);
    }

    private ValueTask<BlockStatus> ReadFrom(long offsetBytes, IoVector buffers, int start, int end)
    {
        var parts = _parts;
        while (start < end)
        {
            var status = parts.Find(offsetBytes, end - start, out var run);
            if (status == BlockStatus.Ok && run.Source == VhdxSource.Zeros)
            {
                SegmentWindow.Clear(buffers.Segments, start, run.LengthBytes);
            }
            else if (status == BlockStatus.Ok)
            {
                var read = run.Source == VhdxSource.File ? _file.ReadAsync(run.FileOffset, buffers, start, run.LengthBytes)
                    : _parent is { } parent ? parent.ReadPartAsync(offsetBytes, buffers, start, run.LengthBytes)
                    : new(BlockStatus.Unsupported);
                if (!read.IsCompletedSuccessfully)
                {
                    return ReadOnAsync(read, offsetBytes + run.LengthBytes, buffers, start + run.LengthBytes, end);
                }

                status = read.Result;
            }

            if (status != BlockStatus.Ok)
            {
                return status == VhdxStatus.WouldWait ? ReadOnPoolAsync(offsetBytes, buffers, start, end) : new(status);
            }

            offsetBytes += run.LengthBytes;
            start += run.LengthBytes;
        }

        return new(BlockStatus.Ok);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ReadOnAsync(ValueTask<BlockStatus> pending, long offsetBytes, IoVector buffers, int start, int end)
    {
        var status = await pending.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await ReadFrom(offsetBytes, buffers, start, end).ConfigureAwait(false) : status;
    }

    private ValueTask<BlockStatus> WriteFrom(long offsetBytes, IoVector buffers, int start)
    {
        var parts = _parts;
        while (start < buffers.LengthBytes)
        {
            var status = parts.Find(offsetBytes, buffers.LengthBytes - start, out var run);
            if (status == VhdxStatus.WouldWait || (status == BlockStatus.Ok && run.Source != VhdxSource.File && PoolThread.MustNotWait(_file)))
            {
                return WriteOnPoolAsync(offsetBytes, buffers, start);
            }

            if (status == BlockStatus.Ok && run.Source == VhdxSource.Parent)
            {
                return WriteOverParentAsync(offsetBytes, buffers, start);
            }

            if (status == BlockStatus.Ok && run.Source == VhdxSource.Zeros)
            {
                var block = parts.Layout.BlockOf(offsetBytes);
                var position = parts.Layout.PositionInBlock(offsetBytes);
                status = parts.Allocator.Allocate(block, out var place);
                run = new VhdxRun(VhdxSource.File, place + position, Math.Min(run.LengthBytes, parts.Layout.BlockSizeBytes - position));
            }

            if (status == BlockStatus.Ok)
            {
                var write = _file.WriteAsync(run.FileOffset, buffers, start, run.LengthBytes);
                if (!write.IsCompletedSuccessfully)
                {
                    return WriteOnAsync(write, offsetBytes + run.LengthBytes, buffers, start + run.LengthBytes);
                }

                status = write.Result;
            }

            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            offsetBytes += run.LengthBytes;
            start += run.LengthBytes;
        }

        return new(BlockStatus.Ok);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> WriteOnAsync(ValueTask<BlockStatus> pending, long offsetBytes, IoVector buffers, int start)
    {
        var status = await pending.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await WriteFrom(offsetBytes, buffers, start).ConfigureAwait(false) : status;
    }

    // The first write over what the parent holds. The new sectors go to their place, unseen, and are made durable; then the log says that they
    // are there. Without that order a power cut could leave sectors that hold neither what was written nor what the parent has.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> WriteOverParentAsync(long offsetBytes, IoVector buffers, int start)
    {
        var parts = _parts;
        var (firstOffset, firstStart) = (offsetBytes, start);
        var status = BlockStatus.Ok;
        while (start < buffers.LengthBytes && status == BlockStatus.Ok)
        {
            var block = parts.Layout.BlockOf(offsetBytes);
            var (prepared, isOver) = await PrepareOverParentAsync(block).ConfigureAwait(false);
            status = prepared;
            if (status != BlockStatus.Ok || !isOver)
            {
                break;
            }

            var position = parts.Layout.PositionInBlock(offsetBytes);
            var pieceBytes = Math.Min(buffers.LengthBytes - start, parts.Layout.BlockSizeBytes - position);
            status = parts.Allocator.Reserve(block, out var place);
            status = status == BlockStatus.Ok ? await _file.WriteAsync(place + position, buffers, start, pieceBytes).ConfigureAwait(false) : status;
            offsetBytes += pieceBytes;
            start += pieceBytes;
        }

        if (status == BlockStatus.Ok && start > firstStart)
        {
            status = await RevealAsync(firstOffset, offsetBytes).ConfigureAwait(false);
        }

        return status == BlockStatus.Ok && start < buffers.LengthBytes ? await WriteFrom(offsetBytes, buffers, start).ConfigureAwait(false) : status;
    }

    // Whether writes to the block go over what the parent holds. They do not when it holds nothing: then the block is zeros, and becomes present.
    private async ValueTask<(BlockStatus Status, bool IsOver)> PrepareOverParentAsync(long block)
    {
        var parts = _parts;
        var status = parts.Table.Get(block, out var entry);
        if (status != BlockStatus.Ok || entry.State is not (VhdxBlockState.NotPresent or VhdxBlockState.PartiallyPresent))
        {
            return (status, false);
        }

        if (entry.State == VhdxBlockState.PartiallyPresent)
        {
            return (BlockStatus.Ok, true);
        }

        if (_parent is not { } parent)
        {
            return (BlockStatus.Unsupported, false);
        }

        var (asked, isZero) = await parent.IsZeroAsync(parts.Layout.StartOf(block), parts.Layout.UsedBytesOf(block)).ConfigureAwait(false);
        return asked != BlockStatus.Ok || !isZero ? (asked, true) : (parts.Allocator.Allocate(block, out _), false);
    }

    private async ValueTask<BlockStatus> RevealAsync(long offsetBytes, long endBytes)
    {
        var parts = _parts;
        var status = await _barrier.RunAsync().ConfigureAwait(false);
        while (offsetBytes < endBytes && status == BlockStatus.Ok)
        {
            var position = parts.Layout.PositionInBlock(offsetBytes);
            var pieceBytes = (int)Math.Min(endBytes - offsetBytes, parts.Layout.BlockSizeBytes - position);
            status = parts.Allocator.Reveal(parts.Layout.BlockOf(offsetBytes), position, pieceBytes);
            offsetBytes += pieceBytes;
        }

        return status;
    }

    private ValueTask<BlockStatus> ZeroFrom(long offsetBytes, long end, bool mayTrim)
    {
        var parts = _parts;
        while (offsetBytes < end)
        {
            var block = parts.Layout.BlockOf(offsetBytes);
            var position = parts.Layout.PositionInBlock(offsetBytes);
            var pieceBytes = (int)Math.Min(end - offsetBytes, parts.Layout.BlockSizeBytes - position);
            var status = parts.Table.Get(block, out var entry);
            if (status == BlockStatus.Ok)
            {
                switch (entry.State)
                {
                    case VhdxBlockState.FullyPresent when mayTrim:
                        status = _file.Discard(entry.OffsetBytes + position, pieceBytes);
                        break;
                    case VhdxBlockState.FullyPresent:
                        status = _file.Zero(entry.OffsetBytes + position, pieceBytes);
                        break;
                    case VhdxBlockState.Undefined or VhdxBlockState.Unmapped:
                    case VhdxBlockState.NotPresent when parts.Layout.HasParent && pieceBytes == parts.Layout.UsedBytesOf(block):
                        status = parts.Allocator.DefineAsZero(block);
                        break;
                    case VhdxBlockState.PartiallyPresent:
                    case VhdxBlockState.NotPresent when parts.Layout.HasParent:
                        return ZeroOverParentAsync(offsetBytes, end, pieceBytes, mayTrim);
                }
            }

            if (status != BlockStatus.Ok)
            {
                return new(status);
            }

            offsetBytes += pieceBytes;
        }

        return new(BlockStatus.Ok);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> ZeroOverParentAsync(long offsetBytes, long end, int pieceBytes, bool mayTrim)
    {
        var parts = _parts;
        var block = parts.Layout.BlockOf(offsetBytes);
        var (status, isOver) = await PrepareOverParentAsync(block).ConfigureAwait(false);
        if (status == BlockStatus.Ok && isOver)
        {
            status = parts.Allocator.Reserve(block, out var place);
            if (status == BlockStatus.Ok)
            {
                place += parts.Layout.PositionInBlock(offsetBytes);
                status = mayTrim ? _file.Discard(place, pieceBytes) : _file.Zero(place, pieceBytes);
            }

            status = status == BlockStatus.Ok ? await RevealAsync(offsetBytes, offsetBytes + pieceBytes).ConfigureAwait(false) : status;
            offsetBytes += pieceBytes;
        }

        // A block that was found to be something else meanwhile has its turn again.
        return status == BlockStatus.Ok ? await ZeroFrom(offsetBytes, end, mayTrim).ConfigureAwait(false) : status;
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

            var status = _parts.Allocator.CleanFreeSpace();
            status = status == BlockStatus.Ok ? _parts.Log.Start(_parts.Table.RegionOffset, _parts.Allocator.EndBytes) : status;
            _isWriting = status == BlockStatus.Ok;
            return status;
        }
    }

    // Cuts off what the file was extended by in advance, once nothing in the log speaks of it.
    private BlockStatus EndWriting()
    {
        if (!_isWriting)
        {
            return BlockStatus.Ok;
        }

        var status = _parts.Log.Close();
        if (status == BlockStatus.Ok && _file.LengthBytes > _parts.Allocator.EndBytes)
        {
            status = _file.SetLength(_parts.Allocator.EndBytes);
        }

        _isWriting = status != BlockStatus.Ok;
        return status;
    }
}
