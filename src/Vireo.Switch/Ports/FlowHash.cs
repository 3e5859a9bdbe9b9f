using System.Buffers.Binary;

namespace Vireo.Switch.Ports;

/// <summary>
/// A number that all frames of a conversation share, in one direction: by addresses, protocol and ports of IPv4 and IPv6, by Ethernet addresses
/// otherwise. Fragments are told by their addresses only, because later ones have no ports.
/// </summary>
internal static class FlowHash
{
    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int IPv6Bytes = 40;

    /// <summary>The number of the frame that begins with <paramref name="head"/>, however short that is.</summary>
    public static uint Of(ReadOnlySpan<byte> head)
    {
        const ulong odd = 0x9E37_79B9_7F4A_7C15;
        if (head.Length < EthernetBytes)
        {
            return 0;
        }

        var type = BinaryPrimitives.ReadUInt16BigEndian(head[12..]);
        var network = EthernetBytes;
        if (type == 0x8100 && head.Length >= EthernetBytes + TagBytes)
        {
            type = BinaryPrimitives.ReadUInt16BigEndian(head[16..]);
            network += TagBytes;
        }

        var packet = head[network..];
        ulong mixed;
        if (type == 0x0800 && packet.Length >= 20)
        {
            mixed = BinaryPrimitives.ReadUInt64LittleEndian(packet[12..]);
            var isFragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3FFF) != 0;
            mixed = Ports(mixed, packet[9], isFragment ? [] : packet[Math.Min(packet.Length, (packet[0] & 15) * 4)..]);
        }
        else if (type == 0x86DD && packet.Length >= IPv6Bytes)
        {
            mixed = BinaryPrimitives.ReadUInt64LittleEndian(packet[16..]) * 31;
            mixed ^= BinaryPrimitives.ReadUInt64LittleEndian(packet[32..]) ^ BinaryPrimitives.ReadUInt64LittleEndian(packet[8..]) ^ BinaryPrimitives.ReadUInt64LittleEndian(packet[24..]);
            mixed = Ports(mixed, packet[6], packet[IPv6Bytes..]);
        }
        else
        {
            mixed = BinaryPrimitives.ReadUInt64LittleEndian(head) ^ BinaryPrimitives.ReadUInt32LittleEndian(head[8..]);
        }

        mixed *= odd;
        return (uint)((mixed ^ (mixed >> 29)) * odd >> 32);
    }

    private static ulong Ports(ulong mixed, byte protocol, ReadOnlySpan<byte> transport)
    {
        const byte tcp = 6;
        const byte udp = 17;
        return protocol is tcp or udp && transport.Length >= 4 ? (mixed * 31) ^ BinaryPrimitives.ReadUInt32LittleEndian(transport) ^ ((ulong)protocol << 40) : mixed ^ protocol;
    }
}
