namespace Vireo.Control.Switching;

/// <summary>What a port in private mode may talk to (RFC 5517). Every kind talks to promiscuous ports of its primary VLAN.</summary>
public enum PrivateVlanMode
{
    /// <summary>To promiscuous ports only.</summary>
    Isolated = 1,

    /// <summary>Also to ports of the same secondary VLAN.</summary>
    Community = 2,

    /// <summary>To every port of its primary VLAN.</summary>
    Promiscuous = 3,
}

/// <summary>Part of a port in watching others.</summary>
public enum PortMirroring
{
    /// <summary>None.</summary>
    None,

    /// <summary>Gets a copy of what the sources of its switch send and receive.</summary>
    Destination,

    /// <summary>Is watched.</summary>
    Source,
}

/// <summary>What an access rule does.</summary>
public enum PortAclAction
{
    /// <summary>Lets frames pass.</summary>
    Allow = 1,

    /// <summary>Drops them.</summary>
    Deny = 2,

    /// <summary>Counts their bytes; decides nothing.</summary>
    Meter = 3,
}

/// <summary>Which frames a rule is about, seen from who is behind the port.</summary>
[Flags]
public enum PortAclDirection
{
    /// <summary>Those that it receives.</summary>
    Inbound = 1,

    /// <summary>Those that it sends.</summary>
    Outbound = 2,

    /// <summary>All.</summary>
    Both = 3,
}

/// <summary>
/// An access rule by addresses. Local is who is behind the port. Of the rules that fit a frame the most specific one decides: network
/// addresses before Ethernet addresses, a long prefix before a short one, both sides before one; Deny, where they are equal. What no rule
/// fits is allowed. Of the meters that fit only the most specific one counts.
/// </summary>
/// <param name="Action">What it does.</param>
/// <param name="Direction">Which frames.</param>
/// <param name="Local">Ethernet address, IPv4 or IPv6 address or prefix, <c>ANY</c>; null is any.</param>
/// <param name="Remote">The same of the other side.</param>
public sealed record PortAclSpecification(PortAclAction Action, PortAclDirection Direction, string? Local, string? Remote);

/// <summary>An access rule by addresses, protocol and ports. The greatest weight that fits decides; what no rule fits is allowed.</summary>
/// <param name="Allow">Lets frames pass, or drops them.</param>
/// <param name="Direction">Inbound or outbound.</param>
/// <param name="Weight">Unique in its direction.</param>
/// <param name="LocalAddress">IPv4 or IPv6 address or prefix, <c>ANY</c>; null is any.</param>
/// <param name="RemoteAddress">The same of the other side.</param>
/// <param name="LocalPort">Port, <c>first-last</c>, <c>ANY</c>; null is any.</param>
/// <param name="RemotePort">The same of the other side.</param>
/// <param name="Protocol"><c>TCP</c>, <c>UDP</c>, <c>ICMP</c>, a number, <c>ANY</c>; null is any.</param>
/// <param name="Stateful">Answers to what it lets pass may pass too.</param>
/// <param name="IdleTimeoutSeconds">After this silence answers are no longer expected; zero is 255.</param>
public sealed record ExtendedAclSpecification(
    bool Allow, PortAclDirection Direction, int Weight, string? LocalAddress = null, string? RemoteAddress = null, string? LocalPort = null,
    string? RemotePort = null, string? Protocol = null, bool Stateful = false, int IdleTimeoutSeconds = 0);

/// <summary>What holds at a port beyond its VLAN mode. What is left out is off.</summary>
public sealed record PortPolicySpecification
{
    /// <summary>VLANs of a port in trunk mode, 1 to 4094.</summary>
    public IReadOnlyList<int>? AllowedVlanIds { get; set; }

    /// <summary>VLAN of untagged frames in trunk mode; zero is none.</summary>
    public int NativeVlanId { get; set; }

    /// <summary>Kind of a port in private mode.</summary>
    public PrivateVlanMode PrivateVlanMode { get; set; }

    /// <summary>Primary VLAN in private mode.</summary>
    public int PrimaryVlanId { get; set; }

    /// <summary>One secondary VLAN of an isolated or community port; those that a promiscuous port talks to.</summary>
    public IReadOnlyList<int>? SecondaryVlanIds { get; set; }

    /// <summary>
    /// Frames must come from the adapter's address, and ARP and neighbor discovery must claim only network addresses that nobody else on the
    /// switch has.
    /// </summary>
    public bool SpoofGuard { get; set; }

    /// <summary>With <see cref="SpoofGuard"/>: the only network addresses that may be used; null allows any that is free.</summary>
    public IReadOnlyList<string>? AllowedAddresses { get; set; }

    /// <summary>Nobody behind the port answers as a DHCP server, of either version.</summary>
    public bool DhcpGuard { get; set; }

    /// <summary>Nobody behind the port advertises itself as a router or redirects.</summary>
    public bool RouterGuard { get; set; }

    /// <summary>Watching and being watched.</summary>
    public PortMirroring Mirroring { get; set; }

    /// <summary>Broadcast, multicast and unknown frames a second that may be sent; zero is no limit.</summary>
    public int StormLimit { get; set; }

    /// <summary>Most bits a second that may be sent; zero is no limit.</summary>
    public long MaximumBandwidth { get; set; }

    /// <summary>Least part of what a receiver can take, as a weight of 1 to 100, on a switch with weights; zero is none.</summary>
    public int MinimumBandwidthWeight { get; set; }

    /// <summary>Least bits a second, on a switch with absolute minimums; zero is none.</summary>
    public long MinimumBandwidthAbsolute { get; set; }

    /// <summary>
    /// A frame that waits behind more bytes than these, in a queue that the port's limits or receivers made, is marked "congestion experienced" if
    /// its ends understand that (RFC 3168); zero marks none, null leaves it to the plane.
    /// </summary>
    public int? EcnThreshold { get; set; }

    /// <summary>
    /// Part of the port in what is spread over packet threads, 0 to 100: zero keeps it at the first one, of two ports that level equally well the one with the
    /// greater weight moves.
    /// </summary>
    public int QueueWeight { get; set; } = 100;

    /// <summary>The priority that the guest gives its frames is kept.</summary>
    public bool PriorityTag { get; set; } = true;

    /// <summary>Access rules by addresses.</summary>
    public IReadOnlyList<PortAclSpecification>? Acls { get; set; }

    /// <summary>Access rules by addresses, protocol and ports.</summary>
    public IReadOnlyList<ExtendedAclSpecification>? ExtendedAcls { get; set; }

    /// <summary>Settings of extensions for the port.</summary>
    public IReadOnlyList<ExtensionFeatureSpecification>? ExtensionFeatures { get; set; }
}

/// <summary>What an access rule has seen since it was made.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Frames">Frames that it decided, or metered.</param>
/// <param name="Bytes">Bytes of those.</param>
/// <param name="Generation">
/// Another one when somebody who follows the counter may have missed something, or seen more than was kept: the plane, or the port, was made anew.
/// </param>
/// <param name="BytesBefore">What <paramref name="Bytes"/> was when that generation began.</param>
public sealed record PortAclStatistics(PortAclSpecification Rule, long Frames, long Bytes, Guid Generation = default, long BytesBefore = 0);
