using Vireo.Control.Switching;
using Vireo.Platform;
using Vireo.Switch.Inspection;

namespace Vireo.Switch.Pipeline;

/// <summary>A switch as it lives: its ports and where stations are. Belongs to the packet thread.</summary>
internal sealed class SwitchState(Guid id, MacTable addresses, AddressBook? owners = null)
{
    /// <summary>More than one machine can have adapters: 1,024 machines of twelve.</summary>
    private const int PortsMax = 16_384;

    /// <summary>After this time without a word a guest's network address is free.</summary>
    public const uint OwnerAgeingSeconds = 120;

    /// <summary>The same of an address behind an uplink or of the management operating system, of which less is heard.</summary>
    public const uint TrustedAgeingSeconds = 1200;

    private ushort[]? _primaryOf;
    private PortState?[] _bySlot = new PortState?[16];

    /// <summary>Key of the switch.</summary>
    public Guid Id { get; } = id;

    /// <summary>Where stations are.</summary>
    public MacTable Addresses { get; } = addresses;

    /// <summary>Who has which network address.</summary>
    public AddressBook Owners { get; } = owners ?? new AddressBook(1024, 0x9E37_79B9);

    /// <summary>Ports that watch others.</summary>
    public PortState[] Watchers { get; private set; } = [];

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
        PoliciesChanged();
    }

    /// <summary>Lets a port go and forgets the stations behind it.</summary>
    public void Remove(PortState port)
    {
        Invariant.Check(port.Switch == this);
        _bySlot[port.Slot] = null;
        Addresses.Forget(port.Slot);
        Owners.Forget(port.Slot);
        port.Switch = null;
        Ports = [.. Ports.Where(other => other != port)];
        PoliciesChanged();
    }

    /// <summary>
    /// The VLAN in which stations of <paramref name="vlan"/> are learned: the primary one of a secondary VLAN, because an answer from a
    /// promiscuous port comes in that (IEEE 802.1Q 8.8.8 calls it shared learning).
    /// </summary>
    public ushort LearningVlan(ushort vlan) => _primaryOf is { } map ? map[vlan & 0xFFF] : vlan;

    /// <summary>A port has another policy: finds again what the switch needs to know of all of them.</summary>
    public void PoliciesChanged()
    {
        Watchers = [.. Ports.Where(port => port.Policy.Mirroring == PortMirroring.Destination)];
        if (Array.TrueForAll(Ports, port => port.Policy.PrimaryVlan == 0))
        {
            _primaryOf = null;
            return;
        }

        var map = new ushort[4096];
        for (var vlan = 0; vlan < map.Length; vlan++)
        {
            map[vlan] = (ushort)vlan;
        }

        foreach (var port in Ports)
        {
            foreach (var secondary in port.Policy.SecondaryVlans)
            {
                map[secondary] = port.Policy.PrimaryVlan;
            }
        }

        _primaryOf = map;
    }
}
