using System.Buffers.Binary;

namespace Vireo.Switch.Scheduling;

/// <summary>Tells the ends of a connection that a frame had to wait (RFC 3168 5: "Congestion Experienced"), if they said that they understand it.</summary>
internal static class CongestionMark
{
    private const int NotCapable = 0;
    private const int Experienced = 3;
    private const int IPv4HeaderBytes = 20;
    private const int IPv6HeaderBytes = 40;

    /// <summary>Marks the IP packet at <paramref name="offset"/>; anything else, and packets of ends that do not understand it, are left alone.</summary>
    /// <returns>Whether the frame carries the mark now.</returns>
    public static bool Set(Span<byte> frame, int offset)
    {
        const ushort typeIPv4 = 0x0800;
        const ushort typeIPv6 = 0x86DD;
        if (offset < 2 || offset >= frame.Length)
        {
            return false;
        }

        var packet = frame[offset..];
        return BinaryPrimitives.ReadUInt16BigEndian(frame[(offset - 2)..]) switch
        {
            typeIPv4 when packet.Length >= IPv4HeaderBytes && packet[0] >> 4 == 4 => SetIPv4(packet),
            typeIPv6 when packet.Length >= IPv6HeaderBytes && packet[0] >> 4 == 6 => SetIPv6(packet),
            _ => false,
        };
    }

    private static bool SetIPv4(Span<byte> packet)
    {
        var before = BinaryPrimitives.ReadUInt16BigEndian(packet);
        if ((before & 3) is NotCapable or Experienced)
        {
            return (before & 3) == Experienced;
        }

        packet[1] |= Experienced;

        // RFC 1624 3: the new checksum from the old one and the word that changed.
        var after = BinaryPrimitives.ReadUInt16BigEndian(packet);
        var sum = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + (ushort)~before + after;
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~sum);
        return true;
    }

    private static bool SetIPv6(Span<byte> packet)
    {
        // The traffic class lies across the first two bytes (RFC 8200 3), its lowest two bits in the upper half of the second.
        var before = (packet[1] >> 4) & 3;
        if (before == NotCapable)
        {
            return false;
        }

        packet[1] |= Experienced << 4;
        return true;
    }
}
