using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>
/// Frames of an extension on their way to the packet thread: a fixed number of places, filled from any thread under a lock that the packet path never
/// takes while it carries other frames.
/// </summary>
internal sealed class Injector : ReactorWork
{
    private readonly Lock _lock = new();
    private readonly Queue<Waiting> _waiting = new();
    private readonly ExtensionInstance _owner;
    private readonly Reactor? _reactor;
    private readonly Forwarder _forwarder;
    private readonly int _capacity;
    private bool _isPosted;

    /// <summary>Nothing waits.</summary>
    /// <param name="owner">Whose frames they are.</param>
    /// <param name="reactor">The packet thread; null where somebody else calls <see cref="Drain"/>.</param>
    /// <param name="forwarder">Its pipeline.</param>
    /// <param name="capacity">Frames that may wait.</param>
    public Injector(ExtensionInstance owner, Reactor? reactor, Forwarder forwarder, int capacity)
    {
        _owner = owner;
        _reactor = reactor;
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

        _reactor?.Post(this);
        return true;
    }

    /// <summary>Sends what waits. On the packet thread.</summary>
    public void Drain()
    {
        while (true)
        {
            Waiting next;
            lock (_lock)
            {
                if (!_waiting.TryDequeue(out next))
                {
                    _isPosted = false;
                    return;
                }
            }

            if (next.Port.Slot >= 0 && _owner.Home.At(next.Port.Slot) is { } port && port.Id == next.Port.Id)
            {
                _owner.Counters.Injected++;
                _forwarder.Inject(port, _owner, next.Direction, next.Frame, next.Vlan);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Run() => Drain();

    private readonly record struct Waiting(SwitchPort Port, StageDirection Direction, ushort Vlan, byte[] Frame);
}
