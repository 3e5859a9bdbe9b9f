namespace Vireo.Platform.Events;

/// <summary>
/// Something to be run once by a reactor's thread, handed over from any thread without a lock or an allocation: the object itself is
/// the link of the list. It may be posted again as soon as <see cref="Run"/> has begun, never twice before that.
/// </summary>
public abstract class ReactorWork
{
    internal ReactorWork? Next { get; set; }

    /// <summary>Runs on the reactor's thread.</summary>
    protected internal abstract void Run();
}

/// <summary>
/// Many threads push, one takes everything at once (a Treiber stack whose consumer exchanges the whole list, so no node is ever
/// compared after it was freed: the ABA problem cannot arise). The order of pushing is kept.
/// </summary>
internal sealed class WorkList
{
    private ReactorWork? _newest;

    public bool IsEmpty => Volatile.Read(ref _newest) is null;

    public void Push(ReactorWork work)
    {
        ReactorWork? newest;
        do
        {
            newest = Volatile.Read(ref _newest);
            work.Next = newest;
        }
        while (Interlocked.CompareExchange(ref _newest, work, newest) != newest);
    }

    /// <summary>Runs all that was pushed, oldest first.</summary>
    /// <returns>Whether there was any.</returns>
    public bool RunAll()
    {
        if (IsEmpty)
        {
            return false;
        }

        ReactorWork? oldest = null;
        for (var work = Interlocked.Exchange(ref _newest, null); work is not null;)
        {
            var older = work.Next;
            work.Next = oldest;
            oldest = work;
            work = older;
        }

        while (oldest is not null)
        {
            // Read first: the work may post itself again while it runs.
            var newer = oldest.Next;
            oldest.Next = null;
            oldest.Run();
            oldest = newer;
        }

        return true;
    }
}
