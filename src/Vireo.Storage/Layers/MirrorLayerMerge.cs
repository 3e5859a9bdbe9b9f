using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// A merge of the image that the guest writes to. The child (the source) hides its parent (the target) where it holds something itself, and
/// shows it elsewhere. A write goes to the child where the child holds the range, else to the parent. Blocks are copied while the guest goes on;
/// when their copies are durable the child lets them go, so that from then on the parent is seen, and written.
/// </summary>
/// <remarks>
/// What was copied and waits to be let go of is written on both sides, so that its copy stays right (<see cref="MergeWindow"/>). A piece that was
/// written while it was being copied is copied again. One that is still written after <see cref="FreePasses"/> rounds is held for the last one, so
/// that the merge ends whatever the guest writes; nothing else ever waits for the copy. The chain reads right with the child at any moment: in the
/// parent is what the child let go of, durably before it did. So a merge that was cut short goes on with what the child still holds, and needs no journal.
/// </remarks>
public sealed partial class MirrorLayer
{
    // Copied, made durable and let go of together: the target is flushed once for so many bytes.
    private const long WindowBytes = 128 << 20;
    private const int FreePasses = 2;

    // A guest that writes shares processors and disk with the merge, and gets so many times the time that the merge takes.
    private const int GuestsShare = 5;
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);
    private volatile MergeWindow? _window;
    private int _targetWrites;
    private volatile bool _isTargetNeeded;

    private volatile bool _isMergeEnded;
    private long _changes;
    private long _changesAtPause;
    private long _busySince;

    // A mirror that was given up passes everything on; but while a write to the target alone is on its way, the child must not come to hold what is
    // beside it, nor let go of what nobody noted was written.
    private bool IsPassing => _failure is not null && Volatile.Read(ref _targetWrites) == 0 && (_merging is null || _isMergeEnded);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync() => _isTargetNeeded ? FlushBothAsync() : Below.FlushAsync();

    // In a range that is held: part after part, as the child holds it or not.
    private async ValueTask<BlockStatus> ChangeMergingAsync(IMergeableImage child, long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        var end = offsetBytes + lengthBytes;
        for (var at = offsetBytes; at < end;)
        {
            var (status, isHeld, runBytes) = await child.FindHeldAsync(at, end - at).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            IoVector? part = buffers is { } data ? Part(data, (int)(at - offsetBytes), (int)runBytes) : null;
            status = isHeld
                ? await ChangeHeldAsync(at, runBytes, part, options).ConfigureAwait(false)
                : await ChangeParentAsync(at, runBytes, part, options).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            at += runBytes;
        }

        return BlockStatus.Ok;
    }

    // What the child holds. Noted before the range is free again: whoever lets the block go has to see it.
    private async ValueTask<BlockStatus> ChangeHeldAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        // A write that is durable by itself is copied, since the copy will be made durable.
        var window = _window;
        if (window is null || (options & WriteOptions.ForceUnitAccess) != 0 || _failure is not null || window.CountCopies(offsetBytes, lengthBytes) is not { } copies)
        {
            var changed = await ChangeChildAsync(offsetBytes, lengthBytes, buffers, options).ConfigureAwait(false);
            window?.NoteChanged(offsetBytes, lengthBytes);
            return changed;
        }

        _isTargetNeeded = true;
        var mirrored = ChangeTargetAsync(offsetBytes, lengthBytes, buffers, options).AsTask();
        var status = await ChangeChildAsync(offsetBytes, lengthBytes, buffers, options).ConfigureAwait(false);
        var mirroredStatus = await mirrored.ConfigureAwait(false);
        if (mirroredStatus != BlockStatus.Ok)
        {
            Fail($"a write to the target at {offsetBytes} failed ({mirroredStatus})");
        }

        if (status != BlockStatus.Ok || window.CountCopies(offsetBytes, lengthBytes) != copies)
        {
            window.NoteChanged(offsetBytes, lengthBytes);
        }

        return status;
    }

    private async ValueTask<BlockStatus> ChangeParentAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        // Counted in before looking: whoever gives up after this waits for us.
        Interlocked.Increment(ref _targetWrites);
        if (_failure is null)
        {
            _isTargetNeeded = true;
            var once = options & ~WriteOptions.ForceUnitAccess;
            var written = buffers is { } data
                ? await _target.WriteAsync(offsetBytes, data, once).ConfigureAwait(false)
                : await ZeroTargetAsync(offsetBytes, lengthBytes, once).ConfigureAwait(false);
            if (written == BlockStatus.Ok)
            {
                Interlocked.Decrement(ref _targetWrites);

                // Durable is what the parent holds only once the child has let go of it durably.
                return once == options ? written : await FlushBothAsync().ConfigureAwait(false);
            }

            Fail($"a write to the target at {offsetBytes} failed ({written})");
        }

        Interlocked.Decrement(ref _targetWrites);

        // After the end of the merge the child takes everything. A block that it begins to hold may hide all of its parent's block, so no write
        // to the parent alone may be under way in it: those that are end soon, and no other begins.
        while (Volatile.Read(ref _targetWrites) != 0)
        {
            await Task.Yield();
        }

        return await ChangeHeldAsync(offsetBytes, lengthBytes, buffers, options).ConfigureAwait(false);
    }

    private ValueTask<BlockStatus> ChangeChildAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options) => buffers is { } data
        ? Below.WriteAsync(offsetBytes, data, options)
        : Below.WriteZeroesAsync(offsetBytes, lengthBytes, options);

    private async ValueTask<BlockStatus> FlushBothAsync()
    {
        var target = await _target.FlushAsync().ConfigureAwait(false);
        if (target != BlockStatus.Ok)
        {
            // What was written there alone may be lost: the guest has to know, now and at each later flush.
            Fail($"the target could not be made durable ({target})");
            return target;
        }

        return await Below.FlushAsync().ConfigureAwait(false);
    }

    private async Task MergeAllAsync(IMergeableImage child)
    {
        // Not on the caller's thread.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var sizeBytes = Geometry.SizeBytes;
        _busySince = _time.GetTimestamp();
        while (CursorBytes < sizeBytes && _failure is null)
        {
            // What the child does not hold it will not come to hold: its writes go to the parent.
            var start = await FindNextHeldAsync(child, CursorBytes, sizeBytes).ConfigureAwait(false);
            var end = start < 0 ? start : Math.Min(start + WindowOf(child), sizeBytes);
            if (start < 0 || (start < sizeBytes && !await MergeWindowAsync(child, start, end).ConfigureAwait(false)))
            {
                break;
            }

            Volatile.Write(ref _cursor, end);
        }

        _isReady = _failure is null && CursorBytes == sizeBytes;
        _isMergeEnded = true;
        _settled.TrySetResult();
    }

    // Whole blocks; few of them when they are to be copied slowly, so that they are let go of soon.
    private long WindowOf(IMergeableImage child)
    {
        var rate = BytesPerSecond;
        var bytes = rate > 0 ? Math.Min(WindowBytes, rate / 4) : WindowBytes;
        return Math.Max(bytes / child.BlockSizeBytes, 1) * child.BlockSizeBytes;
    }

    // The beginning of the next block that the child holds something of; the end of the disk when there is none, less than 0 when the merge ends.
    private async Task<long> FindNextHeldAsync(IMergeableImage child, long at, long sizeBytes)
    {
        List<BlockExtent> extents = [];
        while (at < sizeBytes)
        {
            if (!await EnterAsync().ConfigureAwait(false))
            {
                return -1;
            }

            extents.Clear();
            var status = await child.MapOwnExtentsAsync(at, sizeBytes - at, extents).ConfigureAwait(false);
            Leave();
            if (status != BlockStatus.Ok)
            {
                Fail($"the source could not say what it holds at {at} ({status})");
                return -1;
            }

            if (extents.FindIndex(static extent => extent.Kind != ExtentKind.Hole) is >= 0 and var held)
            {
                return extents[held].OffsetBytes / child.BlockSizeBytes * child.BlockSizeBytes;
            }

            at = extents[^1].OffsetBytes + extents[^1].LengthBytes;
        }

        return sizeBytes;
    }

    // False when the merge ends.
    private async Task<bool> MergeWindowAsync(IMergeableImage child, long start, long end)
    {
        // From here on writes are noted; what was written before is what is copied.
        var window = _window = new MergeWindow(start, end);
        var blocks = new Queue<long>();
        for (var block = start; block < end; block += child.BlockSizeBytes)
        {
            blocks.Enqueue(block);
        }

        for (var pass = 0; pass < FreePasses && blocks.Count > 0; pass++)
        {
            if (!await CopyChangedAsync(window).ConfigureAwait(false) || !await MakeTargetDurableAsync().ConfigureAwait(false))
            {
                return false;
            }

            for (var i = blocks.Count; i > 0; i--)
            {
                var block = blocks.Dequeue();
                await GiveWayAsync().ConfigureAwait(false);
                var released = await ReleaseAsync(child, window, block, Math.Min(block + child.BlockSizeBytes, end), isLast: false).ConfigureAwait(false);
                if (released is null)
                {
                    return false;
                }

                if (released == false)
                {
                    blocks.Enqueue(block);
                }
            }
        }

        foreach (var block in blocks)
        {
            await GiveWayAsync().ConfigureAwait(false);
            if (await ReleaseAsync(child, window, block, Math.Min(block + child.BlockSizeBytes, end), isLast: true).ConfigureAwait(false) is null)
            {
                return false;
            }
        }

        return true;
    }

    // Copies the pieces that were written since they were copied last.
    private async Task<bool> CopyChangedAsync(MergeWindow window)
    {
        var under = new Queue<Task>();
        var isGoingOn = true;
        for (var at = window.Start; at < window.End && isGoingOn; at += BlockBytes)
        {
            if (!window.TryTake(at))
            {
                continue;
            }

            var (copy, dataBytes) = await StartPieceAsync(at, Math.Min(at + BlockBytes, window.End)).ConfigureAwait(false);
            isGoingOn = copy is not null;
            if (copy is null)
            {
                break;
            }

            under.Enqueue(NoteCopiedAsync(window, at, copy));
            await LeaveRoomAsync(under).ConfigureAwait(false);
            await PayAsync(dataBytes).ConfigureAwait(false);
        }

        await Task.WhenAll(under).ConfigureAwait(false);
        return isGoingOn && _failure is null;
    }

    private static async Task NoteCopiedAsync(MergeWindow window, long at, Task copy)
    {
        await copy.ConfigureAwait(false);
        window.NoteCopied(at);
    }

    // Before one more copy begins.
    private async ValueTask LeaveRoomAsync(Queue<Task> under)
    {
        if (IsMerge && IsGuestWriting)
        {
            // Piece after piece, with pauses.
            await Task.WhenAll(under).ConfigureAwait(false);
            under.Clear();
            await GiveWayAsync().ConfigureAwait(false);
        }
        else if (under.Count == Depth)
        {
            await under.Dequeue().ConfigureAwait(false);
        }
    }

    private bool IsMerge => _merging is not null || _guestWrites is not null;

    private long GuestWrites => _guestWrites?.Invoke() ?? Volatile.Read(ref _changes);

    private bool IsGuestWriting => GuestWrites != _changesAtPause;

    // Whatever the merge does between two pauses counts: copies, flushes, giving back what the child held.
    private async ValueTask GiveWayAsync()
    {
        var owed = _time.GetElapsedTime(_busySince) * GuestsShare;
        if (owed < s_shortestPause)
        {
            return;
        }

        if (!IsGuestWriting)
        {
            _busySince = _time.GetTimestamp();
            return;
        }

        _changesAtPause = GuestWrites;
        await WaitAsync(owed < s_longestPause ? owed : s_longestPause).ConfigureAwait(false);
    }

    // Null when the merge ends.
    private async Task<(Task? Copy, long DataBytes)> StartPieceAsync(long start, long end) =>
        await EnterAsync().ConfigureAwait(false) ? await StartEnteredPieceAsync(start, end).ConfigureAwait(false) : (null, 0);

    private async Task<(Task? Copy, long DataBytes)> StartEnteredPieceAsync(long start, long end)
    {
        List<BlockExtent> extents = [];
        if (!await MapAsync(start, end - start, extents).ConfigureAwait(false))
        {
            Leave();
            return (null, 0);
        }

        var dataBytes = extents.Where(static extent => extent.Kind == ExtentKind.Data).Sum(static extent => extent.LengthBytes);
        return (CopyBlockAsync(null, [.. extents]), dataBytes);
    }

    private async Task<bool> MakeTargetDurableAsync() => await PrepareAsync().ConfigureAwait(false) && _failure is null && !_stop.IsCancellationRequested;

    // Lets a block go whose copy is durable: false when it was written meanwhile. At last such a block is held until it was copied. Null when the merge ends.
    private async Task<bool?> ReleaseAsync(IMergeableImage child, MergeWindow window, long start, long end, bool isLast)
    {
        if (!await EnterAsync().ConfigureAwait(false))
        {
            return null;
        }

        var range = await _ranges.EnterAsync(start, end - start).ConfigureAwait(false);
        var isCopied = (window.IsCopied(start, end) && _failure is null) || (isLast && await CopyHeldAsync(window, start, end).ConfigureAwait(false));
        var status = isCopied ? await child.ReleaseAsync(start, end - start).ConfigureAwait(false) : BlockStatus.Ok;
        _ranges.Release(range);
        Leave();
        if (status != BlockStatus.Ok)
        {
            Fail($"the source could not let go of what was merged at {start} ({status})");
        }

        return status != BlockStatus.Ok || (isLast && !isCopied) ? null : isCopied;
    }

    // In a block that is held; it is not written until it was let go of.
    private async Task<bool> CopyHeldAsync(MergeWindow window, long start, long end)
    {
        var first = window.Start + ((start - window.Start) / BlockBytes * BlockBytes);
        for (var at = first; at < end; at += BlockBytes)
        {
            // A piece that small blocks share stays noted for the others.
            if (window.IsCopied(at, at + 1))
            {
                continue;
            }

            // We are inside already: a stack that is being changed waits for us and must not be waited for.
            lock (_pausing)
            {
                _copiesUnderWay++;
            }

            var (copy, _) = await StartEnteredPieceAsync(Math.Max(at, start), Math.Min(at + BlockBytes, end)).ConfigureAwait(false);
            if (copy is null)
            {
                return false;
            }

            await copy.ConfigureAwait(false);
        }

        return _failure is null && await MakeTargetDurableAsync().ConfigureAwait(false);
    }
}
