namespace Vireo.Control.Switching;

/// <summary>A network interface of the plane's network namespace.</summary>
/// <param name="Name">Name, for example <c>eth0</c>.</param>
/// <param name="Description">Name and driver, for people.</param>
/// <param name="MacAddress">Twelve hexadecimal digits.</param>
/// <param name="IsUp">Administratively up.</param>
/// <param name="BitsPerSecond">Speed of its link; zero when it is not known.</param>
public sealed record NetworkInterfaceInfo(string Name, string Description, string MacAddress, bool IsUp, long BitsPerSecond = 0);

/// <summary>What a host asks of its switch plane. Refusals are <see cref="ControlException"/>s.</summary>
public interface ISwitchControl
{
    /// <summary>Every switch with its ports.</summary>
    Task<IReadOnlyList<SwitchStatus>> ListSwitchesAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes or changes a switch.</summary>
    Task PutSwitchAsync(SwitchSpecification specification, CancellationToken cancellationToken = default);

    /// <summary>Removes a switch; one that is not there is removed already. Guests' ports stay, connected to nothing.</summary>
    Task RemoveSwitchAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Every port, also those that are connected to no switch.</summary>
    Task<IReadOnlyList<PortStatus>> ListPortsAsync(CancellationToken cancellationToken = default);

    /// <summary>Makes or changes a port; its guest stays attached when it moves to another switch.</summary>
    Task PutPortAsync(PortSpecification specification, CancellationToken cancellationToken = default);

    /// <summary>Removes a port; one that is not there is removed already.</summary>
    Task RemovePortAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Follows frames, and hands each that has come to its end to <paramref name="take"/>, until cancelled.</summary>
    Task TraceAsync(TraceRequest request, Action<FrameReport> take, CancellationToken cancellationToken = default);

    /// <summary>Tests the way from or to a port.</summary>
    Task<ProbeReport> ProbeAsync(Guid port, ProbeRequest request, CancellationToken cancellationToken = default);

    /// <summary>Every trace that is under way.</summary>
    Task<IReadOnlyList<TraceStatus>> ListTracesAsync(CancellationToken cancellationToken = default);

    /// <summary>Starts a trace that writes files; one that is under way stays as it is.</summary>
    Task PutTraceAsync(Guid id, TraceRequest request, CancellationToken cancellationToken = default);

    /// <summary>Ends a trace; one that is not there has ended.</summary>
    Task RemoveTraceAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Network interfaces that can be an uplink.</summary>
    Task<IReadOnlyList<NetworkInterfaceInfo>> ListInterfacesAsync(CancellationToken cancellationToken = default);

    /// <summary>Installed extensions.</summary>
    Task<IReadOnlyList<InstalledExtension>> ListExtensionsAsync(CancellationToken cancellationToken = default);

    /// <summary>Installs an extension, or puts a new version in place of the old one wherever that runs.</summary>
    Task<InstalledExtension> InstallExtensionAsync(InstallExtension request, CancellationToken cancellationToken = default);

    /// <summary>Removes an extension that no switch has enabled; one that is not there is removed already.</summary>
    Task RemoveExtensionAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>What extensions tell about a switch.</summary>
    Task<IReadOnlyList<ExtensionDataItem>> GetSwitchDataAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>What extensions tell about a port; the key of a switch stands for its uplink.</summary>
    Task<IReadOnlyList<ExtensionDataItem>> GetPortDataAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Tells extensions what happens to whoever is behind a port. A <see cref="ControlException"/> says that one of them refuses.</summary>
    Task NotifyPortAsync(Guid id, PortNoticeKind notice, CancellationToken cancellationToken = default);

    /// <summary>What extensions keep of a port, for its next place.</summary>
    Task<IReadOnlyList<ExtensionPortState>> SavePortStateAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Gives extensions back what they kept of a port at another place.</summary>
    Task RestorePortStateAsync(Guid id, IReadOnlyList<ExtensionPortState> state, CancellationToken cancellationToken = default);

    /// <summary>Events of extensions after <paramref name="sequence"/>; waits half a minute for one where there is none.</summary>
    Task<IReadOnlyList<ExtensionEvent>> ListExtensionEventsAsync(long sequence, CancellationToken cancellationToken = default);
}
