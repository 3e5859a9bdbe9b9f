namespace Microsoft.HyperV.PowerShell;

/// <summary>Part of an adapter in port mirroring.</summary>
public enum VMNetworkAdapterPortMirroringMode
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Gets copies.</summary>
    Destination = 1,

    /// <summary>Is copied.</summary>
    Source = 2,
}

/// <summary>Kind of an adapter in a private VLAN.</summary>
public enum VMNetworkAdapterPrivateVlanMode
{
    /// <summary>In no private VLAN.</summary>
    None = 0,

    /// <summary>Talks to promiscuous adapters only.</summary>
    Isolated = 1,

    /// <summary>Also to its community.</summary>
    Community = 2,

    /// <summary>To all of its primary VLAN.</summary>
    Promiscuous = 3,
}

/// <summary>What an access rule does.</summary>
public enum VMNetworkAdapterAclAction
{
    /// <summary>Lets pass.</summary>
    Allow = 1,

    /// <summary>Drops.</summary>
    Deny = 2,

    /// <summary>Counts.</summary>
    Meter = 3,
}

/// <summary>Which frames an access rule is about.</summary>
public enum VMNetworkAdapterAclDirection
{
    /// <summary>Those that the machine receives.</summary>
    Inbound = 1,

    /// <summary>Those that it sends.</summary>
    Outbound = 2,

    /// <summary>All.</summary>
    Both = 3,
}

/// <summary>What an extended access rule does.</summary>
public enum VMNetworkAdapterExtendedAclAction
{
    /// <summary>Lets pass.</summary>
    Allow = 1,

    /// <summary>Drops.</summary>
    Deny = 2,
}

/// <summary>Which frames an extended access rule is about.</summary>
public enum VMNetworkAdapterExtendedAclDirection
{
    /// <summary>Those that the machine receives.</summary>
    Inbound = 1,

    /// <summary>Those that it sends.</summary>
    Outbound = 2,
}

/// <summary>A setting of an adapter that is an object of its own; <see cref="VMComponentObject.Id"/> is the adapter's.</summary>
public abstract class VMNetworkAdapterSetting : VMComponentObject
{
    /// <summary>Name of the adapter.</summary>
    public string AdapterName { get; set; } = "";

    /// <summary>Belongs to the management operating system.</summary>
    public bool IsManagementOs { get; set; }
}

/// <summary>VLAN settings of an adapter.</summary>
public sealed class VMNetworkAdapterVlanSetting : VMNetworkAdapterSetting
{
    /// <summary>Treatment of tags.</summary>
    public VMNetworkAdapterVlanMode OperationMode { get; set; }

    /// <summary>VLAN in access mode.</summary>
    public int AccessVlanId { get; set; }

    /// <summary>VLAN of untagged frames in trunk mode.</summary>
    public int NativeVlanId { get; set; }

    /// <summary>VLANs in trunk mode.</summary>
    public int[] AllowedVlanIdList { get; set; } = [];

    /// <summary>Kind in private mode.</summary>
    public VMNetworkAdapterPrivateVlanMode PrivateVlanMode { get; set; }

    /// <summary>Primary VLAN in private mode.</summary>
    public int PrimaryVlanId { get; set; }

    /// <summary>Secondary VLAN of an isolated or community adapter.</summary>
    public int SecondaryVlanId { get; set; }

    /// <summary>Secondary VLANs of a promiscuous adapter.</summary>
    public int[] SecondaryVlanIdList { get; set; } = [];
}

/// <summary>Bandwidth of an adapter, in bits per second.</summary>
public sealed class VMNetworkAdapterBandwidthSetting
{
    /// <summary>Most that may be sent; zero is no limit.</summary>
    public long MaximumBandwidth { get; set; }

    /// <summary>Least under congestion; zero is none.</summary>
    public long MinimumBandwidthAbsolute { get; set; }

    /// <summary>The same as a weight of 1 to 100; zero is none.</summary>
    public uint MinimumBandwidthWeight { get; set; }
}

/// <summary>How an adapter is kept apart from others.</summary>
public enum VMNetworkAdapterIsolationMode
{
    /// <summary>As its VLAN settings say.</summary>
    None = 0,

    /// <summary>By a virtual subnet of the switch.</summary>
    NativeVirtualSubnet = 1,

    /// <summary>By a virtual subnet of an extension.</summary>
    ExternalVirtualSubnet = 2,

    /// <summary>By a VLAN.</summary>
    Vlan = 3,
}

/// <summary>How an adapter is kept apart from others.</summary>
public sealed class VMNetworkAdapterIsolationSetting : VMNetworkAdapterSetting
{
    /// <summary>By what.</summary>
    public VMNetworkAdapterIsolationMode IsolationMode { get; set; }

    /// <summary>The guest gets its frames without a tag.</summary>
    public bool AllowUntaggedTraffic { get; set; }

    /// <summary>VLAN or virtual subnet.</summary>
    public int DefaultIsolationID { get; set; }

    /// <summary>One guest serves several tenants.</summary>
    public OnOffState MultiTenantStack { get; set; } = OnOffState.Off;
}

/// <summary>An access rule or a meter of an adapter.</summary>
public sealed class VMNetworkAdapterAclSetting : VMNetworkAdapterSetting
{
    /// <summary>What it does.</summary>
    public VMNetworkAdapterAclAction Action { get; set; }

    /// <summary>Which frames.</summary>
    public VMNetworkAdapterAclDirection Direction { get; set; }

    /// <summary>Address or prefix of the adapter's side; <c>ANY</c>.</summary>
    public string LocalAddress { get; set; } = "ANY";

    /// <summary>Address or prefix of the other side; <c>ANY</c>.</summary>
    public string RemoteAddress { get; set; } = "ANY";

    /// <summary>Megabytes (2^20) counted by a meter; null for other rules, and while the adapter has no port.</summary>
    public long? MeteredMegabytes { get; set; }

    /// <summary>Bytes counted by a meter; null for other rules, and while the adapter has no port.</summary>
    public long? MeteredBytes { get; set; }

    /// <summary>Frames that the rule dropped; null for other rules, and while the adapter has no port.</summary>
    public long? DeniedFrames { get; set; }
}

/// <summary>An extended access rule of an adapter.</summary>
public sealed class VMNetworkAdapterExtendedAclSetting : VMNetworkAdapterSetting
{
    /// <summary>What it does.</summary>
    public VMNetworkAdapterExtendedAclAction Action { get; set; }

    /// <summary>Which frames.</summary>
    public VMNetworkAdapterExtendedAclDirection Direction { get; set; }

    /// <summary>Address or prefix of the adapter's side; <c>ANY</c>.</summary>
    public string LocalIPAddress { get; set; } = "ANY";

    /// <summary>Address or prefix of the other side; <c>ANY</c>.</summary>
    public string RemoteIPAddress { get; set; } = "ANY";

    /// <summary>Port or range of the adapter's side; <c>ANY</c>.</summary>
    public string LocalPort { get; set; } = "ANY";

    /// <summary>Port or range of the other side; <c>ANY</c>.</summary>
    public string RemotePort { get; set; } = "ANY";

    /// <summary>Protocol; <c>ANY</c>.</summary>
    public string Protocol { get; set; } = "ANY";

    /// <summary>The greatest that fits decides.</summary>
    public int Weight { get; set; }

    /// <summary>Answers pass too.</summary>
    public bool Stateful { get; set; }

    /// <summary>After this many seconds of silence they no longer do; zero is the default.</summary>
    public int IdleSessionTimeout { get; set; }
}
