using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Inspection;

/// <summary>Reads the first bytes behind the IP headers of a frame that was parsed to <see cref="HeaderDepth.Network"/>.</summary>
internal static class Transport
{
    private const byte Icmp = 1;
    private const byte Icmp6 = 58;

    /// <summary>
    /// Whether the frame is an IP packet whose headers cannot be followed to their end: a header that lies, or a first fragment that ends
    /// before the header that a guard would look at. Honest senders make neither.
    /// </summary>
    public static bool HidesHeader(in FrameHeaders headers)
    {
        var claims = headers.EtherType is 0x0800 or 0x86DD or 0x0806;
        if (claims && (headers.Has(FrameFlags.Malformed) || headers.Network == NetworkProtocol.None))
        {
            return true;
        }

        return headers.Has(FrameFlags.Fragment) && !headers.Has(FrameFlags.LaterFragment) && headers.TransportOffset == 0
            && headers.TransportProtocol is 6 or 17 or Icmp or Icmp6;
    }

    /// <summary>Ports of TCP and UDP.</summary>
    public static bool TryReadPorts(FrameBatch batch, int index, out ushort source, out ushort destination)
    {
        var headers = batch[index].Headers;
        source = destination = 0;
        if (headers.TransportOffset == 0 || headers.TransportProtocol is not (6 or 17))
        {
            return false;
        }

        var bytes = At(batch, index, headers.TransportOffset, 4);
        source = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        destination = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        return true;
    }

    /// <summary>Type of an ICMP message of the packet's version.</summary>
    public static bool TryReadIcmpType(FrameBatch batch, int index, out byte type)
    {
        var headers = batch[index].Headers;
        type = 0;
        if (headers.TransportOffset == 0 || headers.TransportProtocol != (headers.Network == NetworkProtocol.IPv4 ? Icmp : Icmp6))
        {
            return false;
        }

        type = At(batch, index, headers.TransportOffset, 1)[0];
        return true;
    }

    /// <summary>Bytes of a frame that were found to lie inside it.</summary>
    public static ReadOnlySpan<byte> At(FrameBatch batch, int index, int offset, int length)
    {
        var head = batch.Head(index);
        return (offset + length <= head.Length ? head : batch.Bytes(index)).Slice(offset, length);
    }

    /// <summary>Source and destination address of an IP packet; IPv4 in the form ::ffff:a.b.c.d (RFC 4291 2.5.5.2).</summary>
    public static bool TryReadAddresses(FrameBatch batch, int index, out UInt128 source, out UInt128 destination)
    {
        var headers = batch[index].Headers;
        switch (headers.Network)
        {
            case NetworkProtocol.IPv4:
                var v4 = At(batch, index, headers.NetworkOffset + 12, 8);
                source = Mapped(BinaryPrimitives.ReadUInt32BigEndian(v4));
                destination = Mapped(BinaryPrimitives.ReadUInt32BigEndian(v4[4..]));
                return true;
            case NetworkProtocol.IPv6:
                var v6 = At(batch, index, headers.NetworkOffset + 8, 32);
                source = BinaryPrimitives.ReadUInt128BigEndian(v6);
                destination = BinaryPrimitives.ReadUInt128BigEndian(v6[16..]);
                return true;
            default:
                source = destination = default;
                return false;
        }
    }

    /// <summary>An IPv4 address in the form ::ffff:a.b.c.d.</summary>
    public static UInt128 Mapped(uint address) => new(0, 0xFFFF_0000_0000UL | address);

    /// <summary>Whether an address has that form. No packet may carry one (RFC 4942 2.2): a rule would take it for IPv4.</summary>
    public static bool IsMapped(UInt128 address) => address >> 32 == 0xFFFF;

    /// <summary>Whether an IPv6 packet carries an address that only stands for an IPv4 one.</summary>
    public static bool IsDisguised(NetworkProtocol network, UInt128 source, UInt128 destination) =>
        network == NetworkProtocol.IPv6 && (IsMapped(source) || IsMapped(destination));
}
