namespace Vireo.Control.Switching;

/// <summary>What a switch connects.</summary>
public enum SwitchKind
{
    /// <summary>Virtual machines among each other.</summary>
    Private,

    /// <summary>Virtual machines and the management operating system.</summary>
    Internal,

    /// <summary>Virtual machines and a physical network.</summary>
    External,
}

/// <summary>A switch that should exist.</summary>
/// <param name="Id">Key of the switch.</param>
/// <param name="Name">For messages and traces.</param>
/// <param name="Kind">What it connects.</param>
/// <param name="ExternalInterface">Network interface that is the uplink (external switches).</param>
/// <param name="Nat">The switch has a gateway with address translation and DHCP of its own (internal switches).</param>
public sealed record SwitchSpecification(Guid Id, string Name, SwitchKind Kind, string? ExternalInterface = null, bool Nat = false);

/// <summary>What stands behind a port.</summary>
public enum PortKind
{
    /// <summary>A guest's adapter: the plane listens on a vhost-user socket.</summary>
    VhostUser,

    /// <summary>An adapter of the management operating system: a tap.</summary>
    Tap,
}

/// <summary>How a port treats VLAN tags.</summary>
public enum PortVlanMode
{
    /// <summary>Frames are untagged and belong to no VLAN.</summary>
    Untagged,

    /// <summary>Untagged frames that belong to one VLAN.</summary>
    Access,
}

/// <summary>A stage to put into a port's list, besides those that the other settings bring.</summary>
/// <param name="Name">Its kind, for example <c>Fault</c>.</param>
/// <param name="Settings">Its numbers, by name; what is left out is at its minimum.</param>
public sealed record StageSpecification(string Name, IReadOnlyDictionary<string, double>? Settings = null);

/// <summary>A port that should exist on a switch. Asking for the same thing twice changes nothing.</summary>
/// <param name="Id">Key of the port: the adapter's id.</param>
/// <param name="SwitchId">The switch; null is a port whose cable goes nowhere: the guest stays attached, its frames are dropped and counted.</param>
/// <param name="Kind">What stands behind it.</param>
/// <param name="SocketPath">vhost-user socket the plane listens on.</param>
/// <param name="InterfaceName">Tap name.</param>
/// <param name="MacAddress">Address of the adapter, twelve hexadecimal digits.</param>
/// <param name="VlanMode">VLAN treatment.</param>
/// <param name="AccessVlanId">1 to 4094 in access mode.</param>
/// <param name="QueuePairs">Receive and transmit queue pairs.</param>
/// <param name="SocketGroup">Group id that may connect besides root, or null.</param>
/// <param name="Stages">Further stages, from the port towards the switch.</param>
public sealed record PortSpecification(
    Guid Id, Guid? SwitchId, PortKind Kind, string? SocketPath, string? InterfaceName, string MacAddress,
    PortVlanMode VlanMode = PortVlanMode.Untagged, int AccessVlanId = 0, int QueuePairs = 1, int? SocketGroup = null,
    IReadOnlyList<StageSpecification>? Stages = null);

/// <summary>Counters of a port since it was made.</summary>
/// <param name="Dropped">Frames that the switch refused or had no room for, by reason.</param>
public sealed record PortStatistics(
    long FramesIn, long BytesIn, long FramesOut, long BytesOut, IReadOnlyDictionary<string, long> Dropped);

/// <summary>A port as it is now.</summary>
public sealed record PortStatus(PortSpecification Port, bool Connected, IReadOnlyList<string> Stages, PortStatistics Statistics);

/// <summary>A switch as it is now.</summary>
public sealed record SwitchStatus(SwitchSpecification Switch, IReadOnlyList<PortStatus> Ports, int LearnedAddresses);
