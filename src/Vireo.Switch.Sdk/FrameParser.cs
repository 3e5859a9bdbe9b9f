using System.Buffers.Binary;

namespace Vireo.Switch.Sdk;

/// <summary>
/// Finds the headers of a frame. The bytes are hostile: every offset is checked against the frame's length before it is used, every
/// loop is bounded, and a header that lies about its length marks the frame as malformed and ends the parse.
/// </summary>
public static class FrameParser
{
    /// <summary>Two addresses and a type (IEEE 802.3 3.1.1).</summary>
    public const int EthernetHeaderBytes = 14;

    /// <summary>Customer VLAN tag (IEEE 802.1Q table 9-1).</summary>
    public const ushort CustomerTagProtocol = 0x8100;

    /// <summary>Service VLAN tag (IEEE 802.1Q table 9-1).</summary>
    public const ushort ServiceTagProtocol = 0x88A8;

    /// <summary>Bytes of a VLAN tag.</summary>
    public const int TagBytes = 4;

    private const int TagsMax = 2;
    private const int ArpBytes = 28;
    private const int IPv4HeaderBytesMin = 20;
    private const int IPv6HeaderBytes = 40;

    /// <summary>The longest TCP header (RFC 9293 3.1).</summary>
    private const int TransportBytesMax = 60;

    /// <summary>RFC 8200 4.1 names six extension headers, one of them twice; a longer chain is an attack.</summary>
    private const int ExtensionHeadersMax = 8;

    /// <summary>Parses <paramref name="frame"/> as deep as <paramref name="depth"/>.</summary>
    /// <returns>False when the frame has no complete Ethernet header; nothing else makes a frame unfit for switching.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, HeaderDepth depth, out FrameHeaders headers) =>
        TryParse(frame, frame.Length, depth, out headers);

    /// <summary>Parses a frame of which only the beginning is at hand.</summary>
    /// <param name="frame">The beginning: all of the frame, or at least 248 bytes.</param>
    /// <param name="length">Of the whole frame.</param>
    /// <param name="depth">How deep to look.</param>
    /// <param name="headers">What was found; <see cref="FrameHeaders.IsCutShort"/> says that the headers go on behind the beginning.</param>
    /// <returns>As the other one.</returns>
    internal static bool TryParse(ReadOnlySpan<byte> frame, int length, HeaderDepth depth, out FrameHeaders headers)
    {
        headers = default;
        if (frame.Length < EthernetHeaderBytes)
        {
            headers.Flags = FrameFlags.Malformed;
            return false;
        }

        if ((frame[0] & 1) != 0)
        {
            headers.Flags = MacAddress.Read(frame) == MacAddress.Broadcast ? FrameFlags.Group | FrameFlags.Broadcast : FrameFlags.Group;
        }

        var offset = 12;
        var type = BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]);
        while (type is CustomerTagProtocol or ServiceTagProtocol && headers.TagCount < TagsMax)
        {
            if (frame.Length < offset + TagBytes + 2)
            {
                headers.Flags |= FrameFlags.Malformed;
                return false;
            }

            var tag = BinaryPrimitives.ReadUInt16BigEndian(frame[(offset + 2)..]);
            if (headers.TagCount++ == 0)
            {
                headers.OuterTagProtocol = type;
                headers.OuterTag = tag;
            }
            else
            {
                headers.InnerTag = tag;
            }

            offset += TagBytes;
            type = BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]);
        }

        headers.EtherType = type;
        headers.NetworkOffset = (ushort)(offset + 2);
        if (depth >= HeaderDepth.Network)
        {
            headers.Depth = HeaderDepth.Network;
            ParseNetwork(frame, length, ref headers);
        }

        return true;
    }

    private static void ParseNetwork(ReadOnlySpan<byte> frame, int length, ref FrameHeaders headers)
    {
        var packet = frame[headers.NetworkOffset..];
        length -= headers.NetworkOffset;
        var good = headers.EtherType switch
        {
            0x0806 => ParseArp(packet, ref headers),
            0x0800 => ParseIPv4(packet, length, ref headers),
            0x86DD => ParseIPv6(packet, length, ref headers),
            _ => true,
        };
        if (!good)
        {
            headers.Flags |= FrameFlags.Malformed;
        }
    }

    private static bool ParseArp(ReadOnlySpan<byte> packet, ref FrameHeaders headers)
    {
        // RFC 826: hardware type 1 (Ethernet), protocol 0x0800, address lengths 6 and 4.
        if (packet.Length < ArpBytes || BinaryPrimitives.ReadUInt64BigEndian(packet) >> 16 != 0x0001_0800_0604)
        {
            return false;
        }

        headers.Network = NetworkProtocol.Arp;
        headers.NetworkEnd = headers.NetworkOffset + ArpBytes;
        return true;
    }

    private static bool ParseIPv4(ReadOnlySpan<byte> packet, int length, ref FrameHeaders headers)
    {
        // RFC 791 3.1
        if (packet.Length < IPv4HeaderBytesMin || packet[0] >> 4 != 4)
        {
            return false;
        }

        var headerBytes = (packet[0] & 0xF) * 4;
        var totalBytes = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        if (headerBytes < IPv4HeaderBytesMin || totalBytes < headerBytes || totalBytes > length)
        {
            return false;
        }

        var fragment = BinaryPrimitives.ReadUInt16BigEndian(packet[6..]);
        const int moreFragments = 0x2000;
        const int fragmentOffset = 0x1FFF;
        if ((fragment & (moreFragments | fragmentOffset)) != 0)
        {
            headers.Flags |= (fragment & fragmentOffset) != 0 ? FrameFlags.Fragment | FrameFlags.LaterFragment : FrameFlags.Fragment;
        }

        headers.Network = NetworkProtocol.IPv4;
        headers.NetworkEnd = headers.NetworkOffset + totalBytes;
        headers.TransportProtocol = packet[9];
        SetTransport(headerBytes, totalBytes, ref headers);
        return true;
    }

    private static bool ParseIPv6(ReadOnlySpan<byte> packet, int length, ref FrameHeaders headers)
    {
        // RFC 8200 3
        if (packet.Length < IPv6HeaderBytes || packet[0] >> 4 != 6)
        {
            return false;
        }

        var end = IPv6HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (end > length)
        {
            return false;
        }

        var next = packet[6];
        var offset = IPv6HeaderBytes;
        for (var extensions = 0; IsExtension(next); extensions++)
        {
            if (extensions == ExtensionHeadersMax || offset + 8 > end)
            {
                return false;
            }

            if (offset + 8 > packet.Length)
            {
                headers.IsCutShort = true;
                return true;
            }

            var extension = packet[offset..];
            var extensionBytes = next switch
            {
                44 => 8,
                51 => (extension[1] + 2) * 4, // authentication header, RFC 4302 2.2
                _ => (extension[1] + 1) * 8,
            };
            if (next == 44)
            {
                var later = (BinaryPrimitives.ReadUInt16BigEndian(extension[2..]) & 0xFFF8) != 0;
                headers.Flags |= later ? FrameFlags.Fragment | FrameFlags.LaterFragment : FrameFlags.Fragment;
            }

            next = extension[0];
            offset += extensionBytes;
            if (offset > end)
            {
                return false;
            }

            if (headers.Has(FrameFlags.LaterFragment))
            {
                // What follows is the middle of a packet, whatever the next-header field says.
                break;
            }
        }

        headers.Network = NetworkProtocol.IPv6;
        headers.NetworkEnd = headers.NetworkOffset + end;
        headers.TransportProtocol = next;
        SetTransport(offset, end, ref headers);
        headers.IsCutShort = offset + TransportBytesMax > packet.Length && end > packet.Length;
        return true;
    }

    // Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6 (IANA "IPv6 Extension Header Types").
    private static bool IsExtension(byte next) => next is 0 or 43 or 44 or 51 or 60 or 135 or 139 or 140;

    private static void SetTransport(int offset, int end, ref FrameHeaders headers)
    {
        var fixedBytes = headers.TransportProtocol switch
        {
            6 => 20,
            17 => 8,
            1 or 58 => 4,
            _ => 0,
        };
        if (fixedBytes == 0 || headers.Has(FrameFlags.LaterFragment))
        {
            return;
        }

        if (end - offset < fixedBytes)
        {
            headers.Flags |= FrameFlags.Malformed;
            return;
        }

        headers.TransportOffset = (ushort)(headers.NetworkOffset + offset);
    }
}
