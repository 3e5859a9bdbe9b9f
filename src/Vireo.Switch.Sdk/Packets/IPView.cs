using System.Buffers.Binary;

namespace Vireo.Switch.Sdk;

/// <summary>An IPv4 (RFC 791) or IPv6 (RFC 8200) header, read in place.</summary>
public readonly ref struct IPView
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly FrameHeaders _headers;

    internal IPView(ReadOnlySpan<byte> bytes, FrameHeaders headers)
    {
        _bytes = bytes;
        _headers = headers;
    }

    /// <summary>Whether it is version 6.</summary>
    public bool IsV6 => _headers.Network == NetworkProtocol.IPv6;

    /// <summary>Source address; IPv4 in the form ::ffff:a.b.c.d (RFC 4291 2.5.5.2).</summary>
    public UInt128 Source => IsV6 ? BinaryPrimitives.ReadUInt128BigEndian(_bytes[8..]) : Mapped(BinaryPrimitives.ReadUInt32BigEndian(_bytes[12..]));

    /// <summary>Destination address, likewise.</summary>
    public UInt128 Destination => IsV6 ? BinaryPrimitives.ReadUInt128BigEndian(_bytes[24..]) : Mapped(BinaryPrimitives.ReadUInt32BigEndian(_bytes[16..]));

    /// <summary>Protocol behind all extension headers: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6.</summary>
    public byte Protocol => _headers.TransportProtocol;

    /// <summary>Differentiated services and congestion notification (RFC 2474, RFC 3168).</summary>
    public byte TrafficClass => IsV6 ? (byte)(BinaryPrimitives.ReadUInt16BigEndian(_bytes) >> 4) : _bytes[1];

    /// <summary>Time to live, or hop limit.</summary>
    public byte HopLimit => IsV6 ? _bytes[7] : _bytes[8];

    /// <summary>Bytes of the packet, header included.</summary>
    public int Length => _headers.NetworkEnd - _headers.NetworkOffset;

    /// <summary>A part of a packet.</summary>
    public bool IsFragment => _headers.Has(FrameFlags.Fragment);

    /// <summary>A part other than the first: there is no transport header.</summary>
    public bool IsLaterFragment => _headers.Has(FrameFlags.LaterFragment);

    /// <summary>Identification of the fragments of an IPv4 packet; zero for IPv6, whose identification is behind the fixed header.</summary>
    public ushort Identification => IsV6 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    internal bool IsValid => !_bytes.IsEmpty;

    /// <summary>An IPv4 address in the form ::ffff:a.b.c.d.</summary>
    public static UInt128 Mapped(uint address) => new(0, 0xFFFF_0000_0000UL | address);

    internal static int HeaderBytes(NetworkProtocol network) => network == NetworkProtocol.IPv4 ? 20 : 40;
}
