using System.Buffers.Binary;

namespace Vireo.Switch.Sdk;

/// <summary>Reads what a firewall needs beyond the frame's own headers. The bytes are hostile; whatever does not fit is not found.</summary>
internal static class PacketReader
{
    private const int HeadersMax = 8;

    /// <summary>The packet that an ICMP error quotes (RFC 792, RFC 4443 3): as much of it as tells which conversation it belongs to.</summary>
    /// <param name="quoted">Behind the eight bytes of the ICMP header.</param>
    /// <param name="isV6">The version of the error, which is that of the packet.</param>
    /// <param name="packet">Source, destination, protocol, ports; the identifier of an echo as the source's port, and 1 as the destination's for a reply.</param>
    public static bool TryParseQuoted(ReadOnlySpan<byte> quoted, bool isV6, out QuotedPacket packet)
    {
        packet = default;
        byte protocol;
        int offset;
        UInt128 source;
        UInt128 destination;
        if (isV6)
        {
            if (quoted.Length < 40 || quoted[0] >> 4 != 6)
            {
                return false;
            }

            source = BinaryPrimitives.ReadUInt128BigEndian(quoted[8..]);
            destination = BinaryPrimitives.ReadUInt128BigEndian(quoted[24..]);
            protocol = quoted[6];
            offset = 40;
            for (var i = 0; protocol is 0 or 43 or 44 or 60; i++)
            {
                if (i == HeadersMax || quoted.Length < offset + 8)
                {
                    return false;
                }

                if (protocol == 44 && (BinaryPrimitives.ReadUInt16BigEndian(quoted[(offset + 2)..]) & 0xFFF8) != 0)
                {
                    return false;
                }

                var length = protocol == 44 ? 8 : (quoted[offset + 1] + 1) * 8;
                protocol = quoted[offset];
                offset += length;
            }
        }
        else
        {
            if (quoted.Length < 20 || quoted[0] >> 4 != 4 || (quoted[0] & 15) < 5 || (BinaryPrimitives.ReadUInt16BigEndian(quoted[6..]) & 0x1FFF) != 0)
            {
                return false;
            }

            source = IPView.Mapped(BinaryPrimitives.ReadUInt32BigEndian(quoted[12..]));
            destination = IPView.Mapped(BinaryPrimitives.ReadUInt32BigEndian(quoted[16..]));
            protocol = quoted[9];
            offset = (quoted[0] & 15) * 4;
        }

        ushort sourcePort = 0;
        ushort destinationPort = 0;
        if (protocol is 6 or 17)
        {
            if (quoted.Length < offset + 8)
            {
                return false;
            }

            sourcePort = BinaryPrimitives.ReadUInt16BigEndian(quoted[offset..]);
            destinationPort = BinaryPrimitives.ReadUInt16BigEndian(quoted[(offset + 2)..]);
        }
        else if (protocol is 1 or 58)
        {
            if (quoted.Length < offset + 8 || quoted[offset] is not (0 or 8 or 128 or 129))
            {
                return false;
            }

            sourcePort = BinaryPrimitives.ReadUInt16BigEndian(quoted[(offset + 4)..]);
            destinationPort = quoted[offset] is 0 or 129 ? (ushort)1 : (ushort)0;
        }

        packet = new QuotedPacket(source, destination, sourcePort, destinationPort, protocol);
        return true;
    }

    /// <summary>Identification and offset, in units of eight bytes, of a part of a packet.</summary>
    /// <param name="packet">From the IP header on, up to the end of the packet.</param>
    /// <param name="isV6">Its version.</param>
    /// <param name="identification">Which packet.</param>
    /// <param name="offset">Where in it.</param>
    public static bool TryParseFragment(ReadOnlySpan<byte> packet, bool isV6, out uint identification, out int offset)
    {
        identification = 0;
        offset = 0;
        if (!isV6)
        {
            if (packet.Length < 20)
            {
                return false;
            }

            identification = BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            offset = BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x1FFF;
            return true;
        }

        if (packet.Length < 40)
        {
            return false;
        }

        var next = packet[6];
        var at = 40;
        for (var i = 0; i < HeadersMax && packet.Length >= at + 8; i++)
        {
            if (next == 44)
            {
                identification = BinaryPrimitives.ReadUInt32BigEndian(packet[(at + 4)..]);
                offset = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) >> 3;
                return true;
            }

            if (next is not (0 or 43 or 60))
            {
                return false;
            }

            next = packet[at];
            at += (packet[at + 1] + 1) * 8;
        }

        return false;
    }

    /// <summary>The window scale that a SYN offers (RFC 7323 2.2); zero when it offers none.</summary>
    /// <param name="header">The TCP header with its options.</param>
    public static byte ParseWindowScale(ReadOnlySpan<byte> header)
    {
        const int fixedBytes = 20;
        if (header.Length < fixedBytes)
        {
            return 0;
        }

        var end = Math.Min(header.Length, (header[12] >> 4) * 4);
        for (var at = fixedBytes; at < end;)
        {
            var kind = header[at];
            if (kind == 0)
            {
                break;
            }

            if (kind == 1)
            {
                at++;
                continue;
            }

            if (at + 1 >= end || header[at + 1] < 2 || at + header[at + 1] > end)
            {
                break;
            }

            if (kind == 3 && header[at + 1] == 3)
            {
                return Math.Min(header[at + 2], (byte)14);
            }

            at += header[at + 1];
        }

        return 0;
    }
}

/// <summary>What an ICMP error quotes.</summary>
internal readonly record struct QuotedPacket(UInt128 Source, UInt128 Destination, ushort SourcePort, ushort DestinationPort, byte Protocol);
