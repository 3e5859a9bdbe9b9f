using System.Buffers.Binary;

namespace Vireo.Switch.Sdk;

/// <summary>Control bits of a TCP segment (RFC 9293 3.1, RFC 3168 6.1).</summary>
[Flags]
public enum TcpFlags : byte
{
    /// <summary>None is set.</summary>
    None = 0,

    /// <summary>No more data from the sender.</summary>
    Fin = 1,

    /// <summary>Synchronizes sequence numbers: the connection begins.</summary>
    Syn = 2,

    /// <summary>Resets the connection.</summary>
    Rst = 4,

    /// <summary>Push.</summary>
    Psh = 8,

    /// <summary>The acknowledgment field counts.</summary>
    Ack = 16,

    /// <summary>The urgent pointer counts.</summary>
    Urg = 32,

    /// <summary>Echo of congestion.</summary>
    Ece = 64,

    /// <summary>The congestion window was reduced.</summary>
    Cwr = 128,
}

/// <summary>The fixed part of a TCP header (RFC 9293 3.1), read in place.</summary>
public readonly ref struct TcpView
{
    internal const int Bytes = 20;
    private readonly ReadOnlySpan<byte> _bytes;

    internal TcpView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Source port.</summary>
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    /// <summary>Destination port.</summary>
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>Sequence number of the first byte.</summary>
    public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]);

    /// <summary>Sequence number expected next.</summary>
    public uint Acknowledgment => BinaryPrimitives.ReadUInt32BigEndian(_bytes[8..]);

    /// <summary>Control bits.</summary>
    public TcpFlags Flags => (TcpFlags)_bytes[13];

    /// <summary>Window, unscaled.</summary>
    public ushort Window => BinaryPrimitives.ReadUInt16BigEndian(_bytes[14..]);

    internal bool IsValid => !_bytes.IsEmpty;
}

/// <summary>A UDP header (RFC 768), read in place.</summary>
public readonly ref struct UdpView
{
    internal const int Bytes = 8;
    private readonly ReadOnlySpan<byte> _bytes;

    internal UdpView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Source port.</summary>
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    /// <summary>Destination port.</summary>
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>Length that the header claims, header included.</summary>
    public ushort Length => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    internal bool IsValid => !_bytes.IsEmpty;
}

/// <summary>Type and code of an ICMP (RFC 792) or ICMPv6 (RFC 4443) message, read in place.</summary>
public readonly ref struct IcmpView
{
    internal const int Bytes = 4;
    private readonly ReadOnlySpan<byte> _bytes;

    internal IcmpView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>Type.</summary>
    public byte Type => _bytes[0];

    /// <summary>Code.</summary>
    public byte Code => _bytes[1];

    internal bool IsValid => !_bytes.IsEmpty;
}

/// <summary>An ARP message for IPv4 over Ethernet (RFC 826), read in place.</summary>
public readonly ref struct ArpView
{
    internal const int Bytes = 28;
    private readonly ReadOnlySpan<byte> _bytes;

    internal ArpView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>1 request, 2 reply.</summary>
    public ushort Operation => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);

    /// <summary>The sender's Ethernet address.</summary>
    public MacAddress SenderHardware => MacAddress.Read(_bytes[8..]);

    /// <summary>The sender's IPv4 address.</summary>
    public uint SenderAddress => BinaryPrimitives.ReadUInt32BigEndian(_bytes[14..]);

    /// <summary>The target's Ethernet address.</summary>
    public MacAddress TargetHardware => MacAddress.Read(_bytes[18..]);

    /// <summary>The target's IPv4 address.</summary>
    public uint TargetAddress => BinaryPrimitives.ReadUInt32BigEndian(_bytes[24..]);

    internal bool IsValid => !_bytes.IsEmpty;
}
