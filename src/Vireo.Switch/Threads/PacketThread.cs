using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;

namespace Vireo.Switch.Threads;

/// <summary>
/// A thread that carries frames: its ports, their pipeline, their timer. As a task it takes what other packet threads have sent to its ports; it sleeps
/// while nothing comes.
/// </summary>
internal sealed class PacketThread : ReactorTask
{
    private readonly WakeUp _wakeUp;
    private int _isAsleep = 1;

    /// <summary>The thread at <paramref name="index"/>.</summary>
    public PacketThread(int index, Reactor reactor, Forwarder forwarder)
    {
        Index = index;
        Reactor = reactor;
        Forwarder = forwarder;
        forwarder.RunBy(this);
        _wakeUp = new WakeUp(this);
    }

    /// <summary>Its number, from zero.</summary>
    public int Index { get; }

    /// <summary>What runs it.</summary>
    public Reactor Reactor { get; }

    /// <summary>Its pipeline.</summary>
    public Forwarder Forwarder { get; }

    /// <summary>Calls its ports' stages as time passes; null until it is started.</summary>
    public StageTimer? Timer { get; set; }

    /// <summary>
    /// Something was published in a ring that this thread reads: wakes it if it sleeps. From any thread, behind a full barrier.
    /// </summary>
    public void Wake()
    {
        if (Volatile.Read(ref _isAsleep) != 0 && Interlocked.Exchange(ref _isAsleep, 0) != 0)
        {
            Reactor.Post(_wakeUp);
        }
    }

    /// <inheritdoc/>
    protected override bool Poll() => Forwarder.TakeCrossings();

    /// <inheritdoc/>
    protected override bool TrySleep()
    {
        // Whoever publishes after this exchange sees the flag and wakes; what was published before is seen by the look.
        Interlocked.Exchange(ref _isAsleep, 1);
        return !Forwarder.HasCrossings || Interlocked.Exchange(ref _isAsleep, 0) == 0;
    }

    private sealed class WakeUp(PacketThread thread) : ReactorWork
    {
        protected override void Run() => thread.Reactor.Activate(thread);
    }
}
