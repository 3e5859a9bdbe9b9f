using Vireo.Control.Switching;
using Vireo.Platform.Net;
using Vireo.Switch.Nat;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;

namespace Vireo.Switch.Plane;

/// <summary>What the plane tells about itself.</summary>
internal sealed partial class SwitchPlane
{
    /// <summary>Every switch with its ports.</summary>
    public async Task<IReadOnlyList<SwitchStatus>> ListSwitchesAsync()
    {
        await _gate.WaitAsync();
        try
        {
            List<SwitchStatus> found = [];
            foreach (var live in _switches.Values)
            {
                found.Add(await DescribeAsync(live));
            }

            return found;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>One switch.</summary>
    /// <exception cref="Control.ControlException">It is not there.</exception>
    public async Task<SwitchStatus> GetSwitchAsync(Guid id)
    {
        await _gate.WaitAsync();
        try
        {
            return _switches.TryGetValue(id, out var live)
                ? await DescribeAsync(live)
                : throw Refusals.NotFound($"There is no switch {id:D}.", id.ToString("D"));
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Every port.</summary>
    public async Task<IReadOnlyList<PortStatus>> ListPortsAsync()
    {
        await _gate.WaitAsync();
        try
        {
            return [.. _ports.Values.Select(Describe)];
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>One port.</summary>
    /// <exception cref="Control.ControlException">It is not there.</exception>
    public async Task<PortStatus> GetPortAsync(Guid id)
    {
        await _gate.WaitAsync();
        try
        {
            return _ports.TryGetValue(id, out var live) ? Describe(live) : throw Refusals.NotFound($"There is no port {id:D}.", id.ToString("D"));
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>How the plane is.</summary>
    public async Task<SwitchHealth> GetHealthAsync()
    {
        await _gate.WaitAsync();
        try
        {
            return new SwitchHealth(Environment.ProcessId, _switches.Count, _ports.Count, _threads.All.Sum(thread => thread.Reactor.Sleeps), _threads.All.Count);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Network interfaces that can be an uplink: those that carry Ethernet and are not the plane's own.</summary>
    public IReadOnlyList<NetworkInterfaceInfo> ListInterfaces()
    {
        var own = _ports.Values.Select(port => port.Specification.InterfaceName).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. NetworkInterfaces.List().Where(one => one.IsEthernet && !one.IsLoopback && !own.Contains(one.Name)).Select(one => new NetworkInterfaceInfo(
                one.Name,
                one.Driver is null ? one.Name : $"{one.Name} ({one.Driver})",
                Convert.ToHexString(one.Address.Span),
                one.IsUp,
                NetworkInterfaces.SpeedOf(one.Name))),
        ];
    }

    /// <summary>What people call a port: its interface, the name of the switch whose uplink it is, or its id. Called from any thread.</summary>
    private string NameOf(Guid port) => _names.GetValueOrDefault(port) ?? port.ToString("D");

    /// <summary>The names as they are now, for whoever looks from another thread.</summary>
    private void PublishNames() => _names = _ports.Values.Where(port => port.Specification.InterfaceName is not null)
        .Select(port => (port.Specification.Id, Name: port.Specification.InterfaceName!))
        .Concat(_switches.Values.Where(one => one.UplinkInterface is not null).Select(one => (one.Specification.Id, Name: one.UplinkInterface!)))
        .ToDictionary(pair => pair.Id, pair => pair.Name);

    private static PortStatistics Statistics(PortState? state)
    {
        Dictionary<string, long> dropped = new(StringComparer.Ordinal);
        if (state is null)
        {
            return new PortStatistics(0, 0, 0, 0, dropped);
        }

        var names = DropReason.Names;
        for (var id = 0; id < names.Count; id++)
        {
            var count = Volatile.Read(ref state.Dropped[id]) + (id == DropReason.QueueFull.Id ? state.RefusedCrossings : 0);
            if (count > 0)
            {
                dropped[names[id]] = count;
            }
        }

        return new PortStatistics(state.FramesIn, state.BytesIn, state.FramesOut, state.BytesOut, dropped);
    }

    private static PortStatus Describe(LivePort live) => new(
        live.Specification,
        live.State?.BackEnd.IsConnected ?? false,
        live.State?.Policy.Stages.Select(stage => stage.Name).ToArray() ?? [],
        Statistics(live.State),
        live.Fault ?? (live.State is { BackEnd.IsLost: true }
            ? $"Somebody removed the network interface '{live.Specification.InterfaceName}'; ask for the port again to make it anew."
            : null),
        live.State?.Policy.Stages.OfType<AclStage>().FirstOrDefault()?.Counters.Select(rule => new PortAclStatistics(
            rule.Key, rule.Value.Frames, rule.Value.Bytes, rule.Value.Generation, rule.Value.BytesBefore)).ToArray(),
        live.State?.Generation ?? Guid.Empty,
        live.State?.Carrier?.Index ?? 0);

    private async Task<SwitchStatus> DescribeAsync(LiveSwitch live)
    {
        var learned = await _threads.First.Reactor.InvokeAsync(() => live.State.Addresses.Count(_threads.First.Forwarder.Now));
        return new SwitchStatus(
            live.Specification,
            [.. _ports.Values.Where(port => port.Specification.SwitchId == live.Specification.Id).Select(Describe)],
            learned,
            live.Uplink is null ? null : Statistics(live.Uplink),
            live.NatSubnet is { } subnet && live.Specification.Nat ? NatNetwork.Describe(live.Nat, subnet) : null,
            live.Fault ?? (live.Uplink is { BackEnd.IsConnected: false }
                ? $"The network interface '{live.UplinkInterface}' is down or gone; bring it up, or give the switch another one."
                : null),
            live.Chain.Describe());
    }
}
