using Vireo.Control.Switching;
using Vireo.Platform;
using Vireo.Switch.Inspection;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// A switch as it lives: its ports and where stations are. Packet threads read it; it changes while all of them stand still, but for the stations, of which each
/// thread has a copy, and <see cref="Owners"/>, which looks after itself.
/// </summary>
/// <param name="id">Key of the switch.</param>
/// <param name="addresses">Stations, as the first packet thread knows them.</param>
/// <param name="owners">Who has which network address.</param>
/// <param name="threads">How many packet threads there are.</param>
internal sealed class SwitchState(Guid id, MacTable addresses, AddressBook? owners = null, int threads = 1)
{
    /// <summary>More than one machine can have adapters: 1,024 machines of twelve.</summary>
    private const int PortsMax = 16_384;

    /// <summary>After this time without a word a guest's network address is free.</summary>
    public const uint OwnerAgeingSeconds = 120;

    /// <summary>The same of an address behind an uplink or of the management operating system, of which less is heard.</summary>
    public const uint TrustedAgeingSeconds = 1200;

    private MinimumBandwidthMode _bandwidthMode;
    private long _defaultFlow;
    private readonly MacTable[] _stations = [addresses, .. Enumerable.Range(1, threads - 1).Select(_ => addresses.Another())];
    private ushort[]? _primaryOf;
    private PortState?[] _bySlot = new PortState?[16];

    /// <summary>Key of the switch.</summary>
    public Guid Id { get; } = id;

    /// <summary>Where stations are, as the first packet thread knows it.</summary>
    public MacTable Addresses => _stations[0];

    /// <summary>Who has which network address.</summary>
    public AddressBook Owners { get; } = owners ?? new AddressBook(1024, 0x9E37_79B9);

    /// <summary>Whoever decides in place of the lookup, or null. One write replaces it, from any thread.</summary>
    public Extensions.ForwardingSeat? Forwarding { get; set; }

    /// <summary>Ports that watch others.</summary>
    public PortState[] Watchers { get; private set; } = [];

    /// <summary>The ports, in no order; replaced as a whole.</summary>
    public PortState[] Ports { get; private set; } = [];

    /// <summary>Whether a port has a minimum bandwidth, so that what receivers can take is shared.</summary>
    public bool HasShares { get; private set; }

    /// <summary>Part of all ports without a minimum of their own together, see <see cref="PortState.Share"/>.</summary>
    public double DefaultShare { get; private set; } = 1;

    /// <summary>Where stations are, as the packet thread of that number knows it.</summary>
    public MacTable Stations(int thread) => _stations[thread];

    /// <summary>Whatever was found so far of where frames go may be found otherwise from now on.</summary>
    public void Invalidate()
    {
        foreach (var table in _stations)
        {
            table.Invalidate();
        }
    }

    /// <summary>Forgets the stations and the network addresses behind a place.</summary>
    public void Forget(ushort slot)
    {
        foreach (var table in _stations)
        {
            table.Forget(slot);
        }

        Owners.Forget(slot);
    }

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
        Forget(port.Slot);
        port.Scheduler?.Clear();
        port.Scheduler = null;
        port.Switch = null;
        Ports = [.. Ports.Where(other => other != port)];
        PoliciesChanged();
    }

    /// <summary>
    /// The VLAN in which stations of <paramref name="vlan"/> are learned: the primary one of a secondary VLAN, because an answer from a
    /// promiscuous port comes in that (IEEE 802.1Q 8.8.8 calls it shared learning).
    /// </summary>
    public ushort LearningVlan(ushort vlan) => _primaryOf is { } map ? map[vlan & 0xFFF] : vlan;

    /// <summary>Sets how minimum bandwidth is given.</summary>
    /// <param name="mode">Weights, bits a second, or not at all.</param>
    /// <param name="defaultFlow">Minimum of the ports without one together; zero leaves it to the switch.</param>
    public void SetBandwidth(MinimumBandwidthMode mode, long defaultFlow)
    {
        _bandwidthMode = mode;
        _defaultFlow = defaultFlow;
        PoliciesChanged();
    }

    /// <summary>A port has another policy: finds again what the switch needs to know of all of them.</summary>
    public void PoliciesChanged()
    {
        Invalidate();
        Watchers = [.. Ports.Where(port => port.Policy.Mirroring == PortMirroring.Destination)];
        UpdateShares();
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

    private void UpdateShares()
    {
        double sum = 0;
        var least = double.MaxValue;
        long link = 0;
        foreach (var port in Ports)
        {
            port.Share = _bandwidthMode == MinimumBandwidthMode.None ? 0 : port.Policy.MinimumBandwidth;
            sum += port.Share;
            least = port.Share > 0 ? Math.Min(least, port.Share) : least;
            link = Math.Max(link, port.BackEnd.LinkBitsPerSecond);
            port.Scheduler?.SetLink(port.BackEnd.LinkBitsPerSecond);
        }

        HasShares = sum > 0;

        // Those without a minimum are not forgotten: with weights they count like the least one possible, with bits a second they have what
        // the others leave of the link, a hundredth of it if nothing is left, or as much as the least reservation where no speed is known.
        DefaultShare = _defaultFlow > 0 ? _defaultFlow
            : _bandwidthMode != MinimumBandwidthMode.Absolute || !HasShares ? 1
            : link == 0 ? least
            : Math.Max(link - sum, link / 100.0);
    }
}
