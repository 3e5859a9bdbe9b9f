namespace Microsoft.HyperV.PowerShell;

/// <summary>What a switch connects.</summary>
public enum VMSwitchType
{
    /// <summary>Machines among each other.</summary>
    Private = 0,

    /// <summary>Machines and the management operating system.</summary>
    Internal = 1,

    /// <summary>Machines and a physical network.</summary>
    External = 2,
}

/// <summary>How minimum bandwidth is given.</summary>
public enum VMSwitchBandwidthMode
{
    /// <summary>As the host decides.</summary>
    Default = 0,

    /// <summary>As weights.</summary>
    Weight = 1,

    /// <summary>In bits per second.</summary>
    Absolute = 2,

    /// <summary>Not at all.</summary>
    None = 3,
}

/// <summary>A virtual switch.</summary>
public sealed class VMSwitch : VirtualizationObject
{
    /// <summary>Id of the switch that every host has: internal, with address translation and DHCP.</summary>
    public static readonly Guid DefaultSwitchId = new("c08cb7b8-9b3c-408e-8e30-5e16a3aeb444");

    /// <summary>Name of that switch.</summary>
    public const string DefaultSwitchName = "Default Switch";

    /// <summary>Identity.</summary>
    public Guid Id { get; set; }

    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it connects.</summary>
    public VMSwitchType SwitchType { get; set; }

    /// <summary>Free text.</summary>
    public string Notes { get; set; } = "";

    /// <summary>Uplink: the network interface and its driver, as one phrase; empty without an uplink.</summary>
    public string NetAdapterInterfaceDescription { get; set; } = "";

    /// <summary>All uplinks.</summary>
    public string[] NetAdapterInterfaceDescriptions { get; set; } = [];

    /// <summary>Name of the uplink's network interface; empty without an uplink.</summary>
    public string NetAdapterName { get; set; } = "";

    /// <summary>The management operating system has an adapter on the switch.</summary>
    public bool AllowManagementOS { get; set; }

    /// <summary>Several uplinks as one.</summary>
    public bool EmbeddedTeamingEnabled { get; set; }

    /// <summary>Virtual functions of the uplink are handed to machines.</summary>
    public bool IovEnabled { get; set; }

    /// <summary>The uplink has virtual functions for guests; not offered, so always false.</summary>
    public bool IovSupport { get; set; }

    /// <summary>The uplink's driver takes packets directly; not offered, so always false.</summary>
    public bool PacketDirectEnabled { get; set; }

    /// <summary>How minimum bandwidth is given.</summary>
    public VMSwitchBandwidthMode BandwidthReservationMode { get; set; } = VMSwitchBandwidthMode.None;

    /// <summary>Minimum of the adapters without one of their own together, in bits per second; zero leaves it to the switch.</summary>
    public long DefaultFlowMinimumBandwidthAbsolute { get; set; }

    /// <summary>The same as a weight.</summary>
    public long DefaultFlowMinimumBandwidthWeight { get; set; }

    /// <summary>The name.</summary>
    public override string ToString() => $"VMSwitch (Name = '{Name}') [Id = '{Id}']";
}
