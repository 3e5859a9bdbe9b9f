using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Inspection;

/// <summary>What ARP and neighbor discovery messages of a port claim, held against the switch's <see cref="AddressBook"/>.</summary>
internal static class AddressClaims
{
    /// <summary>Looks at a frame that comes from <paramref name="port"/> and was parsed to <see cref="HeaderDepth.Network"/>.</summary>
    /// <param name="batch">Where it is.</param>
    /// <param name="index">Which one.</param>
    /// <param name="port">Where it comes from; belongs to a switch.</param>
    /// <param name="station">The only one that may be named, or null.</param>
    /// <param name="allowed">The only network addresses that may be claimed, or null.</param>
    /// <param name="now">Seconds.</param>
    /// <returns>False when it claims what belongs to somebody else.</returns>
    public static bool Check(FrameBatch batch, int index, PortState port, MacAddress? station, UInt128[]? allowed, uint now)
    {
        var headers = batch[index].Headers;
        if (headers.Network == NetworkProtocol.Arp)
        {
            var arp = ArpMessage.Read(Transport.At(batch, index, headers.NetworkOffset, ArpMessage.LengthBytes));
            return (station is null || arp.Station == station) && (arp.Address == 0 || Claim(batch, index, Transport.Mapped(arp.Address), arp.Station, port, allowed, now, station is null));
        }

        if (!Transport.TryReadIcmpType(batch, index, out var type) || headers.Network != NetworkProtocol.IPv6 || type is < 133 or > 137)
        {
            return true;
        }

        // RFC 6980 2: these are never fragmented, and a receiver ignores one that is; nothing good sends one.
        var whole = Transport.At(batch, index, headers.TransportOffset, headers.NetworkEnd - headers.TransportOffset);
        if (headers.Has(FrameFlags.Fragment) || !NeighborMessage.TryParse(whole, out var message))
        {
            return station is null;
        }

        // The address of a redirect's link is the target's, not the sender's.
        if (station is not null && message.Link is { } link && link != station && type != NeighborMessage.Redirect)
        {
            return false;
        }

        Transport.TryReadAddresses(batch, index, out var source, out _);
        var sender = MacAddress.Read(batch.Head(index)[6..]);
        if (type == NeighborMessage.Advertisement && !Claim(batch, index, message.Target, message.Link ?? sender, port, allowed, now, station is null))
        {
            return false;
        }

        // A solicitation from no address asks whether one is free (RFC 4862 5.4); that claims nothing.
        return source == 0 || Claim(batch, index, source, sender, port, allowed, now, station is null);
    }

    private static bool Claim(FrameBatch batch, int index, UInt128 address, MacAddress station, PortState port, UInt128[]? allowed, uint now, bool isTrusted)
    {
        if (allowed is not null && Array.IndexOf(allowed, address) < 0)
        {
            return false;
        }

        var home = port.Switch!;
        return home.Owners.TryClaim(address, home.LearningVlan(batch[index].VlanId), station, port.Slot, now, isTrusted ? SwitchState.TrustedAgeingSeconds : SwitchState.OwnerAgeingSeconds);
    }
}
