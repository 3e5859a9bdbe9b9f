using System.Globalization;
using Vireo.Switch.Acls;
using Vireo.Switch.Inspection;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>What a filter may ask of a frame.</summary>
internal readonly record struct FrameFacts(
    MacAddress Destination, MacAddress Source, ushort Vlan, ushort EtherType, NetworkProtocol Network, UInt128 SourceAddress, UInt128 DestinationAddress,
    byte Protocol, ushort SourcePort, ushort DestinationPort, bool HasPorts)
{
    /// <summary>Reads them from a frame that was parsed to <see cref="HeaderDepth.Network"/>.</summary>
    public static FrameFacts Of(FrameBatch batch, int index)
    {
        ref var frame = ref batch[index];
        var head = batch.Head(index);
        if (head.Length < FrameParser.EthernetHeaderBytes)
        {
            return default;
        }

        Transport.TryReadAddresses(batch, index, out var source, out var destination);
        var hasPorts = Transport.TryReadPorts(batch, index, out var sourcePort, out var destinationPort);
        return new FrameFacts(
            MacAddress.Read(head), MacAddress.Read(head[6..]), frame.VlanId, frame.Headers.EtherType, frame.Headers.Network, source, destination,
            frame.Headers.TransportProtocol, sourcePort, destinationPort, hasPorts);
    }

    /// <summary>Whether a side of the frame has an address.</summary>
    public bool Has(AclAddress address, bool asSource) => address.Fits(
        (asSource ? Source : Destination).Value, Network is NetworkProtocol.IPv4 or NetworkProtocol.IPv6, asSource ? SourceAddress : DestinationAddress);

    /// <summary>The frame in a line.</summary>
    public override string ToString()
    {
        var isIp = Network is NetworkProtocol.IPv4 or NetworkProtocol.IPv6;
        var what = Network == NetworkProtocol.Arp ? "ARP"
            : !isIp ? string.Create(CultureInfo.InvariantCulture, $"type 0x{EtherType:X4}")
            : Protocol switch
            {
                6 => "TCP",
                17 => "UDP",
                1 => "ICMP",
                58 => "ICMPv6",
                _ => string.Create(CultureInfo.InvariantCulture, $"IP protocol {Protocol}"),
            };
        var vlan = Vlan == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" vlan {Vlan}");
        return $"{End(Source, SourceAddress, SourcePort, isIp)} > {End(Destination, DestinationAddress, DestinationPort, isIp)} {what}{vlan}";
    }

    private string End(MacAddress mac, UInt128 address, ushort port, bool isIp)
    {
        var text = isIp ? AclAddress.Format(address) : mac.ToString();
        return !HasPorts ? text : Network == NetworkProtocol.IPv6 ? $"[{text}]:{port}" : $"{text}:{port}";
    }
}
