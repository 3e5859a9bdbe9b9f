using Microsoft.HyperV.PowerShell;
using Vireo.Control.Switching;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>A switch as it should be.</summary>
public sealed record SwitchConfiguration
{
    /// <summary>Version of the file's layout.</summary>
    public int FormatVersion { get; set; } = 1;

    /// <summary>Identity.</summary>
    public required Guid Id { get; init; }

    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>What it connects.</summary>
    public required VMSwitchType SwitchType { get; init; }

    /// <summary>Free text.</summary>
    public string Notes { get; set; } = "";

    /// <summary>Network interface that is the uplink, for external switches.</summary>
    public string? NetAdapterName { get; set; }

    /// <summary>How minimum bandwidth is given; a switch cannot change it.</summary>
    public VMSwitchBandwidthMode MinimumBandwidthMode { get; set; }

    /// <summary>Minimum of all adapters without one of their own together, a weight or bits per second; zero leaves it to the switch.</summary>
    public long DefaultFlowMinimumBandwidth { get; set; }

    /// <summary>Adapters of the management operating system.</summary>
    public IReadOnlyList<ManagementAdapterConfiguration> ManagementAdapters { get; set; } = [];

    /// <summary>Extensions, in order.</summary>
    public IReadOnlyList<SwitchExtensionConfiguration> Extensions { get; set; } = [];

    /// <summary>Settings of extensions for the port of the uplink.</summary>
    public IReadOnlyList<ExtensionFeatureConfiguration> ExternalPortFeatures { get; set; } = [];
}

/// <summary>An extension of a switch.</summary>
/// <param name="ExtensionId">Which one.</param>
/// <param name="Enabled">Whether frames pass it.</param>
public sealed record SwitchExtensionConfiguration(Guid ExtensionId, bool Enabled)
{
    /// <summary>What is set for the switch.</summary>
    public IReadOnlyList<ExtensionFeatureConfiguration> Features { get; set; } = [];
}

/// <summary>An adapter of the management operating system on a switch.</summary>
/// <param name="Id">Identity.</param>
/// <param name="Name">Name.</param>
/// <param name="InterfaceName">Network interface on the host, at most 15 characters.</param>
/// <param name="MacAddress">Twelve hexadecimal digits.</param>
public sealed record ManagementAdapterConfiguration(Guid Id, string Name, string InterfaceName, string MacAddress)
{
    /// <summary>0 is untagged; otherwise the access VLAN.</summary>
    public int AccessVlanId { get; set; }

    /// <summary>What else holds at its port.</summary>
    public AdapterPolicyConfiguration Policy { get; set; } = new();
}

/// <summary>What an access rule has counted.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Frames">Frames that it decided, or metered.</param>
/// <param name="Bytes">Bytes of those.</param>
public sealed record AdapterAclCount(AdapterAclConfiguration Rule, long Frames, long Bytes);

/// <summary>A network interface of the host that can be an uplink.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">Name and driver.</param>
/// <param name="BitsPerSecond">Speed of its link; zero when it is not known.</param>
public sealed record HostInterface(string Name, string Description, long BitsPerSecond = 0);

/// <summary>The switches of this host.</summary>
public interface ISwitches
{
    /// <summary>All switches, in order of their names.</summary>
    IReadOnlyList<SwitchConfiguration> All { get; }

    /// <summary>One switch, or null.</summary>
    SwitchConfiguration? Find(Guid id);

    /// <summary>Makes a switch.</summary>
    Task CreateAsync(SwitchConfiguration configuration, CancellationToken cancellation);

    /// <summary>Changes a switch.</summary>
    Task<SwitchConfiguration> ChangeAsync(Guid id, Func<SwitchConfiguration, SwitchConfiguration> change, CancellationToken cancellation);

    /// <summary>Removes a switch; adapters that were on it stay, not connected.</summary>
    Task RemoveAsync(Guid id, CancellationToken cancellation);

    /// <summary>What the access rules of an adapter have counted; empty while it has no port.</summary>
    Task<IReadOnlyList<AdapterAclCount>> AclCountsAsync(Guid adapter, CancellationToken cancellation);

    /// <summary>Extensions that are installed on this host.</summary>
    Task<IReadOnlyList<InstalledExtension>> ExtensionsAsync(CancellationToken cancellation);

    /// <summary>Installs an extension, or a new version of one, from a folder.</summary>
    Task<InstalledExtension> InstallExtensionAsync(string folder, CancellationToken cancellation);

    /// <summary>Removes an extension that no switch has enabled.</summary>
    Task RemoveExtensionAsync(Guid id, CancellationToken cancellation);

    /// <summary>How the extensions of a switch are.</summary>
    Task<IReadOnlyList<SwitchExtensionStatus>> ExtensionStatusAsync(Guid id, CancellationToken cancellation);

    /// <summary>What extensions tell about a switch.</summary>
    Task<IReadOnlyList<ExtensionDataItem>> SwitchDataAsync(Guid id, CancellationToken cancellation);

    /// <summary>What extensions tell about an adapter's port, or the uplink's by the id of its switch; empty while there is no such port.</summary>
    Task<IReadOnlyList<ExtensionDataItem>> PortDataAsync(Guid id, CancellationToken cancellation);

    /// <summary>Follows frames, and hands each that has come to its end to <paramref name="take"/>, until cancelled.</summary>
    Task TraceAsync(TraceRequest request, Action<FrameReport> take, CancellationToken cancellation);

    /// <summary>Tests the way from or to an adapter.</summary>
    Task<ProbeReport> ProbeAsync(Guid adapter, ProbeRequest request, CancellationToken cancellation);

    /// <summary>Starts the one trace that a host writes into files.</summary>
    /// <param name="request">What to follow.</param>
    /// <param name="path">First file, or null for one in the host's own folder.</param>
    /// <param name="cancellation">Stops waiting.</param>
    /// <returns>The first file; null when the trace is under way already.</returns>
    Task<string?> StartTraceAsync(TraceRequest request, string? path, CancellationToken cancellation);

    /// <summary>Ends that trace.</summary>
    /// <returns>What it has done; null when there was none.</returns>
    Task<TraceStatus?> StopTraceAsync(CancellationToken cancellation);

    /// <summary>Network interfaces that can be an uplink.</summary>
    Task<IReadOnlyList<HostInterface>> InterfacesAsync(CancellationToken cancellation);
}
