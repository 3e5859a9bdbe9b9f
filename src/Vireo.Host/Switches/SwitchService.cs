using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Control.Switching;
using Vireo.Host.History;
using Vireo.Host.Store;

namespace Vireo.Host.Switches;

/// <summary>
/// Switches: what should exist is on disk here, what does exist is the switch plane's. A change goes to the plane first, because the
/// plane may refuse it; then it is stored. A host that dies in between brings the plane back to what is stored at its next start.
/// </summary>
public sealed class SwitchService : ISwitches
{
    /// <summary>Key of the one trace that the host has the plane write.</summary>
    private static readonly Guid s_trace = new("7d3f8a52-64b1-4f0e-9c7a-2e5b91d06f43");

    private readonly SwitchStore _store;
    private readonly ISwitchControl _plane;
    private readonly EventLog _events;
    private readonly SemaphoreSlim _gate = new(1);
    private volatile IReadOnlyDictionary<Guid, SwitchConfiguration> _switches;

    /// <summary>Reads the switches, and adds the default switch to a host that has none.</summary>
    public SwitchService(SwitchStore store, ISwitchControl plane, EventLog events)
    {
        ArgumentNullException.ThrowIfNull(store);
        _store = store;
        _plane = plane;
        _events = events;
        _switches = store.Load().ToDictionary(one => one.Id);
        if (!_switches.ContainsKey(VMSwitch.DefaultSwitchId))
        {
            var adapter = Guid.NewGuid();
            var configuration = new SwitchConfiguration
            {
                Id = VMSwitch.DefaultSwitchId,
                Name = VMSwitch.DefaultSwitchName,
                SwitchType = VMSwitchType.Internal,
                Notes = "Gives guests addresses and the way out through this host.",
                ManagementAdapters =
                [
                    new(adapter, VMSwitch.DefaultSwitchName, Commands.Support.ManagementInterfaces.NameFor(adapter), Commands.Support.ManagementInterfaces.AddressFor(adapter)),
                ],
            };
            store.Save(configuration);
            _switches = new Dictionary<Guid, SwitchConfiguration>(_switches) { [configuration.Id] = configuration };
        }
    }

    /// <summary>Called when a switch is gone, so that adapters that were on it lose it.</summary>
    public Func<Guid, Task>? Removed { get; set; }

    /// <inheritdoc/>
    public IReadOnlyList<SwitchConfiguration> All => [.. _switches.Values.OrderBy(one => one.Name, StringComparer.OrdinalIgnoreCase)];

    /// <inheritdoc/>
    public SwitchConfiguration? Find(Guid id) => _switches.GetValueOrDefault(id);

    /// <summary>
    /// Brings the plane to what is stored: every switch and management adapter there, nothing else. Every switch is tried by itself; the
    /// answer says what could not be done.
    /// </summary>
    public async Task<IReadOnlyList<string>> ReconcileAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            return await ReconcileUnderGateAsync(cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<IReadOnlyList<string>> ReconcileUnderGateAsync(CancellationToken cancellation)
    {
        var failures = new List<string>();
        var wanted = _switches;
        foreach (var existing in await _plane.ListSwitchesAsync(cancellation))
        {
            if (!wanted.ContainsKey(existing.Switch.Id))
            {
                await _plane.RemoveSwitchAsync(existing.Switch.Id, cancellation);
            }
        }

        foreach (var configuration in wanted.Values)
        {
            try
            {
                await ApplyAsync(null, configuration, cancellation);
            }
            catch (Control.ControlException refused)
            {
                failures.Add($"{configuration.Name}: {refused.Message}");
            }
        }

        var adapters = wanted.Values.SelectMany(one => one.ManagementAdapters).Select(adapter => adapter.Id).ToHashSet();
        foreach (var port in await _plane.ListPortsAsync(cancellation))
        {
            if (port.Port.Kind == PortKind.Tap && !adapters.Contains(port.Port.Id))
            {
                await _plane.RemovePortAsync(port.Port.Id, cancellation);
            }
        }

        return failures;
    }

    /// <inheritdoc/>
    public async Task CreateAsync(SwitchConfiguration configuration, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        await _gate.WaitAsync(cancellation);
        try
        {
            try
            {
                await ApplyAsync(null, configuration, cancellation);
                _store.Save(configuration);
            }
            catch
            {
                // Half a switch is worse than none; what cannot be undone now is undone at the next start.
                await UndoAsync(configuration);
                throw;
            }

            Publish(configuration.Id, configuration);
            _events.Write("SwitchCreated", $"The virtual switch '{configuration.Name}' was created.", configuration.Id);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<SwitchConfiguration> ChangeAsync(Guid id, Func<SwitchConfiguration, SwitchConfiguration> change, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(change);
        await _gate.WaitAsync(cancellation);
        try
        {
            var before = Find(id) ?? throw Commands.Support.Errors.Invalid("The virtual switch does not exist any more.", id);
            var after = change(before);
            try
            {
                await ApplyAsync(before, after, cancellation);
                _store.Save(after);
            }
            catch
            {
                await ApplyAsync(after, before, CancellationToken.None);
                throw;
            }

            Publish(id, after);
            return after;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async Task RemoveAsync(Guid id, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (Find(id) is not { } configuration)
            {
                // Removed before, perhaps not by the plane.
                await _plane.RemoveSwitchAsync(id, cancellation);
                return;
            }

            _store.Remove(id);
            Publish(id, null);
            if (Removed is { } removed)
            {
                await removed(id);
            }

            foreach (var adapter in configuration.ManagementAdapters)
            {
                await _plane.RemovePortAsync(adapter.Id, cancellation);
            }

            await _plane.RemoveSwitchAsync(id, cancellation);
            _events.Write("SwitchRemoved", $"The virtual switch '{configuration.Name}' was removed.", id);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<AdapterAclCount>> AclCountsAsync(Guid adapter, CancellationToken cancellation) =>
    [
        .. ((await _plane.ListPortsAsync(cancellation)).FirstOrDefault(port => port.Port.Id == adapter)?.Acls ?? [])
            .Select(counted => new AdapterAclCount(PortPolicies.Of(counted.Rule), counted.Frames, counted.Bytes)),
    ];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<HostInterface>> InterfacesAsync(CancellationToken cancellation) =>
        [.. (await _plane.ListInterfacesAsync(cancellation)).Select(one => new HostInterface(one.Name, one.Description, one.BitsPerSecond))];

    /// <inheritdoc/>
    public Task TraceAsync(TraceRequest request, Action<FrameReport> take, CancellationToken cancellation) => _plane.TraceAsync(request, take, cancellation);

    /// <inheritdoc/>
    public Task<ProbeReport> ProbeAsync(Guid adapter, ProbeRequest request, CancellationToken cancellation) => _plane.ProbeAsync(adapter, request, cancellation);

    /// <inheritdoc/>
    public async Task<string?> StartTraceAsync(TraceRequest request, string? path, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        await _gate.WaitAsync(cancellation);
        try
        {
            if ((await _plane.ListTracesAsync(cancellation)).Any(trace => trace.Id == s_trace))
            {
                return null;
            }

            if (path is null)
            {
                Directory.CreateDirectory(_store.TraceFolder);
                path = Path.Combine(_store.TraceFolder, "network.pcapng");
            }

            await _plane.PutTraceAsync(s_trace, request with { Capture = (request.Capture ?? new CaptureRequest(path)) with { Path = path } }, cancellation);
            return path;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<TraceStatus?> StopTraceAsync(CancellationToken cancellation)
    {
        var running = (await _plane.ListTracesAsync(cancellation)).FirstOrDefault(trace => trace.Id == s_trace);
        await _plane.RemoveTraceAsync(s_trace, cancellation);
        return running;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<InstalledExtension>> ExtensionsAsync(CancellationToken cancellation) => _plane.ListExtensionsAsync(cancellation);

    /// <inheritdoc/>
    public Task<InstalledExtension> InstallExtensionAsync(string folder, CancellationToken cancellation) =>
        _plane.InstallExtensionAsync(new InstallExtension(folder), cancellation);

    /// <inheritdoc/>
    public Task RemoveExtensionAsync(Guid id, CancellationToken cancellation) => _plane.RemoveExtensionAsync(id, cancellation);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SwitchExtensionStatus>> ExtensionStatusAsync(Guid id, CancellationToken cancellation) =>
        (await _plane.ListSwitchesAsync(cancellation)).FirstOrDefault(one => one.Switch.Id == id)?.Extensions ?? [];

    /// <inheritdoc/>
    public Task<IReadOnlyList<ExtensionDataItem>> SwitchDataAsync(Guid id, CancellationToken cancellation) => _plane.GetSwitchDataAsync(id, cancellation);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ExtensionDataItem>> PortDataAsync(Guid id, CancellationToken cancellation)
    {
        try
        {
            return await _plane.GetPortDataAsync(id, cancellation);
        }
        catch (Control.ControlException missing) when (missing.Error.ErrorId == "ObjectNotFound")
        {
            // The machine is off, or the adapter on no switch: nobody sees its frames.
            return [];
        }
    }

    private async Task ApplyAsync(SwitchConfiguration? before, SwitchConfiguration after, CancellationToken cancellation)
    {
        var kind = after.SwitchType switch
        {
            VMSwitchType.Private => SwitchKind.Private,
            VMSwitchType.Internal => SwitchKind.Internal,
            _ => SwitchKind.External,
        };
        await _plane.PutSwitchAsync(
            new SwitchSpecification(
                after.Id, after.Name, kind, after.NetAdapterName, Nat: after.Id == VMSwitch.DefaultSwitchId, PortPolicies.BandwidthMode(after.MinimumBandwidthMode),
                after.DefaultFlowMinimumBandwidth,
                [.. after.Extensions.Select(one => new SwitchExtensionSpecification(one.ExtensionId, one.Enabled, PortPolicies.Of(one.Features)))],
                PortPolicies.Of(after.ExternalPortFeatures)),
            cancellation);
        foreach (var adapter in after.ManagementAdapters)
        {
            await _plane.PutPortAsync(
                new PortSpecification(
                    adapter.Id, after.Id, PortKind.Tap, null, adapter.InterfaceName, adapter.MacAddress, PortPolicies.VlanMode(adapter.Policy, adapter.AccessVlanId),
                    adapter.AccessVlanId, Policy: PortPolicies.Of(adapter.Policy, isGuest: false)),
                cancellation);
        }

        foreach (var gone in before?.ManagementAdapters.Where(old => after.ManagementAdapters.All(adapter => adapter.Id != old.Id)) ?? [])
        {
            await _plane.RemovePortAsync(gone.Id, cancellation);
        }
    }

    private async Task UndoAsync(SwitchConfiguration configuration)
    {
        try
        {
            foreach (var adapter in configuration.ManagementAdapters)
            {
                await _plane.RemovePortAsync(adapter.Id);
            }

            await _plane.RemoveSwitchAsync(configuration.Id);
        }
        catch (Control.ControlException unreachable)
        {
            _events.Write("SwitchUndoFailed", $"What was made of the virtual switch '{configuration.Name}' is removed at the next start: {unreachable.Message}", configuration.Id);
        }
    }

    private void Publish(Guid id, SwitchConfiguration? configuration)
    {
        var next = new Dictionary<Guid, SwitchConfiguration>(_switches);
        if (configuration is null)
        {
            next.Remove(id);
        }
        else
        {
            next[id] = configuration;
        }

        _switches = next;
    }
}
