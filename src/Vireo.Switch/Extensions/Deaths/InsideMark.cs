namespace Vireo.Switch.Extensions.Deaths;

/// <summary>
/// Says, in memory that outlives the process, whether a thread is inside the code of one extension. Costs a write without a lock on the way of a frame.
/// </summary>
internal sealed unsafe class InsideMark
{
    /// <summary>Keeps the mapped memory alive as long as somebody may write to it, which a call that never comes back does at any time.</summary>
    private readonly InsideRecord _record;
    private readonly int* _frames;
    private readonly int* _calls;

    /// <summary>A mark in a place of the record.</summary>
    public InsideMark(InsideRecord record, int place, int* frames, int* calls)
    {
        _record = record;
        Place = place;
        _frames = frames;
        _calls = calls;
    }

    /// <summary>Which place of the record it is.</summary>
    public int Place { get; }

    /// <summary>A packet thread goes in. Only one does at a time.</summary>
    // SAFETY: the record maps the place and is kept by a reference.
    public void EnterFrame() => Volatile.Write(ref *_frames, 1);

    /// <summary>It has come back.</summary>
    // SAFETY: as above.
    public void LeaveFrame() => Volatile.Write(ref *_frames, 0);

    /// <summary>Another thread goes in.</summary>
    // SAFETY: as above.
    public void EnterCall() => Interlocked.Increment(ref *_calls);

    /// <summary>It has come back.</summary>
    public void LeaveCall()
    {
        // SAFETY: as above.
        Interlocked.Decrement(ref *_calls);
        GC.KeepAlive(_record);
    }
}
