using Vireo.Platform;

namespace Vireo.Switch.Pipeline;

/// <summary>A switch as it lives: its ports and where stations are. Belongs to the packet thread.</summary>
internal sealed class SwitchState(Guid id, MacTable addresses)
{
    /// <summary>More than one machine can have adapters: 1,024 machines of twelve.</summary>
    private const int PortsMax = 16_384;

    private PortState?[] _bySlot = new PortState?[16];

    /// <summary>Key of the switch.</summary>
    public Guid Id { get; } = id;

    /// <summary>Where stations are.</summary>
    public MacTable Addresses { get; } = addresses;

    /// <summary>The ports, in no order; replaced as a whole.</summary>
    public PortState[] Ports { get; private set; } = [];

    /// <summary>The port at <paramref name="slot"/>, or null.</summary>
    public PortState? At(int slot) => _bySlot[slot];

    /// <summary>Takes in a port that belongs to no switch.</summary>
    public void Add(PortState port)
    {
        Invariant.Check(port.Switch is null);
        Invariant.Check(Ports.Length < PortsMax);
        var slot = Array.IndexOf(_bySlot, null);
        if (slot < 0)
        {
            slot = _bySlot.Length;
            Array.Resize(ref _bySlot, slot * 2);
        }

        _bySlot[slot] = port;
        port.Slot = (ushort)slot;
        port.Switch = this;
        Ports = [.. Ports, port];
    }

    /// <summary>Lets a port go and forgets the stations behind it.</summary>
    public void Remove(PortState port)
    {
        Invariant.Check(port.Switch == this);
        _bySlot[port.Slot] = null;
        Addresses.Forget(port.Slot);
        port.Switch = null;
        Ports = [.. Ports.Where(other => other != port)];
    }
}
