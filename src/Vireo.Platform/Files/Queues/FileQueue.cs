using Vireo.Platform.Events;
using Vireo.Platform.Memory;

namespace Vireo.Platform.Files.Queues;

/// <summary>
/// The file operations of one reactor: nothing in here waits for a disk. What is asked in one turn is handed to the kernel with one call
/// (io_uring); where the kernel refuses that, pool threads do the waiting. Completions come on the reactor's thread. For that thread alone.
/// </summary>
/// <remarks>Who asks keeps the file open and the memory in place until completion. Nothing is allocated in the steady state.</remarks>
public sealed class FileQueue : IReactorHandler, IDisposable
{
    private const int SubmitEntries = 128;
    private const int AnswerEntries = 1024;
    private readonly IoRing? _ring;
    private readonly List<FileOperation> _operations = [];
    private readonly Lock _freeing = new();
    private FileOperation? _free;
    private FileOperation? _firstWaiting;
    private FileOperation? _lastWaiting;
    private int _underWay;

    internal FileQueue(Reactor reactor, bool useRing)
    {
        Reactor = reactor;
        _ring = useRing ? IoRing.TryCreate(SubmitEntries, AnswerEntries, out _) : null;
        if (_ring is not null)
        {
            reactor.Register(_ring.Descriptor, PollEvents.Readable, this);
        }
    }

    /// <summary>Whether the kernel does the waiting; else pool threads do.</summary>
    public bool UsesRing => _ring is not null;

    /// <summary>Changes with each turn of the reactor.</summary>
    public int Turn { get; private set; }

    internal Reactor Reactor { get; }

    /// <summary>Reads into the part of <paramref name="segments"/> that begins at <paramref name="start"/>.</summary>
    /// <returns>The bytes read, fewer only at the end of the file; or the negated error number.</returns>
    public ValueTask<long> ReadAsync(NativeFile file, long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes) =>
        Begin(RingOperation.Read, file, offsetBytes, segments, start, lengthBytes);

    /// <summary>Writes; otherwise as the reading twin.</summary>
    public ValueTask<long> WriteAsync(NativeFile file, long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes) =>
        Begin(RingOperation.Write, file, offsetBytes, segments, start, lengthBytes);

    /// <summary>Makes data and size durable; 0 or the negated error number.</summary>
    public ValueTask<long> FlushAsync(NativeFile file) => Begin(RingOperation.Flush, file, 0, [], 0, 0);

    /// <inheritdoc/>
    void IReactorHandler.OnEvents(PollEvents events) => Reap();

    /// <inheritdoc/>
    public void Dispose()
    {
        Invariant.Check(_underWay == 0);
        _ring?.Dispose();
    }

    /// <summary>Hands over what was asked in this turn. Called by the reactor.</summary>
    /// <returns>Whether something is left, because the kernel is short of memory for a moment.</returns>
    internal bool Submit()
    {
        Turn++;
        var error = _ring?.Submit() ?? 0;
        Invariant.Check(error is 0 or -SystemCall.Again or -Errno.Busy);
        return error != 0;
    }

    /// <summary>Completes what is done. Called by the reactor.</summary>
    /// <returns>Whether anything was.</returns>
    internal bool Reap()
    {
        if (_ring is null || (_underWay == 0 && _firstWaiting is null))
        {
            return false;
        }

        var any = false;
        while (_ring.TryTake(out var key, out var result))
        {
            any = true;
            _underWay--;
            var operation = _operations[(int)key];
            if (operation.Note(result))
            {
                operation.Complete();
            }
            else
            {
                Add(operation);
            }
        }

        while (_firstWaiting is { } waiting && _underWay < _ring.AnswerCapacity)
        {
            _firstWaiting = waiting.NextInList;
            _lastWaiting = _firstWaiting is null ? null : _lastWaiting;
            waiting.NextInList = null;
            Add(waiting);
        }

        return any;
    }

    /// <summary>A pool thread has done it.</summary>
    internal void Finish(FileOperation operation)
    {
        _underWay--;
        operation.Complete();
    }

    /// <summary>The result was taken. Mostly on the reactor, but who awaits may have gone elsewhere.</summary>
    internal void Free(FileOperation operation)
    {
        lock (_freeing)
        {
            operation.NextInList = _free;
            _free = operation;
        }
    }

    private ValueTask<long> Begin(RingOperation kind, NativeFile file, long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        Invariant.Check(Reactor.IsCurrent);
        var operation = Take();
        var answer = operation.Set(kind, file, offsetBytes, segments, start, lengthBytes);
        Add(operation);
        return answer;
    }

    private FileOperation Take()
    {
        lock (_freeing)
        {
            if (_free is { } free)
            {
                _free = free.NextInList;
                free.NextInList = null;
                return free;
            }
        }

        var operation = new FileOperation(this, _operations.Count);
        _operations.Add(operation);
        return operation;
    }

    private void Add(FileOperation operation)
    {
        if (_ring is null)
        {
            _underWay++;
            ThreadPool.UnsafeQueueUserWorkItem(operation, preferLocal: false);
            return;
        }

        if (_underWay >= _ring.AnswerCapacity)
        {
            Wait(operation);
            return;
        }

        if (!operation.TryAdd(_ring))
        {
            _ = Submit();
            if (!operation.TryAdd(_ring))
            {
                Wait(operation);
                return;
            }
        }

        _underWay++;
    }

    private void Wait(FileOperation operation)
    {
        if (_lastWaiting is null)
        {
            _firstWaiting = operation;
        }
        else
        {
            _lastWaiting.NextInList = operation;
        }

        _lastWaiting = operation;
    }
}
