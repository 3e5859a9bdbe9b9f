using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Inspection;

/// <summary>ARP for IPv4 over Ethernet (RFC 826): who speaks.</summary>
/// <param name="Station">Sender hardware address.</param>
/// <param name="Address">Sender protocol address; zero in a probe (RFC 5227 1.1).</param>
internal readonly record struct ArpMessage(MacAddress Station, uint Address)
{
    /// <summary>Bytes of a message.</summary>
    public const int LengthBytes = 28;

    /// <summary>Reads what the parser of frames has found to be complete.</summary>
    public static ArpMessage Read(ReadOnlySpan<byte> bytes) => new(MacAddress.Read(bytes[8..]), BinaryPrimitives.ReadUInt32BigEndian(bytes[14..]));
}
