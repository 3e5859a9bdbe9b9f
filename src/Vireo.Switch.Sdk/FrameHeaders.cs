namespace Vireo.Switch.Sdk;

/// <summary>
/// Where the headers of a frame are: offsets in bytes from the start of the frame, no copies. An offset other than zero points at a
/// header whose fixed part lies inside the frame.
/// </summary>
public struct FrameHeaders
{
    /// <summary>How far the frame has been parsed.</summary>
    public HeaderDepth Depth { get; internal set; }

    /// <summary>What was noticed.</summary>
    public FrameFlags Flags { get; internal set; }

    /// <summary>VLAN tags in the bytes of the frame, zero to two (IEEE 802.1Q 9.6); more are left as payload.</summary>
    public byte TagCount { get; internal set; }

    /// <summary>Tag protocol identifier of the outer tag, 0x8100 or 0x88A8; zero without a tag.</summary>
    public ushort OuterTagProtocol { get; internal set; }

    /// <summary>Tag control information of the outer tag: priority, drop eligible, VLAN id.</summary>
    public ushort OuterTag { get; internal set; }

    /// <summary>Tag control information of the inner tag.</summary>
    public ushort InnerTag { get; internal set; }

    /// <summary>Type behind the tags; below 0x0600 it is a length (IEEE 802.3 3.2.6).</summary>
    public ushort EtherType { get; internal set; }

    /// <summary>First byte behind the type field.</summary>
    public ushort NetworkOffset { get; internal set; }

    /// <summary>What begins at <see cref="NetworkOffset"/>.</summary>
    public NetworkProtocol Network { get; internal set; }

    /// <summary>IP protocol number behind all IPv6 extension headers.</summary>
    public byte TransportProtocol { get; internal set; }

    /// <summary>First byte of the transport header, or zero when the frame has none or it was not looked for.</summary>
    public ushort TransportOffset { get; internal set; }

    /// <summary>First byte behind the IP packet; the rest of the frame is padding. Zero when not parsed.</summary>
    public int NetworkEnd { get; internal set; }

    /// <summary>The headers go on behind the bytes that were at hand, so the whole frame must be parsed.</summary>
    internal bool IsCutShort { get; set; }

    /// <summary>Whether <paramref name="flag"/> is set.</summary>
    public readonly bool Has(FrameFlags flag) => (Flags & flag) != 0;
}
