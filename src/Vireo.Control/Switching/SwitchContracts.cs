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

/// <summary>How minimum bandwidth is given on a switch.</summary>
public enum MinimumBandwidthMode
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>As weights, 1 to 100.</summary>
    Weight,

    /// <summary>In bits a second.</summary>
    Absolute,
}

/// <summary>A switch that should exist.</summary>
/// <param name="Id">Key of the switch.</param>
/// <param name="Name">For messages and traces.</param>
/// <param name="Kind">What it connects.</param>
/// <param name="ExternalInterface">Network interface that is the uplink (external switches).</param>
/// <param name="Nat">The switch has a gateway with address translation and DHCP of its own (internal switches).</param>
/// <param name="BandwidthMode">How the minimum bandwidth of its ports is given.</param>
/// <param name="DefaultFlowMinimumBandwidth">Minimum of all ports without one of their own together, as the mode has it; zero leaves it to the plane.</param>
/// <param name="Extensions">Its extensions, in order.</param>
/// <param name="ExternalPortFeatures">What is set for the port of the uplink.</param>
public sealed record SwitchSpecification(
    Guid Id, string Name, SwitchKind Kind, string? ExternalInterface = null, bool Nat = false, MinimumBandwidthMode BandwidthMode = MinimumBandwidthMode.None,
    long DefaultFlowMinimumBandwidth = 0, IReadOnlyList<SwitchExtensionSpecification>? Extensions = null,
    IReadOnlyList<ExtensionFeatureSpecification>? ExternalPortFeatures = null);

/// <summary>What stands behind a port.</summary>
public enum PortKind
{
    /// <summary>A guest's adapter: the plane listens on a vhost-user socket.</summary>
    VhostUser,

    /// <summary>An adapter of the management operating system: a tap.</summary>
    Tap,

    /// <summary>A network interface that is there already, by a packet socket; VLANs leave and enter it tagged, as with an uplink.</summary>
    Packet,

    /// <summary>An adapter that QEMU emulates: frames as datagrams between a socket of the plane and one of QEMU.</summary>
    Datagram,
}

/// <summary>How a port treats VLAN tags.</summary>
public enum PortVlanMode
{
    /// <summary>Frames are untagged and belong to no VLAN.</summary>
    Untagged,

    /// <summary>Untagged frames that belong to one VLAN.</summary>
    Access,

    /// <summary>Tagged frames of several VLANs, and untagged ones that belong to the native VLAN.</summary>
    Trunk,

    /// <summary>Untagged frames; who may talk to whom is told by a private VLAN (RFC 5517).</summary>
    Private,
}

/// <summary>A stage to put into a port's list, besides those that the other settings bring.</summary>
/// <param name="Name">Its kind, for example <c>Fault</c>.</param>
/// <param name="Settings">Its numbers, by name; what is left out is at its minimum.</param>
public sealed record StageSpecification(string Name, IReadOnlyDictionary<string, double>? Settings = null);

/// <summary>A port that should exist on a switch. Asking for the same thing twice changes nothing.</summary>
/// <param name="Id">Key of the port: the adapter's id.</param>
/// <param name="SwitchId">The switch; null is a port whose cable goes nowhere: the guest stays attached, its frames are dropped and counted.</param>
/// <param name="Kind">What stands behind it.</param>
/// <param name="SocketPath">vhost-user socket the plane listens on, or connects to; the plane's end of a datagram port.</param>
/// <param name="InterfaceName">Tap name.</param>
/// <param name="MacAddress">Address of the adapter, twelve hexadecimal digits.</param>
/// <param name="VlanMode">VLAN treatment.</param>
/// <param name="AccessVlanId">1 to 4094 in access mode.</param>
/// <param name="QueuePairs">Receive and transmit queue pairs.</param>
/// <param name="SocketGroup">Group id that may connect besides root, or null.</param>
/// <param name="Stages">Further stages, from the port towards the switch.</param>
/// <param name="Policy">What else holds at the port; null is nothing.</param>
/// <param name="SocketConnects">The plane connects to the socket, again and again while nobody listens there, instead of listening itself.</param>
/// <param name="PeerSocketPath">QEMU's end of a datagram port.</param>
/// <param name="AllowUnsealedMemory">Whoever is behind the socket may share memory that can be taken away again; taking it away ends the plane.</param>
public sealed record PortSpecification(
    Guid Id, Guid? SwitchId, PortKind Kind, string? SocketPath, string? InterfaceName, string MacAddress,
    PortVlanMode VlanMode = PortVlanMode.Untagged, int AccessVlanId = 0, int QueuePairs = 1, int? SocketGroup = null,
    IReadOnlyList<StageSpecification>? Stages = null, PortPolicySpecification? Policy = null, bool SocketConnects = false, bool AllowUnsealedMemory = false,
    string? PeerSocketPath = null);

/// <summary>Counters of a port since it was made.</summary>
/// <param name="Dropped">Frames that the switch refused or had no room for, by reason.</param>
public sealed record PortStatistics(
    long FramesIn, long BytesIn, long FramesOut, long BytesOut, IReadOnlyDictionary<string, long> Dropped);

/// <summary>A port as it is now.</summary>
/// <param name="Port">What was asked for.</param>
/// <param name="Connected">Somebody is there: a guest, the management operating system.</param>
/// <param name="Stages">Names of the stages in force, from the port towards the switch.</param>
/// <param name="Statistics">Counters.</param>
/// <param name="Fault">Why the port does not work, in a sentence; null when it does. Asking for the port again tries again.</param>
/// <param name="Acls">What the access rules of the port have seen.</param>
/// <param name="Generation">Another one when the counters in <paramref name="Statistics"/> began at zero again.</param>
/// <param name="PacketThread">Number of the packet thread that the port is at, from zero.</param>
public sealed record PortStatus(
    PortSpecification Port, bool Connected, IReadOnlyList<string> Stages, PortStatistics Statistics, string? Fault = null,
    IReadOnlyList<PortAclStatistics>? Acls = null, Guid Generation = default, int PacketThread = 0);

/// <summary>An address that the switch's DHCP server gave out.</summary>
/// <param name="MacAddress">Twelve hexadecimal digits.</param>
/// <param name="Address">IPv4 address.</param>
/// <param name="HostName">What the client calls itself, or null.</param>
/// <param name="Expires">When the lease ends.</param>
public sealed record NatLease(string MacAddress, string Address, string? HostName, DateTimeOffset Expires);

/// <summary>The gateway of a switch with address translation.</summary>
/// <param name="Subnet">Network in prefix notation; chosen once.</param>
/// <param name="Gateway">Address of the management operating system in it.</param>
/// <param name="InterfaceName">The tap that has the address; null while the switch has no management adapter.</param>
/// <param name="Leases">Addresses given out.</param>
/// <param name="Fault">What does not work, in a sentence; null when all does.</param>
public sealed record NatStatus(string Subnet, string Gateway, string? InterfaceName, IReadOnlyList<NatLease> Leases, string? Fault = null);

/// <summary>A switch as it is now.</summary>
/// <param name="Switch">What was asked for.</param>
/// <param name="Ports">Its ports.</param>
/// <param name="LearnedAddresses">Stations it knows.</param>
/// <param name="Uplink">Counters of the external interface.</param>
/// <param name="Nat">Its gateway, if it has one.</param>
/// <param name="Fault">Why the switch does not work fully, in a sentence; null when it does.</param>
/// <param name="Extensions">How its extensions are.</param>
public sealed record SwitchStatus(
    SwitchSpecification Switch, IReadOnlyList<PortStatus> Ports, int LearnedAddresses, PortStatistics? Uplink = null, NatStatus? Nat = null,
    string? Fault = null, IReadOnlyList<SwitchExtensionStatus>? Extensions = null);

/// <summary>How the plane is.</summary>
/// <param name="ProcessId">Its process.</param>
/// <param name="Switches">How many there are.</param>
/// <param name="Ports">How many there are.</param>
/// <param name="Sleeps">How often packet threads went to sleep; stands still while nothing happens.</param>
/// <param name="PacketThreads">How many packet threads there are.</param>
public sealed record SwitchHealth(int ProcessId, int Switches, int Ports, long Sleeps, int PacketThreads = 1);
