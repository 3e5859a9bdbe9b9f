namespace Vireo.Platform.Events;

/// <summary>
/// Has several reactors stand still together for a moment: each finishes what it is at and waits, and when all do, one of them runs an action that may
/// touch whatever belongs to any of them. Nothing is in the middle of a handler or a task then.
/// </summary>
/// <remarks>
/// Two stops of the same reactors must not be under way at a time: each would wait for reactors that the other one holds.
/// </remarks>
public sealed class ReactorStop
{
    private readonly IReadOnlyList<Reactor> _reactors;
    private readonly Action _action;
    private readonly ManualResetEventSlim _goOn;
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _missing;

    private ReactorStop(IReadOnlyList<Reactor> reactors, Action action)
    {
        // Whoever waits spins for a moment only where the others have processors of their own.
        const int spins = 1000;
        _reactors = reactors;
        _action = action;
        _missing = reactors.Count;
        _goOn = new ManualResetEventSlim(false, Environment.ProcessorCount > reactors.Count ? spins : 0);
    }

    /// <summary>Stops <paramref name="reactors"/>, runs <paramref name="action"/>, lets them go on, and completes with what became of the action.</summary>
    public static Task RunAsync(IReadOnlyList<Reactor> reactors, Action action)
    {
        ArgumentNullException.ThrowIfNull(reactors);
        if (reactors.Count == 1)
        {
            return reactors[0].InvokeAsync(action);
        }

        var stop = new ReactorStop(reactors, action);
        foreach (var reactor in reactors)
        {
            reactor.Post(new Arrival(stop));
        }

        return stop._done.Task;
    }

    private void Arrive()
    {
        if (Interlocked.Decrement(ref _missing) > 0)
        {
            _goOn.Wait();
            return;
        }

        SetHolder(Thread.CurrentThread);
        try
        {
            _action();
            _done.SetResult();
        }
        catch (Exception failure)
        {
            // Not swallowed: the caller awaits the task.
            _done.SetException(failure);
        }

        SetHolder(null);
        _goOn.Set();
    }

    private void SetHolder(Thread? holder)
    {
        foreach (var reactor in _reactors)
        {
            reactor.Holder = holder;
        }
    }

    private sealed class Arrival(ReactorStop stop) : ReactorWork
    {
        protected internal override void Run() => stop.Arrive();
    }
}
