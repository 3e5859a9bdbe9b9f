namespace Vireo.Switch.Sdk;

/// <summary>Where a frame goes: a forwarding extension's decision.</summary>
public ref struct Destinations
{
    private readonly Span<ushort> _slots;
    private readonly int _source;

    /// <summary>No decision yet.</summary>
    /// <param name="slots">Room for one place per port of the switch.</param>
    /// <param name="source">Place of the port that the frame came from.</param>
    internal Destinations(Span<ushort> slots, int source)
    {
        _slots = slots;
        _source = source;
        Reason = DropReason.None;
    }

    /// <summary>Ports named so far.</summary>
    public int Count { get; private set; }

    /// <summary>The switch's own lookup decides.</summary>
    internal bool IsNormal { get; private set; }

    /// <summary>All ports of the frame's VLAN.</summary>
    internal bool IsFlood { get; private set; }

    /// <summary>Why the frame is dropped.</summary>
    internal DropReason Reason { get; private set; }

    /// <summary>Places of the ports named.</summary>
    internal readonly ReadOnlySpan<ushort> Slots => _slots[..Count];

    /// <summary>The frame goes to <paramref name="port"/>, too. A port is named once, and the one it came from is not an answer.</summary>
    /// <returns>False when the port was named before, has left the switch, or is where the frame came from.</returns>
    public bool Add(SwitchPort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        var slot = port.Slot;
        if (slot < 0 || slot == _source || Count == _slots.Length || _slots[..Count].Contains((ushort)slot))
        {
            return false;
        }

        _slots[Count++] = (ushort)slot;
        return true;
    }

    /// <summary>The frame goes to every other port that takes part in its VLAN.</summary>
    public void Flood() => IsFlood = true;

    /// <summary>The switch's own lookup decides, as if there were no forwarding extension.</summary>
    public void Normal() => IsNormal = true;

    /// <summary>The frame goes nowhere.</summary>
    /// <param name="reason">Counted at the port that it came from.</param>
    public void Drop(DropReason reason) => Reason = reason;
}
