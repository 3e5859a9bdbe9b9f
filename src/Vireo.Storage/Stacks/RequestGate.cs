using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vireo.Storage.Stacks;

/// <summary>
/// Lets requests pass without a lock and can be closed for an instant, when it waits until those inside have left. Requests are counted
/// in lanes, each on its own cache line and chosen by thread, so that reactors do not fight over one counter.
/// </summary>
/// <remarks>
/// Why an all-zero look at the lanes proves emptiness although they are read one after the other: the gate is closed before the look; a
/// request counts itself before it reads the gate, both with full fences, so one that got in is counted in its lane until it leaves, and
/// one that comes later sees the gate closed and takes itself back.
/// </remarks>
internal sealed class RequestGate
{
    private const int LaneCount = 16;
    private readonly Lane[] _lanes = new Lane[LaneCount];
    private volatile Closure? _closure;

    /// <summary>Counts a request in; false when the gate is closed and the caller must wait for <see cref="WaitForOpenAsync"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryEnter(out int lane)
    {
        lane = Environment.CurrentManagedThreadId & (LaneCount - 1);
        Interlocked.Increment(ref _lanes[lane].Requests);
        if (_closure is null)
        {
            return true;
        }

        Leave(lane);
        return false;
    }

    /// <summary>Counts a request out of the lane it came in by.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Leave(int lane)
    {
        Interlocked.Decrement(ref _lanes[lane].Requests);
        var closure = _closure;
        if (closure is not null && IsEmpty())
        {
            closure.Drained.TrySetResult();
        }
    }

    /// <summary>Closes the gate and waits until the last request has left. One caller at a time.</summary>
    public Task CloseAsync()
    {
        var closure = new Closure();
        _closure = closure;
        Interlocked.MemoryBarrier();
        if (IsEmpty())
        {
            closure.Drained.TrySetResult();
        }

        return closure.Drained.Task;
    }

    /// <summary>Opens the gate; requests that waited go on.</summary>
    public void Open()
    {
        var closure = _closure;
        _closure = null;
        closure?.Opened.TrySetResult();
    }

    /// <summary>Completes when the gate was open at some moment since the call.</summary>
    public Task WaitForOpenAsync() => _closure?.Opened.Task ?? Task.CompletedTask;

    private bool IsEmpty()
    {
        foreach (ref var lane in _lanes.AsSpan())
        {
            if (Volatile.Read(ref lane.Requests) != 0)
            {
                return false;
            }
        }

        return true;
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Lane
    {
        [FieldOffset(64)]
        public int Requests;
    }

    private sealed class Closure
    {
        public TaskCompletionSource Drained { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
