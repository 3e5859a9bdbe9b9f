using Vireo.Switch.Inspection;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Whoever is behind the port speaks only for itself: frames come from the adapter's own address, ARP and neighbor discovery name only that
/// one, and claim only network addresses that nobody else on the switch has. A frame whose headers cannot be followed is dropped, because
/// nobody knows what its receiver would make of it.
/// </summary>
/// <param name="address">The adapter's.</param>
/// <param name="allowed">The only network addresses that may be claimed or sent from; null is any that is free.</param>
/// <param name="clock">For ageing.</param>
internal sealed class SpoofGuardStage(MacAddress address, UInt128[]? allowed, TimeProvider clock) : IFlowStage, IPortStage
{
    public const string StageName = "SpoofGuard";

    private static readonly DropReason s_macSpoofed = DropReason.Register("MacSpoofed");
    private static readonly DropReason s_addressSpoofed = DropReason.Register("AddressSpoofed");
    private PortState? _port;
    private UInt128 _refreshed;
    private uint _refreshedAt;

    public string Name => StageName;

    public HeaderDepth Needs => HeaderDepth.Network;

    public void Attach(PortState port) => _port = port;

    /// <summary>What the guard reads in an answer of a DHCP server it reads in each of them.</summary>
    public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) =>
        direction == StageDirection.Ingress || !Transport.TryReadPorts(batch, index, out var source, out _) || source != 67;

    public void Process(FrameBatch batch, StageDirection direction)
    {
        if (_port is not { Switch: not null } port)
        {
            return;
        }

        var now = Clock.Seconds(clock);
        if (direction == StageDirection.Egress)
        {
            NoteLeases(batch, port, now);
            return;
        }

        foreach (var index in batch.Live)
        {
            if (MacAddress.Read(batch.Head(index)[6..]) != address)
            {
                batch.Drop(index, s_macSpoofed);
            }
            else if (Transport.HidesHeader(batch[index].Headers))
            {
                batch.Drop(index, DropReason.Malformed);
            }
            else if (!AddressClaims.Check(batch, index, port, address, allowed, now) || !MaySendFrom(batch, index))
            {
                batch.Drop(index, s_addressSpoofed);
            }
            else if (Transport.TryReadAddresses(batch, index, out var source, out _) && (source != _refreshed || now != _refreshedAt))
            {
                // Whoever uses its address keeps it; the book hears of a conversation once a second.
                _refreshed = source;
                _refreshedAt = now;
                port.Switch!.Owners.Refresh(source, port.Switch.LearningVlan(batch[index].VlanId), port.Slot, now, SwitchState.OwnerAgeingSeconds);
            }
        }
    }

    private bool MaySendFrom(FrameBatch batch, int index)
    {
        if (allowed is null || !Transport.TryReadAddresses(batch, index, out var source, out _))
        {
            return true;
        }

        // A client that has no address yet sends from none (RFC 2131 4.1; RFC 4862 5.4), or from a link-local one (RFC 4291 2.5.6).
        return source == 0 || source == Transport.Mapped(0) || source >> 118 == 0x3FA || Array.IndexOf(allowed, source) >= 0;
    }

    /// <summary>A DHCP server's answer to the adapter makes the address its own.</summary>
    private void NoteLeases(FrameBatch batch, PortState port, uint now)
    {
        foreach (var index in batch.Live)
        {
            const int udpHeaderBytes = 8;
            var headers = batch[index].Headers;
            if (headers is { Network: NetworkProtocol.IPv4, TransportProtocol: 17 } && !headers.Has(FrameFlags.Fragment)
                && Transport.TryReadPorts(batch, index, out var source, out var destination) && source == 67 && destination == 68)
            {
                var start = headers.TransportOffset + udpHeaderBytes;
                if (DhcpLease.TryParse(Transport.At(batch, index, start, headers.NetworkEnd - start), out var lease) && lease.Client == address)
                {
                    port.Switch!.Owners.Grant(
                        Transport.Mapped(lease.Address), port.Switch.LearningVlan(batch[index].VlanId), address, port.Slot, now, lease.Seconds);
                }
            }
        }
    }
}
