using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>
/// Frames of an extension on their way to the packet threads: a fixed number of places, filled from any thread under a lock that the packet path never
/// takes while it carries other frames. One thread at a time empties it, which is the one that the oldest frame's port is at, so their order is kept.
/// </summary>
internal sealed class Injector : ReactorWork
{
    private readonly Lock _lock = new();
    private readonly Queue<Waiting> _waiting = new();
    private readonly ExtensionInstance _owner;
    private readonly Forwarder _forwarder;
    private readonly int _capacity;
    private bool _isPosted;

    /// <summary>Nothing waits.</summary>
    /// <param name="owner">Whose frames they are.</param>
    /// <param name="forwarder">Pipeline of the first packet thread; without a thread where somebody else calls <see cref="Drain"/>.</param>
    /// <param name="capacity">Frames that may wait.</param>
    public Injector(ExtensionInstance owner, Forwarder forwarder, int capacity)
    {
        _owner = owner;
        _forwarder = forwarder;
        _capacity = capacity;
    }

    /// <summary>Copies a frame.</summary>
    public bool TryAdd(SwitchPort port, StageDirection direction, ReadOnlySpan<byte> frame, ushort vlan)
    {
        if (frame.Length is < FrameParser.EthernetHeaderBytes or > FrameBatch.FrameBytesMax || port.Slot < 0 || vlan > 4095)
        {
            return false;
        }

        lock (_lock)
        {
            if (_waiting.Count >= _capacity)
            {
                return false;
            }

            _waiting.Enqueue(new Waiting(port, direction, vlan, frame.ToArray()));
            if (_isPosted)
            {
                return true;
            }

            _isPosted = true;
        }

        _forwarder.Thread?.Reactor.Post(this);
        return true;
    }

    /// <summary>Sends what waits, up to the first frame of another packet thread's. On a packet thread.</summary>
    public void Drain()
    {
        while (true)
        {
            Waiting next;
            lock (_lock)
            {
                if (!_waiting.TryPeek(out next))
                {
                    _isPosted = false;
                    return;
                }
            }

            var port = next.Port.Slot >= 0 && _owner.Home.At(next.Port.Slot) is { } found && found.Id == next.Port.Id ? found : null;
            var carrier = port?.Carrier ?? _forwarder;
            if (port is not null && carrier.Thread is { Reactor: { IsCurrent: false } elsewhere })
            {
                elsewhere.Post(this);
                return;
            }

            lock (_lock)
            {
                _waiting.Dequeue();
            }

            if (port is not null)
            {
                _owner.Counters.Injected++;
                carrier.Inject(port, _owner, next.Direction, next.Frame, next.Vlan);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Run() => Drain();

    private readonly record struct Waiting(SwitchPort Port, StageDirection Direction, ushort Vlan, byte[] Frame);
}
