using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Layers;

/// <summary>Where a mirror is in its life.</summary>
public enum MirrorPhase
{
    /// <summary>The cursor moves; what lies behind it is the same on both sides.</summary>
    Copying,

    /// <summary>Everything is the same on both sides and stays so.</summary>
    Ready,

    /// <summary>Given up: the target holds nothing that counts, the source everything.</summary>
    Failed,
}

/// <summary>
/// Makes a second copy of a disk while it is in use. Invariant: a block behind the cursor is the same on both sides whenever no request is
/// inside the block. A write behind the cursor goes to both, a write ahead of it to the source only; the cursor moves over each block once,
/// so the copy ends whatever the guest writes. A merge, where the source shows the target's content in what it does not hold itself, writes
/// to one place only: see the other half of the class.
/// </summary>
/// <remarks>
/// Stands directly on the image. Changes of one block and its copying take turns by a <see cref="RangeLock"/>; reads go to the source and wait
/// for nobody. Trims become writes of zeroes, since the target must read as the source does. Flushes go to the source, which alone counts
/// until <see cref="CompleteAsync"/>, and to the target as well once something was written there only. An error of the target never reaches the guest: the mirror gives up and only passes requests on.
/// Memory: <see cref="Depth"/> buffers of <see cref="BlockBytes"/> while copying, nothing that grows with the disk.
/// </remarks>
public sealed partial class MirrorLayer : LayerBase
{
    /// <summary>Unit of the copy.</summary>
    public const int BlockBytes = 1 << 20;

    /// <summary>Blocks that are copied at once.</summary>
    public const int Depth = 4;

    private readonly IBlockDevice _target;
    private readonly bool _isTargetZero;
    private readonly Func<long, long, List<BlockExtent>, ValueTask<BlockStatus>>? _mapOwn;
    private readonly IMergeableImage? _merging;
    private readonly Func<long>? _guestWrites;
    private readonly TimeProvider _time;
    private readonly RangeLock _ranges = new();
    private readonly BufferPool _buffers = new(BlockBytes, Depth);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _pausing = new();
    private TaskCompletionSource _mayRun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _isPaused;
    private bool _isAttached;
    private int _copiesUnderWay;
    private int _isDisposed;
    private long _cursor;
    private long _copied;
    private long _bytesPerSecond;
    private double _paidUntil;
    private volatile string? _failure;
    private volatile bool _isTargetFull;
    private volatile bool _isReady;
    private Task _copying = Task.CompletedTask;

    /// <summary>A mirror onto <paramref name="target"/>, which stays the caller's.</summary>
    /// <param name="name">Name in the stack.</param>
    /// <param name="target">As large as the disk, with sectors that are not larger.</param>
    /// <param name="isTargetZero">Whether the target reads as zeros all over, so that zeros need not be written.</param>
    /// <param name="bytesPerSecond">Limit of the background copy, not of the guest's writes; 0 is none.</param>
    /// <param name="time">The clock of that limit.</param>
    public MirrorLayer(string name, IBlockDevice target, bool isTargetZero, long bytesPerSecond, TimeProvider time)
        : base(name)
    {
        (_target, _isTargetZero, _bytesPerSecond, _time) = (target, isTargetZero, bytesPerSecond, time);
        _paidUntil = time.GetTimestamp();
    }

    /// <summary>A merge of <paramref name="child"/>, which is what the layer stands on, into <paramref name="parent"/>, which the child stands on; both stay the caller's.</summary>
    /// <param name="name">Name in the stack.</param>
    /// <param name="child">What it does not hold is the parent's already and is not copied.</param>
    /// <param name="parent">As large as the child.</param>
    /// <param name="guestWrites">How often the guest wrote so far, when it does not write to the child: the layer need not be in a stack then, and the child is only read. Null when it does: then the child lets go of what was merged.</param>
    /// <param name="bytesPerSecond">Limit of the background copy; 0 is none.</param>
    /// <param name="time">The clock of that limit.</param>
    public MirrorLayer(string name, IDiskImage child, IBlockDevice parent, Func<long>? guestWrites, long bytesPerSecond, TimeProvider time)
        : this(name, parent, isTargetZero: false, bytesPerSecond, time)
    {
        _mapOwn = child.MapOwnExtentsAsync;
        _merging = guestWrites is null ? (IMergeableImage)child : null;
        _guestWrites = guestWrites;
    }

    /// <summary>
    /// A mirror of <paramref name="source"/> alone, which is what the layer stands on, onto a <paramref name="target"/> that stands on a copy of the
    /// source's parent: what the source does not hold itself is left to that. Both stay the caller's.
    /// </summary>
    /// <param name="name">Name in the stack.</param>
    /// <param name="source">The image that the guest writes to.</param>
    /// <param name="target">As large as the source, and empty: it shows what its parent does.</param>
    /// <param name="bytesPerSecond">Limit of the background copy; 0 is none.</param>
    /// <param name="time">The clock of that limit.</param>
    public MirrorLayer(string name, IDiskImage source, IBlockDevice target, long bytesPerSecond, TimeProvider time)
        : this(name, target, isTargetZero: false, bytesPerSecond, time) => _mapOwn = source.MapOwnExtentsAsync;

    /// <summary>Where it is.</summary>
    public MirrorPhase Phase => _failure is not null ? MirrorPhase.Failed : _isReady ? MirrorPhase.Ready : MirrorPhase.Copying;

    /// <summary>Why it was given up, or null.</summary>
    public string? Failure => _failure;

    /// <summary>Whether it was given up because the target has no room.</summary>
    public bool IsTargetFull => _failure is not null && _isTargetFull;

    /// <summary>Bytes behind the cursor; all of the disk when it is ready.</summary>
    public long CursorBytes => Volatile.Read(ref _cursor);

    /// <summary>Bytes that were read and written: less than the cursor's where the source has holes.</summary>
    public long CopiedBytes => Volatile.Read(ref _copied);

    /// <summary>Limit of the background copy in bytes a second; 0 is none.</summary>
    public long BytesPerSecond
    {
        get => Volatile.Read(ref _bytesPerSecond);
        set => Volatile.Write(ref _bytesPerSecond, value);
    }

    /// <summary>Ends when the mirror is ready or has failed.</summary>
    public Task Settled => _settled.Task;

    /// <summary>Ends when the mirror has failed, which it may when it was ready.</summary>
    public Task Failed => _failed.Task;

    /// <summary>Starts to copy. Once, after the layer was spliced in.</summary>
    public void Start()
    {
        _changesAtPause = GuestWrites;
        _copying = _merging is null ? CopyAllAsync() : MergeAllAsync(_merging);
    }

    /// <inheritdoc/>
    public override void Attach(IBlockDevice below)
    {
        base.Attach(below);
        lock (_pausing)
        {
            _isAttached = true;
            _isPaused = null;
            _mayRun.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public override ValueTask QuiesceAsync()
    {
        lock (_pausing)
        {
            if (_isAttached)
            {
                _isAttached = false;
                _mayRun = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            if (_copiesUnderWay == 0)
            {
                return ValueTask.CompletedTask;
            }

            _isPaused ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return new(_isPaused.Task);
        }
    }

    /// <summary>
    /// Makes the target durable, for the moment in which it takes over. Called while no request is inside the stack; false when the mirror is
    /// not ready or the target fails, which ends the mirror and leaves the source.
    /// </summary>
    public async ValueTask<bool> CompleteAsync()
    {
        if (Phase != MirrorPhase.Ready)
        {
            return false;
        }

        return await PrepareAsync().ConfigureAwait(false) && _failure is null;
    }

    /// <summary>Brings what was written so far to the target's disk, for example ahead of time, so that <see cref="CompleteAsync"/> is short. False when the target fails, which ends the mirror.</summary>
    public async ValueTask<bool> PrepareAsync()
    {
        var status = await _target.FlushAsync().ConfigureAwait(false);
        if (status != BlockStatus.Ok)
        {
            Fail($"the target could not be made durable ({status})", status);
        }

        return status == BlockStatus.Ok;
    }

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) =>
        IsPassing || buffers.LengthBytes == 0
            ? Below.WriteAsync(offsetBytes, buffers, options)
            : ChangeAsync(offsetBytes, buffers.LengthBytes, buffers, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
        IsPassing || lengthBytes == 0
            ? Below.WriteZeroesAsync(offsetBytes, lengthBytes, options)
            : ChangeAsync(offsetBytes, lengthBytes, null, options);

    /// <inheritdoc/>
    public override ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => IsPassing || lengthBytes == 0
        ? Below.TrimAsync(offsetBytes, lengthBytes)
        : ChangeAsync(offsetBytes, lengthBytes, null, WriteOptions.MayTrim);

    /// <summary>Ends the copy; the target stays open.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        lock (_pausing)
        {
            _mayRun.TrySetResult();
        }

        await _copying.ConfigureAwait(false);
        _stop.Dispose();
        _buffers.Dispose();
        await base.DisposeAsync().ConfigureAwait(false);
    }

    // Without buffers: zeros. What was merged is the parent's alone, for good.
    private ValueTask<BlockStatus> ChangeAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        Interlocked.Increment(ref _changes);
        return _merging is not null && offsetBytes + lengthBytes <= CursorBytes
            ? ChangeParentAsync(offsetBytes, lengthBytes, buffers, options)
            : ChangeInTurnAsync(offsetBytes, lengthBytes, buffers, options);
    }

    private async ValueTask<BlockStatus> ChangeInTurnAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        var range = await _ranges.EnterAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        var status = _merging is null
            ? await ChangeBothAsync(offsetBytes, lengthBytes, buffers, options).ConfigureAwait(false)
            : await ChangeMergingAsync(_merging, offsetBytes, lengthBytes, buffers, options).ConfigureAwait(false);
        _ranges.Release(range);
        return status;
    }

    // In a range that is held. The part behind the cursor goes to both sides at once.
    private async ValueTask<BlockStatus> ChangeBothAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        // The cursor does not move over a range that is held.
        var behindBytes = _failure is null ? Math.Clamp(CursorBytes - offsetBytes, 0, lengthBytes) : 0;
        var mirrored = behindBytes == 0 ? Task.FromResult(BlockStatus.Ok) : ChangeTargetAsync(offsetBytes, behindBytes, buffers, options).AsTask();
        var status = buffers is { } data
            ? await Below.WriteAsync(offsetBytes, data, options).ConfigureAwait(false)
            : await Below.WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
        var mirroredStatus = await mirrored.ConfigureAwait(false);
        if (mirroredStatus != BlockStatus.Ok)
        {
            Fail($"a write to the target at {offsetBytes} failed ({mirroredStatus})", mirroredStatus);
        }
        else if (status != BlockStatus.Ok && behindBytes > 0)
        {
            // Nobody knows what the source holds there now, so the sides may differ.
            Fail($"a write to the source at {offsetBytes} failed ({status})");
        }

        return status;
    }

    private async ValueTask<BlockStatus> ChangeTargetAsync(long offsetBytes, long lengthBytes, IoVector? buffers, WriteOptions options)
    {
        if (buffers is not { } data)
        {
            return await ZeroTargetAsync(offsetBytes, lengthBytes, options & WriteOptions.MayTrim).ConfigureAwait(false);
        }

        return await _target.WriteAsync(offsetBytes, Part(data, 0, (int)lengthBytes), WriteOptions.None).ConfigureAwait(false);
    }

    private static IoVector Part(IoVector buffers, int start, int lengthBytes)
    {
        if (lengthBytes == buffers.LengthBytes)
        {
            return buffers;
        }

        var segments = new List<Platform.Memory.IoSegment>();
        var left = lengthBytes;
        foreach (var segment in buffers.Segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            if (left == 0)
            {
                break;
            }

            segments.Add(segment.Slice(start, Math.Min(left, segment.Length - start)));
            left -= segments[^1].Length;
            start = 0;
        }

        return new IoVector(segments.ToArray(), lengthBytes);
    }

    private async ValueTask<BlockStatus> ZeroTargetAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (_target.Capabilities.WriteZeroes != Capability.None)
        {
            return await _target.WriteZeroesAsync(offsetBytes, lengthBytes, options).ConfigureAwait(false);
        }

        var status = BlockStatus.Ok;
        for (var done = 0L; done < lengthBytes && status == BlockStatus.Ok;)
        {
            var count = (int)Math.Min(ZeroBuffers.MaximumBytes, lengthBytes - done);
            status = await _target.WriteAsync(offsetBytes + done, ZeroBuffers.Take(count), WriteOptions.None).ConfigureAwait(false);
            done += count;
        }

        return status;
    }

    private void Fail(string reason, BlockStatus status = BlockStatus.IoError)
    {
        _isTargetFull |= status == BlockStatus.NoSpace;
        if (Interlocked.CompareExchange(ref _failure, reason, null) is null)
        {
            _settled.TrySetResult();
            _failed.TrySetResult();
        }
    }

    private async Task CopyAllAsync()
    {
        // Not on the caller's thread.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var sizeBytes = Geometry.SizeBytes;
        var under = new Queue<Task>();
        var extents = new List<BlockExtent>();
        _busySince = _time.GetTimestamp();

        // Counted in before a range is held: the stack waits for us, and nobody who is inside it waits for the stack.
        while (CursorBytes < sizeBytes && _failure is null && await EnterAsync().ConfigureAwait(false))
        {
            var offset = CursorBytes;
            var length = Math.Min(BlockBytes, sizeBytes - offset);
            // Held before the cursor moves: a write that is on its way ends before, one that comes later goes to both sides.
            var range = await _ranges.EnterAsync(offset, length).ConfigureAwait(false);
            extents.Clear();
            var isMapped = await MapAsync(offset, length, extents).ConfigureAwait(false);
            Volatile.Write(ref _cursor, offset + length);
            if (!isMapped)
            {
                Leave();
                _ranges.Release(range);
                break;
            }

            var dataBytes = extents.Where(extent => extent.Kind == ExtentKind.Data).Sum(extent => extent.LengthBytes);
            if (dataBytes == 0 && (_isTargetZero || extents.TrueForAll(extent => extent.Kind == ExtentKind.Hole)))
            {
                Leave();
                _ranges.Release(range);
                continue;
            }

            under.Enqueue(CopyBlockAsync(range, [.. extents]));
            await LeaveRoomAsync(under).ConfigureAwait(false);
            await PayAsync(dataBytes).ConfigureAwait(false);
        }

        await Task.WhenAll(under).ConfigureAwait(false);
        if (_failure is null && !_stop.IsCancellationRequested && CursorBytes == sizeBytes)
        {
            _isReady = true;
        }

        _settled.TrySetResult();
    }

    // Waits while the stack is being changed; false when the mirror ends.
    private async ValueTask<bool> MayGoAsync()
    {
        Task mayRun;
        lock (_pausing)
        {
            mayRun = _mayRun.Task;
        }

        await mayRun.ConfigureAwait(false);
        return !_stop.IsCancellationRequested;
    }

    // Counts a request of our own in, once the stack allows it.
    private async ValueTask<bool> EnterAsync()
    {
        while (await MayGoAsync().ConfigureAwait(false))
        {
            lock (_pausing)
            {
                if (_isAttached)
                {
                    _copiesUnderWay++;
                    return true;
                }
            }
        }

        return false;
    }

    private void Leave()
    {
        lock (_pausing)
        {
            if (--_copiesUnderWay == 0)
            {
                _isPaused?.TrySetResult();
            }
        }
    }

    private async ValueTask<bool> MapAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var at = offsetBytes;
        while (at < offsetBytes + lengthBytes)
        {
            var status = _mapOwn is null
                ? await Below.MapExtentsAsync(at, offsetBytes + lengthBytes - at, extents).ConfigureAwait(false)
                : await _mapOwn(at, offsetBytes + lengthBytes - at, extents).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                Fail($"the source could not say what it holds at {at} ({status})");
                return false;
            }

            at = extents[^1].OffsetBytes + extents[^1].LengthBytes;
        }

        for (var i = 0; _mapOwn is null && i < extents.Count; i++)
        {
            // A hole of a whole disk that is not said to be zeros may hold anything.
            extents[i] = extents[i].Kind == ExtentKind.Hole ? extents[i] with { Kind = ExtentKind.Data } : extents[i];
        }

        return true;
    }

    // In a block that is entered and, but for a merge, held.
    private async Task CopyBlockAsync(RangeLock.Held? range, BlockExtent[] extents)
    {
        var buffer = _buffers.Rent();
        foreach (var extent in extents)
        {
            var status = BlockStatus.Ok;
            var length = (int)extent.LengthBytes;
            if (extent.Kind == ExtentKind.Data)
            {
                status = await Below.ReadAsync(extent.OffsetBytes, buffer.Vector(0, length)).ConfigureAwait(false);
                if (status != BlockStatus.Ok)
                {
                    Fail($"the source could not be read at {extent.OffsetBytes} ({status})");
                    break;
                }

                status = await _target.WriteAsync(extent.OffsetBytes, buffer.Vector(0, length), WriteOptions.None).ConfigureAwait(false);
                Interlocked.Add(ref _copied, length);
            }
            else if ((extent.Kind & ExtentKind.Zero) != 0 && !_isTargetZero)
            {
                status = await ZeroTargetAsync(extent.OffsetBytes, length, WriteOptions.MayTrim).ConfigureAwait(false);
            }

            if (status != BlockStatus.Ok)
            {
                Fail($"the target could not be written at {extent.OffsetBytes} ({status})", status);
                break;
            }
        }

        _buffers.Return(buffer);
        Leave();
        if (range is not null)
        {
            _ranges.Release(range);
        }
    }

    // Each second's worth of bytes takes a second; a pause saves nothing up.
    private async ValueTask PayAsync(long lengthBytes)
    {
        var rate = BytesPerSecond;
        if (rate <= 0)
        {
            return;
        }

        var now = _time.GetTimestamp();
        _paidUntil = Math.Max(_paidUntil, now) + ((double)lengthBytes / rate * _time.TimestampFrequency);
        var wait = TimeSpan.FromSeconds((_paidUntil - now) / _time.TimestampFrequency);
        if (wait >= TimeSpan.FromMilliseconds(1))
        {
            await WaitAsync(wait).ConfigureAwait(false);
        }
    }

    // Ends early when the layer is disposed of; the loop sees it.
    private async ValueTask WaitAsync(TimeSpan pause)
    {
        // Allowed: a rate is kept, and way is given, by waiting, and the clock is the one that was passed in.
        await Task.Delay(pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _busySince = _time.GetTimestamp();
    }
}
