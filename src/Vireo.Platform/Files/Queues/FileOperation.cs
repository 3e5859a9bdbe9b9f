using System.Threading.Tasks.Sources;
using Vireo.Platform.Events;
using Vireo.Platform.Memory;

namespace Vireo.Platform.Files.Queues;

/// <summary>One read, write or flush of a file on its way; reused. Goes on until all bytes are moved, the file ends, or the system refuses.</summary>
internal sealed class FileOperation : ReactorWork, IThreadPoolWorkItem, IValueTaskSource<long>
{
    private const int UsualSegments = 16;
    private readonly FileQueue _queue;
    private NativeVector[] _vector = GC.AllocateArray<NativeVector>(UsualSegments, pinned: true);
    private ManualResetValueTaskSourceCore<long> _result;
    private int _first;
    private int _count;
    private long _offsetBytes;
    private long _doneBytes;
    private long _missingBytes;
    private long _outcome;

    public FileOperation(FileQueue queue, int slot)
    {
        _queue = queue;
        Slot = slot;
    }

    /// <summary>Its number in the queue.</summary>
    public int Slot { get; }

    /// <summary>The next of the free or the waiting list.</summary>
    public FileOperation? NextInList { get; set; }

    /// <summary>What is done.</summary>
    public RingOperation Kind { get; private set; }

    /// <summary>To which file.</summary>
    public NativeFile File { get; private set; } = null!;

    /// <summary>Sets what is asked. The segments' memory stays until completion; the span itself need not.</summary>
    public ValueTask<long> Set(RingOperation kind, NativeFile file, long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        Kind = kind;
        File = file;
        _offsetBytes = offsetBytes;
        _doneBytes = 0;
        _missingBytes = lengthBytes;
        _first = 0;
        if (_vector.Length < segments.Length)
        {
            _vector = GC.AllocateArray<NativeVector>(segments.Length, pinned: true);
        }

        _count = NativeVector.Fill(_vector, segments, start, lengthBytes);
        return new ValueTask<long>(this, _result.Version);
    }

    /// <summary>Puts what is left to do into <paramref name="ring"/>; false when that is full.</summary>
    public unsafe bool TryAdd(IoRing ring)
    {
        var count = Math.Min(_count - _first, NativeFile.MaximumSegments);
        if (Kind == RingOperation.Flush)
        {
            return ring.TryAdd(Kind, File.Descriptor, 0, 0, 0, (ulong)Slot);
        }

        fixed (NativeVector* vector = _vector)
        {
            // SAFETY: the array is on the pinned heap and belongs to this object, which the queue keeps until the answer is there.
            return ring.TryAdd(Kind, File.Descriptor, (nint)(vector + _first), count, _offsetBytes, (ulong)Slot);
        }
    }

    /// <summary>Takes note of what one call did.</summary>
    /// <returns>Whether there is no more to do.</returns>
    public bool Note(long result)
    {
        if (result is -SystemCall.Interrupted or -SystemCall.Again)
        {
            return false;
        }

        if (result <= 0 || Kind == RingOperation.Flush)
        {
            _outcome = result < 0 ? result : _doneBytes;
            return true;
        }

        _doneBytes += result;
        _missingBytes -= result;
        _offsetBytes += result;
        while (_first < _count && (nuint)result >= _vector[_first].Length)
        {
            result -= (long)_vector[_first++].Length;
        }

        if (result > 0)
        {
            _vector[_first] = _vector[_first].Skip((nint)result);
        }

        _outcome = _doneBytes;
        return _missingBytes == 0;
    }

    /// <summary>Tells whoever awaits it, who goes on at once.</summary>
    public void Complete() => _result.SetResult(_outcome);

    /// <summary>On a pool thread: the same, waiting for the disk.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        long result;
        do
        {
            var vector = _vector.AsSpan(_first, Math.Min(_count - _first, NativeFile.MaximumSegments));
            result = Kind switch
            {
                RingOperation.Read => File.Read(_offsetBytes, vector),
                RingOperation.Write => File.Write(_offsetBytes, vector),
                _ => File.Flush(),
            };
        }
        while (!Note(result));
        _queue.Reactor.Post(this);
    }

    /// <summary>Back on the reactor.</summary>
    protected internal override void Run() => _queue.Finish(this);

    /// <inheritdoc/>
    public long GetResult(short token)
    {
        var result = _result.GetResult(token);
        _result.Reset();
        _queue.Free(this);
        return result;
    }

    /// <inheritdoc/>
    public ValueTaskSourceStatus GetStatus(short token) => _result.GetStatus(token);

    /// <inheritdoc/>
    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);
}
