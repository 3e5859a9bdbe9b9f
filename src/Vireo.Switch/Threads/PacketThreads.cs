using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;

namespace Vireo.Switch.Threads;

/// <summary>
/// The packet threads of a plane, and the rings between them. A port is at one of them with all that belongs to it. Whatever concerns several ports, a move
/// of a port among it, is done while all threads stand still between batches and nothing is on its way between them.
/// </summary>
internal sealed class PacketThreads : IDisposable
{
    /// <summary>More have not been tried, and rings between all pairs take memory.</summary>
    public const int CountMax = 16;

    /// <summary>
    /// How many threads a plane has unless it is told. A frame that crosses from one thread to another costs several times one that does not, and ports move by
    /// load, not by who talks to whom: whoever gains by more threads asks for them.
    /// </summary>
    public const int CountDefault = 1;

    private readonly SemaphoreSlim _oneStop = new(1);
    private readonly Reactor[] _reactors;

    private PacketThreads(PacketThread[] threads)
    {
        All = threads;
        _reactors = [.. threads.Select(thread => thread.Reactor)];
        if (threads.Length == 1)
        {
            return;
        }

        var rings = new CrossingRing?[threads.Length, threads.Length];
        foreach (var from in threads)
        {
            foreach (var to in threads.Where(to => to != from))
            {
                rings[from.Index, to.Index] = new CrossingRing(to);
            }
        }

        foreach (var thread in threads)
        {
            thread.Forwarder.Connect(
                [.. Enumerable.Range(0, threads.Length).Select(other => rings[thread.Index, other])],
                [.. Enumerable.Range(0, threads.Length).Select(other => rings[other, thread.Index]).OfType<CrossingRing>()]);
        }
    }

    /// <summary>The threads, by number. New ports are at the first.</summary>
    public IReadOnlyList<PacketThread> All { get; }

    /// <summary>The thread that ports begin at and those without a weight stay at.</summary>
    public PacketThread First => All[0];

    /// <summary>Starts <paramref name="count"/> threads.</summary>
    public static async Task<PacketThreads> StartAsync(int count, TimeProvider clock)
    {
        Invariant.Check(count is >= 1 and <= CountMax);
        var threads = new PacketThreads([.. Enumerable.Range(0, count).Select(
            index => new PacketThread(index, new Reactor(count == 1 ? "switch-packets" : $"switch-pkts-{index}"), new Forwarder(clock)))]);
        foreach (var thread in threads.All)
        {
            await thread.Reactor.InvokeAsync(() => thread.Timer = new StageTimer(thread.Reactor, thread.Forwarder, clock));
        }

        return threads;
    }

    /// <summary>One thread that somebody else has started.</summary>
    public static PacketThreads Of(Reactor reactor, Forwarder forwarder) => new([new PacketThread(0, reactor, forwarder)]);

    /// <summary>A place for a new port, at the first thread.</summary>
    public ReactorSeat NewSeat() => new(First.Reactor);

    /// <summary>Runs <paramref name="action"/> while all threads stand still between batches and no frame is between them.</summary>
    public async Task StopAsync(Action action)
    {
        if (All.Count == 1)
        {
            await _reactors[0].InvokeAsync(action);
            return;
        }

        await _oneStop.WaitAsync();
        try
        {
            await ReactorStop.RunAsync(_reactors, () =>
            {
                EmptyRings();
                action();
            });
        }
        finally
        {
            _oneStop.Release();
        }
    }

    /// <summary>Completes when every thread has finished what it was at.</summary>
    public Task FenceAsync() => Task.WhenAll(_reactors.Select(reactor => reactor.InvokeAsync(static () => { })));

    /// <summary>Moves ports to other threads; one that is there already stays. Nothing is lost and no conversation is reordered.</summary>
    public Task MoveAsync(IReadOnlyList<(PortState Port, PacketThread To)> moves) => StopAsync(() =>
    {
        foreach (var (port, to) in moves)
        {
            Move(port, to);
        }
    });

    /// <summary>Nothing that threads remember refers to <paramref name="port"/> any more, which has left its switch.</summary>
    public Task ForgetAsync(PortState port) => Task.WhenAll(All.Select(thread => thread.Reactor.InvokeAsync(() =>
    {
        thread.Timer?.Forget(port);
        thread.Forwarder.Forget(port);
    })));

    /// <summary>Ends the threads. Their ports have been stopped.</summary>
    public void Dispose()
    {
        foreach (var thread in All)
        {
            thread.Reactor.Dispose();
        }

        _oneStop.Dispose();
    }

    /// <summary>Stops the timers. Nothing is carried after that.</summary>
    public async Task StopTimersAsync()
    {
        foreach (var thread in All)
        {
            await thread.Reactor.InvokeAsync(() => thread.Timer?.Dispose());
        }
    }

    /// <summary>Moves a port. All threads stand still, and nothing is on its way between them.</summary>
    internal static void Move(PortState port, PacketThread to)
    {
        if (port.Carrier is not { Thread: { } from } || from == to)
        {
            return;
        }

        port.BackEnd.MoveTo(to.Reactor, to.Forwarder);
        port.Carrier = to.Forwarder;
        if (from.Timer?.Forget(port) == true)
        {
            to.Timer?.Note(port);
        }

        port.Scheduler?.MoveTo(to.Forwarder.Queues);
        if (from.Forwarder.Tracer is { } before && to.Forwarder.Tracer is { } after)
        {
            before.GiveWaiting(port, after);
        }

        // What is known of conversations says which half of them is where.
        port.LearnedKey = 0;
        port.Switch?.Invalidate();
    }

    /// <summary>Brings to its end what is on its way between threads, which stand still.</summary>
    internal void EmptyRings()
    {
        // Frames that arrive may be copied to a port that watches, at a third thread; those go no further.
        bool found;
        do
        {
            found = false;
            foreach (var thread in All)
            {
                while (thread.Forwarder.TakeCrossings())
                {
                    found = true;
                }
            }
        }
        while (found);
    }
}
