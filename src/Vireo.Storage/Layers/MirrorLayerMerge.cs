using Vireo.Disks;

namespace Vireo.Storage.Layers;

/// <summary>
/// Writes during a merge. The child (the source) hides its parent (the target) where it holds something itself, and shows it elsewhere. So what
/// the child does not hold is written to the parent alone: it is where it belongs, the child does not grow, and the chain reads right with the
/// child or without it.
/// </summary>
public sealed partial class MirrorLayer
{
    private int _targetWrites;
    private volatile bool _isTargetNeeded;

    // A mirror that was given up passes everything on; but while a write to the target alone is on its way, the child must not come to hold what is beside it.
    private bool IsPassing => _failure is not null && Volatile.Read(ref _targetWrites) == 0;

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> FlushAsync() => _isTargetNeeded ? FlushBothAsync() : Below.FlushAsync();

    // In a range that is held: part after part, as the child holds it or not.
    private async ValueTask<BlockStatus> ChangeMergedAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        var end = offsetBytes + lengthBytes;
        List<BlockExtent> extents = [];
        for (var at = offsetBytes; at < end;)
        {
            extents.Clear();

            // What cannot be told is taken for held: then both sides get it.
            var isMapped = await _mapOwn!(at, end - at, extents).ConfigureAwait(false) == BlockStatus.Ok && extents.Count > 0;
            var isHole = isMapped && extents[0].Kind == ExtentKind.Hole;
            var count = 0;
            while (isMapped && count < extents.Count && extents[count].Kind == ExtentKind.Hole == isHole)
            {
                count++;
            }

            var next = isMapped ? Math.Min(extents[count - 1].OffsetBytes + extents[count - 1].LengthBytes, end) : end;
            IoVector? part = buffers is { } data ? Part(data, (int)(at - offsetBytes), (int)(next - at)) : null;
            var status = isHole ? await ChangeParentAsync(at, next - at, part, options).ConfigureAwait(false) : await ChangeBothAsync(at, next - at, part, options).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            at = next;
        }

        return BlockStatus.Ok;
    }

    private async ValueTask<BlockStatus> ChangeParentAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        // Counted in before looking: whoever gives up after this waits for us.
        Interlocked.Increment(ref _targetWrites);
        if (_failure is null)
        {
            _isTargetNeeded = true;
            var written = buffers is { } data
                ? await _target.WriteAsync(offsetBytes, data, options).ConfigureAwait(false)
                : await ZeroTargetAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
            if (written == BlockStatus.Ok)
            {
                Interlocked.Decrement(ref _targetWrites);
                return written;
            }

            Fail($"a write to the target at {offsetBytes} failed ({written})");
        }

        Interlocked.Decrement(ref _targetWrites);
        return await ChangeChildAsync(offsetBytes, lengthBytes, buffers, options).ConfigureAwait(false);
    }

    // After the end of the merge the child takes everything. A block that it begins to hold may hide all of its parent's block, so no write
    // to the parent alone may be under way in it: those that are end soon, and no other begins.
    private async ValueTask<BlockStatus> ChangeChildAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        while (Volatile.Read(ref _targetWrites) != 0)
        {
            await Task.Yield();
        }

        return buffers is { } data
            ? await Below.WriteAsync(offsetBytes, data, options).ConfigureAwait(false)
            : await Below.WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
    }

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
}
