namespace Microsoft.HyperV.PowerShell;

/// <summary>How a port treats VLAN tags.</summary>
public enum VMNetworkAdapterVlanMode
{
    /// <summary>Untagged, in no VLAN.</summary>
    Untagged = 0,

    /// <summary>Untagged, in one VLAN.</summary>
    Access = 1,

    /// <summary>Tagged, several VLANs.</summary>
    Trunk = 2,

    /// <summary>Private VLAN.</summary>
    Private = 3,
}

/// <summary>Operational status of an adapter.</summary>
public enum VMNetworkAdapterOperationalStatus
{
    /// <summary>Unknown.</summary>
    Unknown = 0,

    /// <summary>Connected.</summary>
    Ok = 2,

    /// <summary>The guest has no contact with the switch.</summary>
    NoContact = 12,

    /// <summary>Was connected.</summary>
    LostCommunication = 13,
}

/// <summary>What every adapter has, that of a machine and that of the management operating system.</summary>
public class VMNetworkAdapterBase : VMComponentObject
{
    /// <summary>Identity of the device, in braces as scripts know it.</summary>
    public string DeviceId => $"{{{PartId().ToString("D").ToUpperInvariant()}}}";

    /// <summary>Weight for virtual functions of the uplink; 0 is none, which is all that is offered.</summary>
    public int IovWeight { get; set; }

    /// <summary>Part in what the switch spreads over its packet threads, 1 to 100; 0 keeps the adapter at the first one.</summary>
    public int VmqWeight { get; set; }

    /// <summary>Most security associations that the uplink takes over; 0 is none, which is all that is offered.</summary>
    public long IPsecOffloadMaximumSecurityAssociation { get; set; }

    /// <summary>Most addresses that the guest may use; 0 is no limit, which is all that is offered.</summary>
    public int DynamicIPAddressLimit { get; set; }

    /// <summary>Virtual subnet; 0 is none.</summary>
    public long VirtualSubnetId { get; set; }

    /// <summary>The guest names the device after the adapter; not offered, so always off.</summary>
    public OnOffState DeviceNaming { get; set; } = OnOffState.Off;

    /// <summary>Twelve hexadecimal digits; zeros until the first start assigns a dynamic address.</summary>
    public string MacAddress { get; set; } = "000000000000";

    /// <summary>The address comes from the host's pool.</summary>
    public bool DynamicMacAddressEnabled { get; set; }

    /// <summary>Name of the switch; empty when not connected.</summary>
    public string SwitchName { get; set; } = "";

    /// <summary>Id of the switch.</summary>
    public Guid? SwitchId { get; set; }

    /// <summary>Connected to a switch.</summary>
    public bool Connected { get; set; }

    /// <summary>Belongs to the management operating system.</summary>
    public bool IsManagementOs { get; set; }

    /// <summary>Emulated.</summary>
    public bool IsLegacy { get; set; }

    /// <summary>Addresses the guest reports.</summary>
    public string[] IPAddresses { get; set; } = [];

    /// <summary>Status in words.</summary>
    public string[] StatusDescription { get; set; } = [];

    /// <summary>Status.</summary>
    public VMNetworkAdapterOperationalStatus[] Status { get; set; } = [];

    /// <summary>VLAN settings.</summary>
    public VMNetworkAdapterVlanSetting VlanSetting { get; set; } = new();

    /// <summary>How it is kept apart from others.</summary>
    public VMNetworkAdapterIsolationSetting IsolationSetting { get; set; } = new();

    /// <summary>The guest may send from other addresses than the adapter's.</summary>
    public OnOffState MacAddressSpoofing { get; set; } = OnOffState.Off;

    /// <summary>The guest is no DHCP server.</summary>
    public OnOffState DhcpGuard { get; set; } = OnOffState.Off;

    /// <summary>The guest is no router.</summary>
    public OnOffState RouterGuard { get; set; } = OnOffState.Off;

    /// <summary>Part in port mirroring.</summary>
    public VMNetworkAdapterPortMirroringMode PortMirroringMode { get; set; }

    /// <summary>Frames to many that may be sent in a second; zero is no limit.</summary>
    public uint StormLimit { get; set; }

    /// <summary>The guest's 802.1p priorities are kept.</summary>
    public OnOffState IeeePriorityTag { get; set; } = OnOffState.Off;

    /// <summary>The guest may make a team of its adapters.</summary>
    public OnOffState AllowTeaming { get; set; } = OnOffState.Off;

    /// <summary>Bandwidth; null when none is set.</summary>
    public VMNetworkAdapterBandwidthSetting? BandwidthSetting { get; set; }
}

/// <summary>A network adapter of a machine.</summary>
public sealed class VMNetworkAdapter : VMNetworkAdapterBase
{
    /// <summary>Pool the adapter connects through.</summary>
    public string PoolName { get; set; } = "";
}

/// <summary>A network adapter of the management operating system.</summary>
public sealed class VMInternalNetworkAdapter : VMNetworkAdapterBase
{
    /// <summary>Network interface it is on the host.</summary>
    public string DeviceName { get; set; } = "";
}
