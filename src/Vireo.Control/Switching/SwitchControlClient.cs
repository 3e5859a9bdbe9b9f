namespace Vireo.Control.Switching;

/// <summary>
/// Talks to a switch plane: <c>/v1/switches</c>, <c>/v1/switches/{id}</c>, <c>/v1/ports</c>, <c>/v1/ports/{id}</c> and
/// <c>/v1/interfaces</c>.
/// </summary>
/// <param name="socketPath">Socket of the plane, <see cref="HostPaths.SwitchSocket"/>.</param>
public sealed class SwitchControlClient(string socketPath) : ControlClient("switch", socketPath), ISwitchControl
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<SwitchStatus>> ListSwitchesAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/switches", null, SwitchJson.Default.IReadOnlyListSwitchStatus, cancellationToken);

    /// <summary>One switch with its ports.</summary>
    /// <exception cref="ControlException">It is not there, or the plane is not running.</exception>
    public Task<SwitchStatus> GetSwitchAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/switches/{id:D}", null, SwitchJson.Default.SwitchStatus, cancellationToken);

    /// <inheritdoc/>
    public Task PutSwitchAsync(SwitchSpecification specification, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(specification);
        return SendAsync(HttpMethod.Put, $"v1/switches/{specification.Id:D}", Body(specification, SwitchJson.Default.SwitchSpecification), cancellationToken);
    }

    /// <inheritdoc/>
    public Task RemoveSwitchAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/switches/{id:D}", null, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<PortStatus>> ListPortsAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/ports", null, SwitchJson.Default.IReadOnlyListPortStatus, cancellationToken);

    /// <summary>One port.</summary>
    /// <exception cref="ControlException">It is not there, or the plane is not running.</exception>
    public Task<PortStatus> GetPortAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/ports/{id:D}", null, SwitchJson.Default.PortStatus, cancellationToken);

    /// <inheritdoc/>
    public Task PutPortAsync(PortSpecification specification, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(specification);
        return SendAsync(HttpMethod.Put, $"v1/ports/{specification.Id:D}", Body(specification, SwitchJson.Default.PortSpecification), cancellationToken);
    }

    /// <inheritdoc/>
    public Task RemovePortAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/ports/{id:D}", null, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<NetworkInterfaceInfo>> ListInterfacesAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/interfaces", null, SwitchJson.Default.IReadOnlyListNetworkInterfaceInfo, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<InstalledExtension>> ListExtensionsAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/extensions", null, SwitchJson.Default.IReadOnlyListInstalledExtension, cancellationToken);

    /// <inheritdoc/>
    public Task<InstalledExtension> InstallExtensionAsync(InstallExtension request, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, "v1/extensions", Body(request, SwitchJson.Default.InstallExtension), SwitchJson.Default.InstalledExtension, cancellationToken);

    /// <inheritdoc/>
    public Task RemoveExtensionAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/extensions/{id:D}", null, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ExtensionDataItem>> GetSwitchDataAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/switches/{id:D}/extension-data", null, SwitchJson.Default.IReadOnlyListExtensionDataItem, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ExtensionDataItem>> GetPortDataAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/ports/{id:D}/extension-data", null, SwitchJson.Default.IReadOnlyListExtensionDataItem, cancellationToken);

    /// <inheritdoc/>
    public Task NotifyPortAsync(Guid id, PortNoticeKind notice, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, $"v1/ports/{id:D}/notices", Body(new PortNotice(notice), SwitchJson.Default.PortNotice), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ExtensionPortState>> SavePortStateAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/ports/{id:D}/extension-state", null, SwitchJson.Default.IReadOnlyListExtensionPortState, cancellationToken);

    /// <inheritdoc/>
    public Task RestorePortStateAsync(Guid id, IReadOnlyList<ExtensionPortState> state, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Put, $"v1/ports/{id:D}/extension-state", Body(state, SwitchJson.Default.IReadOnlyListExtensionPortState), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ExtensionEvent>> ListExtensionEventsAsync(long sequence, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"v1/extension-events?after={sequence}"), null, SwitchJson.Default.IReadOnlyListExtensionEvent, cancellationToken);

    /// <inheritdoc/>
    public Task TraceAsync(TraceRequest request, Action<FrameReport> take, CancellationToken cancellationToken = default) =>
        SendForLinesAsync(HttpMethod.Post, "v1/trace", Body(request, SwitchJson.Default.TraceRequest), SwitchJson.Default.FrameReport, take, cancellationToken);

    /// <inheritdoc/>
    public Task<ProbeReport> ProbeAsync(Guid port, ProbeRequest request, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, $"v1/ports/{port:D}/probe", Body(request, SwitchJson.Default.ProbeRequest), SwitchJson.Default.ProbeReport, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<TraceStatus>> ListTracesAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/traces", null, SwitchJson.Default.IReadOnlyListTraceStatus, cancellationToken);

    /// <inheritdoc/>
    public Task PutTraceAsync(Guid id, TraceRequest request, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Put, $"v1/traces/{id:D}", Body(request, SwitchJson.Default.TraceRequest), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveTraceAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/traces/{id:D}", null, cancellationToken);

    /// <summary>How the plane is.</summary>
    /// <exception cref="ControlException">The plane is not running.</exception>
    public Task<SwitchHealth> GetHealthAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/health", null, SwitchJson.Default.SwitchHealth, cancellationToken);
}
