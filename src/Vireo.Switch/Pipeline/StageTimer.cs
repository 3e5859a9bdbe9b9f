using Vireo.Platform.Events;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// Calls stages that act as time passes when their time has come. While no stage waits for anything no timer runs. On the packet
/// thread.
/// </summary>
internal sealed class StageTimer : IReactorHandler, IDisposable
{
    private readonly TimerDescriptor _timer = TimerDescriptor.Create();
    private readonly List<PortState> _ports = [];
    private readonly Reactor _reactor;
    private readonly Forwarder _forwarder;
    private readonly TimeProvider _clock;
    private readonly Registration _registration;
    private bool _isSet;

    /// <summary>Starts to serve <paramref name="forwarder"/>.</summary>
    public StageTimer(Reactor reactor, Forwarder forwarder, TimeProvider clock)
    {
        _reactor = reactor;
        _forwarder = forwarder;
        _clock = clock;
        _registration = reactor.Register(_timer.Descriptor, PollEvents.Readable, this);
        forwarder.Timer = this;
    }

    /// <summary>A stage of <paramref name="port"/> may hold something from now on.</summary>
    public void Note(PortState port)
    {
        if (!_ports.Contains(port))
        {
            _ports.Add(port);
        }

        if (!_isSet)
        {
            // The exact time is asked for when it fires; the first look comes soon.
            Set(TimeSpan.FromMilliseconds(1));
        }
    }

    /// <summary>The port is gone, or at another thread.</summary>
    /// <returns>Whether a stage of it might hold something.</returns>
    public bool Forget(PortState port) => _ports.Remove(port);

    /// <inheritdoc/>
    public void OnEvents(PollEvents events)
    {
        _timer.Drain();
        _isSet = false;
        var next = long.MaxValue;
        for (var index = _ports.Count - 1; index >= 0; index--)
        {
            var due = _forwarder.Tick(_ports[index]);
            next = Math.Min(next, due);
            if (due == long.MaxValue)
            {
                _ports.RemoveAt(index);
            }
        }

        if (next != long.MaxValue)
        {
            var wait = _clock.GetElapsedTime(_clock.GetTimestamp(), next);
            Set(wait > TimeSpan.FromMicroseconds(50) ? wait : TimeSpan.FromMicroseconds(50));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _forwarder.Timer = null;
        _reactor.Unregister(_registration);
        _timer.Dispose();
    }

    private void Set(TimeSpan wait)
    {
        _isSet = true;
        _timer.Set(wait, TimeSpan.Zero);
    }
}
