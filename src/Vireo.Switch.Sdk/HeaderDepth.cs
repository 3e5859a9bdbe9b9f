namespace Vireo.Switch.Sdk;

/// <summary>How far into a frame a stage looks. The switch parses each frame once, as deep as the deepest stage asks.</summary>
public enum HeaderDepth : byte
{
    /// <summary>Addresses, VLAN tags, type.</summary>
    Ethernet,

    /// <summary>ARP, IPv4 or IPv6 with its extension headers, and where the transport header begins.</summary>
    Network,
}

/// <summary>Protocol behind the Ethernet header.</summary>
public enum NetworkProtocol : byte
{
    /// <summary>Something else, or not parsed so far, or malformed.</summary>
    None,

    /// <summary>ARP for IPv4 over Ethernet, complete (RFC 826).</summary>
    Arp,

    /// <summary>IPv4 with a complete header (RFC 791).</summary>
    IPv4,

    /// <summary>IPv6 with complete headers (RFC 8200).</summary>
    IPv6,
}

/// <summary>What the parser noticed.</summary>
[Flags]
public enum FrameFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The destination is a group address; broadcast is one.</summary>
    Group = 1,

    /// <summary>The destination is ff-ff-ff-ff-ff-ff.</summary>
    Broadcast = 2,

    /// <summary>The network header says something that the frame's bytes do not bear out.</summary>
    Malformed = 4,

    /// <summary>A fragment of an IP packet.</summary>
    Fragment = 8,

    /// <summary>A fragment other than the first: it has no transport header.</summary>
    LaterFragment = 16,
}
