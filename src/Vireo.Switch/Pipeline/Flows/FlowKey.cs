using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline.Flows;

/// <summary>
/// What tells one conversation from another: Ethernet addresses, and the addresses, protocol and ports of an untagged, whole IPv4 packet of TCP
/// or UDP without options to one station. Other frames have no key and go the long way.
/// </summary>
internal static class FlowKey
{
    private const int NetworkOffset = FrameParser.EthernetHeaderBytes;
    private const int AddressesOffset = NetworkOffset + 12;
    private const int TransportOffset = NetworkOffset + 20;
    private const int HeadBytesMin = TransportOffset + 8;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    /// <summary>Reads the key of the frame that begins with <paramref name="head"/>.</summary>
    /// <param name="head">Its first bytes.</param>
    /// <param name="length">Of the whole frame.</param>
    /// <param name="key">The key.</param>
    /// <param name="packetBytes">Length of the IP packet.</param>
    /// <returns>False when it has none.</returns>
    public static bool TryRead(ReadOnlySpan<byte> head, int length, out Vector256<ulong> key, out int packetBytes)
    {
        if (head.Length < HeadBytesMin)
        {
            key = default;
            packetBytes = 0;
            return false;
        }

        // RFC 791 3.1: the type 0x0800 and a header of version 4 and 20 bytes stand together behind the addresses.
        const ulong shapeMask = 0x00FF_FFFF_0000_0000;
        const ulong shape = 0x0045_0008_0000_0000;
        const ushort fragmentMask = 0x3FFF;
        var second = BinaryPrimitives.ReadUInt64LittleEndian(head[8..]);
        var protocol = head[NetworkOffset + 9];
        packetBytes = BinaryPrimitives.ReadUInt16BigEndian(head[(NetworkOffset + 2)..]);
        var transportBytes = protocol == Tcp ? 20 : 8;
        key = Vector256.Create(
            BinaryPrimitives.ReadUInt64LittleEndian(head),
            (second & 0x00FF_FFFF_FFFF_FFFF) | ((ulong)protocol << 56),
            BinaryPrimitives.ReadUInt64LittleEndian(head[AddressesOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(head[TransportOffset..]));
        return (second & shapeMask) == shape
            && (head[0] & 1) == 0
            && protocol is Tcp or Udp
            && (BinaryPrimitives.ReadUInt16BigEndian(head[(NetworkOffset + 6)..]) & fragmentMask) == 0
            && packetBytes >= TransportOffset - NetworkOffset + transportBytes
            && packetBytes <= length - NetworkOffset;
    }

    /// <summary>A number that spreads; <paramref name="secret"/> keeps others from aiming at a place.</summary>
    public static uint Hash(in Vector256<ulong> key, ulong secret)
    {
        const ulong odd = 0x9E37_79B9_7F4A_7C15;
        var mixed = (key.GetElement(0) ^ secret) * odd;
        mixed = (mixed ^ ulong.RotateRight(mixed, 32) ^ key.GetElement(1)) * odd;
        mixed = (mixed ^ ulong.RotateRight(mixed, 32) ^ key.GetElement(2)) * odd;
        mixed = (mixed ^ ulong.RotateRight(mixed, 32) ^ key.GetElement(3)) * odd;
        return (uint)(mixed >> 32);
    }

    /// <summary>The headers that the parser finds in a frame with a key.</summary>
    public static FrameHeaders Headers(in Vector256<ulong> key, int packetBytes) => new()
    {
        Depth = HeaderDepth.Network,
        EtherType = 0x0800,
        NetworkOffset = NetworkOffset,
        Network = NetworkProtocol.IPv4,
        TransportProtocol = (byte)(key.GetElement(1) >> 56),
        TransportOffset = TransportOffset,
        NetworkEnd = NetworkOffset + packetBytes,
    };
}
