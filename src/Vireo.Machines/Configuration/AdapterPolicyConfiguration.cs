namespace Vireo.Machines.Configuration;

/// <summary>How an adapter's port treats VLANs, where that is not told by an access VLAN alone.</summary>
public enum AdapterVlanMode
{
    /// <summary>Untagged, or in the access VLAN.</summary>
    Access,

    /// <summary>Several VLANs, tagged.</summary>
    Trunk,

    /// <summary>Private VLAN, alone.</summary>
    Isolated,

    /// <summary>Private VLAN, with others of the same secondary VLAN.</summary>
    Community,

    /// <summary>Private VLAN, reached by all.</summary>
    Promiscuous,
}

/// <summary>What holds at the port of an adapter, as scripts set it.</summary>
public sealed record AdapterPolicyConfiguration
{
    /// <summary>VLAN treatment beyond an access VLAN.</summary>
    public AdapterVlanMode VlanMode { get; set; }

    /// <summary>VLANs of a trunk.</summary>
    public IReadOnlyList<int> AllowedVlanIds { get; set; } = [];

    /// <summary>VLAN of a trunk's untagged frames; zero is none.</summary>
    public int NativeVlanId { get; set; }

    /// <summary>Primary VLAN of a private VLAN.</summary>
    public int PrimaryVlanId { get; set; }

    /// <summary>Secondary VLANs: one, or those that a promiscuous adapter reaches.</summary>
    public IReadOnlyList<int> SecondaryVlanIds { get; set; } = [];

    /// <summary>The guest may send from other addresses than the adapter's.</summary>
    public bool MacAddressSpoofing { get; set; }

    /// <summary>The guest is no DHCP server.</summary>
    public bool DhcpGuard { get; set; }

    /// <summary>The guest is no router.</summary>
    public bool RouterGuard { get; set; }

    /// <summary><c>None</c>, <c>Destination</c>, <c>Source</c>.</summary>
    public string PortMirroring { get; set; } = "None";

    /// <summary>Frames to many that may be sent in a second; zero is no limit.</summary>
    public int StormLimit { get; set; }

    /// <summary>Bits a second that may be sent; zero is no limit.</summary>
    public long MaximumBandwidth { get; set; }

    /// <summary>Least part under congestion as a weight of 1 to 100; zero is none.</summary>
    public int MinimumBandwidthWeight { get; set; }

    /// <summary>Least bits a second under congestion; zero is none.</summary>
    public long MinimumBandwidthAbsolute { get; set; }

    /// <summary>Part in what the switch spreads over its packet threads, 0 to 100; zero keeps the adapter at the first one.</summary>
    public int VmqWeight { get; set; } = 100;

    /// <summary><c>None</c> or <c>Vlan</c>: whether the VLAN treatment above was made by isolation settings.</summary>
    public string? IsolationMode { get; set; }

    /// <summary>VLAN of an adapter that is isolated by VLAN.</summary>
    public int DefaultIsolationId { get; set; }

    /// <summary>An adapter that is isolated by VLAN gets its frames without a tag.</summary>
    public bool AllowUntaggedTraffic { get; set; }

    /// <summary>The guest's 802.1p priorities are kept.</summary>
    public bool IeeePriorityTag { get; set; }

    /// <summary>The guest may make a team of its adapters.</summary>
    public bool AllowTeaming { get; set; }

    /// <summary>Access rules and meters by addresses.</summary>
    public IReadOnlyList<AdapterAclConfiguration> Acls { get; set; } = [];

    /// <summary>Access rules by addresses, protocol and ports.</summary>
    public IReadOnlyList<AdapterExtendedAclConfiguration> ExtendedAcls { get; set; } = [];

    /// <summary>Settings of switch extensions for the adapter's port.</summary>
    public IReadOnlyList<ExtensionFeatureConfiguration> ExtensionFeatures { get; set; } = [];

    private (AdapterVlanMode, int, int, bool, bool, bool, string, int, long, bool, bool, (int, long, string?, int, bool, int)) Values =>
        (VlanMode, NativeVlanId, PrimaryVlanId, MacAddressSpoofing, DhcpGuard, RouterGuard, PortMirroring, StormLimit, MaximumBandwidth, IeeePriorityTag, AllowTeaming,
            (MinimumBandwidthWeight, MinimumBandwidthAbsolute, IsolationMode, DefaultIsolationId, AllowUntaggedTraffic, VmqWeight));

    /// <summary>Whether both say the same, list by list: what is read from a file equals what was written there.</summary>
    public bool Equals(AdapterPolicyConfiguration? other) =>
        other is not null && Values == other.Values && AllowedVlanIds.SequenceEqual(other.AllowedVlanIds) && SecondaryVlanIds.SequenceEqual(other.SecondaryVlanIds)
        && Acls.SequenceEqual(other.Acls) && ExtendedAcls.SequenceEqual(other.ExtendedAcls)
        && ExtensionFeatures.SequenceEqual(other.ExtensionFeatures);

    /// <inheritdoc/>
    public override int GetHashCode() => Values.GetHashCode();
}

/// <summary>Settings of a switch extension.</summary>
/// <param name="ExtensionId">The extension.</param>
/// <param name="FeatureId">Which of its groups of settings.</param>
/// <param name="Settings">The settings, a JSON object.</param>
public sealed record ExtensionFeatureConfiguration(Guid ExtensionId, Guid FeatureId, string Settings);

/// <summary>An access rule by addresses.</summary>
/// <param name="Action"><c>Allow</c>, <c>Deny</c>, <c>Meter</c>.</param>
/// <param name="Direction"><c>Inbound</c>, <c>Outbound</c>, <c>Both</c>.</param>
/// <param name="Local">Address or prefix of the adapter's side; null is any.</param>
/// <param name="Remote">The same of the other side.</param>
public sealed record AdapterAclConfiguration(string Action, string Direction, string? Local, string? Remote);

/// <summary>An access rule by addresses, protocol and ports.</summary>
/// <param name="Allow">Lets pass, or drops.</param>
/// <param name="Direction"><c>Inbound</c>, <c>Outbound</c>.</param>
/// <param name="Weight">The greatest that fits decides.</param>
/// <param name="LocalAddress">Address or prefix of the adapter's side; null is any.</param>
/// <param name="RemoteAddress">The same of the other side.</param>
/// <param name="LocalPort">Port or range; null is any.</param>
/// <param name="RemotePort">The same of the other side.</param>
/// <param name="Protocol">Name or number; null is any.</param>
/// <param name="Stateful">Answers pass too.</param>
/// <param name="IdleTimeoutSeconds">After this silence they no longer do; zero is the default.</param>
public sealed record AdapterExtendedAclConfiguration(
    bool Allow, string Direction, int Weight, string? LocalAddress, string? RemoteAddress, string? LocalPort, string? RemotePort, string? Protocol,
    bool Stateful, int IdleTimeoutSeconds);
