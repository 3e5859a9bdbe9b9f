using System.Text.Json;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Platform.Files;
using Vireo.Platform.Net;
using Vireo.Platform.Testing;
using Vireo.Switch.Extensions;
using Vireo.Switch.Inspection;
using Vireo.Switch.Nat;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Stages;
using Vireo.Switch.Threads;
using Vireo.Switch.Tracing;
using Vireo.Vhost;

namespace Vireo.Switch.Plane;

/// <summary>
/// The control side: makes switches and ports as they are asked for, remembers them in a file, and makes them again at the next start.
/// A change is carried out first and stored then, so whoever was told of success finds it again after a crash, and whoever was not
/// simply asks again: every request can be repeated.
/// </summary>
internal sealed partial class SwitchPlane : IAsyncDisposable
{
    private const int AddressesPerSwitch = 8192;
    private const uint AgeingSeconds = 300;
    private static readonly TimeSpan s_metersStoredEvery = TimeSpan.FromSeconds(5);

    private readonly HostPaths _paths;
    private readonly TimeProvider _clock;
    private readonly Random _random;
    private readonly ILogger _log;
    private readonly NatServices _nat;
    private readonly PolicyCompiler _compiler;
    private readonly PacketThreads _threads;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Dictionary<Guid, LiveSwitch> _switches = [];
    private readonly Dictionary<Guid, LivePort> _ports = [];
    private readonly MeterBook _meters;
    private readonly PeriodicTimer _meterTimer;
    private Task _meterKeeper = Task.CompletedTask;
    private readonly TraceEventFeed _traceEvents;
    private volatile IReadOnlyDictionary<Guid, string> _names = new Dictionary<Guid, string>();
    private bool _isStored = true;

    private SwitchPlane(HostPaths paths, PacketThreads threads, TimeProvider clock, Random random, ILogger log)
    {
        _paths = paths;
        _clock = clock;
        _random = random;
        _log = log;
        _nat = new NatServices(Path.Combine(paths.State, "nat"), Path.Combine(paths.Run, "n"), clock, log);
        _compiler = new PolicyCompiler(new StageCatalog(clock), clock, random);
        _threads = threads;
        _meters = new MeterBook(paths.SwitchMeters);
        _meterTimer = new PeriodicTimer(s_metersStoredEvery, clock);
        _levelTimer = new PeriodicTimer(s_levelledIdle, clock);
        _extensions = new ExtensionRoom(paths, threads, threads.First.Forwarder, clock, new ExtensionLimits(), WatchExtensionsAsync);
        Traces = new TraceSessions(threads, clock, NameOf);
        _traceEvents = new TraceEventFeed(Traces, NameOf, log);
    }

    /// <summary>Who follows frames.</summary>
    public TraceSessions Traces { get; }

    /// <summary>Starts the plane and makes everything that it had again. What cannot be made now is reported with its fault, and kept.</summary>
    /// <exception cref="InvalidDataException">The state file cannot be read.</exception>
    /// <param name="paths">Where the host keeps its things.</param>
    /// <param name="clock">The time.</param>
    /// <param name="random">For keys of tables.</param>
    /// <param name="log">What is worth knowing.</param>
    /// <param name="packetThreads">Packet threads, 1 to <see cref="PacketThreads.CountMax"/>; null is <see cref="PacketThreads.CountDefault"/>.</param>
    public static async Task<SwitchPlane> StartAsync(HostPaths paths, TimeProvider clock, Random random, ILogger log, int? packetThreads = null)
    {
        AtomicFile.Sweep(paths.SwitchState);
        var state = PlaneState.Load(paths.SwitchState);
        var threads = await PacketThreads.StartAsync(packetThreads ?? PacketThreads.CountDefault, clock);
        var plane = new SwitchPlane(paths, threads, clock, random, log);
        await plane.LoadExtensionsAsync(state);
        state = PlaneState.Load(paths.SwitchState);
        foreach (var record in state.Switches)
        {
            await plane.RestoreAsync(record);
        }

        foreach (var port in state.Ports)
        {
            await plane.RestoreAsync(port);
        }

        foreach (var live in plane._switches.Values)
        {
            await plane.UpdateNatAsync(live);
        }

        plane.PublishNames();
        plane._meterKeeper = plane.KeepMetersAsync();
        if (threads.All.Count > 1)
        {
            plane._levelKeeper = plane.KeepLevelAsync();
        }

        return plane;
    }

    /// <summary>Makes or changes a switch.</summary>
    /// <exception cref="ControlException">It is refused; nothing has changed.</exception>
    public async Task PutSwitchAsync(SwitchSpecification asked)
    {
        Require(SpecificationRules.Validate(asked), asked.Name);
        await _gate.WaitAsync();
        try
        {
            RequireUplink(asked);
            RequireBandwidth(asked, _ports.Values.Select(port => port.Specification));
            var isNew = !_switches.TryGetValue(asked.Id, out var live);
            live ??= CreateSwitch(asked);
            var before = live.Specification.Extensions ?? [];
            await live.Chain.ApplyAsync(asked.Extensions ?? []);
            try
            {
                await ChangeUplinkAsync(live, asked);
            }
            catch
            {
                await live.Chain.ApplyAsync(isNew ? [] : before, isRestore: true);
                throw;
            }

            await SetBandwidthAsync(live, asked);
            live.Specification = asked;
            live.Fault = null;
            if (isNew)
            {
                _switches.Add(asked.Id, live);
            }

            CrashPoint.Hit("switch.applied");
            await UpdateNatAsync(live);
            Save();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Removes a switch. Its ports stay, connected to nothing.</summary>
    public async Task RemoveSwitchAsync(Guid id)
    {
        await _gate.WaitAsync();
        try
        {
            if (!_switches.TryGetValue(id, out var live))
            {
                return;
            }

            foreach (var port in _ports.Values.Where(port => port.Specification.SwitchId == id).ToList())
            {
                await ConnectAsync(port, null);
                port.Specification = port.Specification with { SwitchId = null };
            }

            live.Specification = live.Specification with { Nat = false };
            await UpdateNatAsync(live);
            _nat.Forget(id);
            await live.SetUplinkAsync(_threads, _compiler, null);
            await live.Chain.StopAsync();
            _switches.Remove(id);
            CrashPoint.Hit("switch.removed");
            Save();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Makes or changes a port. A guest stays attached while its VLAN or its switch changes.</summary>
    /// <exception cref="ControlException">It is refused; nothing has changed.</exception>
    public async Task PutPortAsync(PortSpecification asked)
    {
        Require(SpecificationRules.Validate(asked, _compiler), asked.Id.ToString("D"));
        await _gate.WaitAsync();
        try
        {
            RequireFree(asked);
            if (asked.SwitchId is { } on)
            {
                RequireBandwidth(_switches[on].Specification, _ports.Values.Select(port => port.Specification).Where(other => other.Id != asked.Id).Append(asked));
            }

            _ports.TryGetValue(asked.Id, out var live);
            var isSame = live is { State.BackEnd.IsLost: false } && AreSame(live.Specification, asked);
            if (isSame && HasSocket(asked) && _isStored)
            {
                return;
            }

            // A tap that is asked for again also gets its gateway looked after, should somebody have taken it down.
            var concerned = new[] { asked.SwitchId, live?.Specification.SwitchId };
            if (!isSame)
            {
                await MakeOrChangeAsync(live, asked);
                CrashPoint.Hit("switch.port.applied");
            }

            foreach (var owner in _switches.Values.Where(one => concerned.Contains(one.Specification.Id)))
            {
                await UpdateNatAsync(owner);
            }

            Save();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Removes a port with everything that stands behind it.</summary>
    public async Task RemovePortAsync(Guid id)
    {
        await _gate.WaitAsync();
        try
        {
            if (!_ports.Remove(id, out var live))
            {
                return;
            }

            foreach (var owner in _switches.Values)
            {
                await UpdateNatAsync(owner);
            }

            await CloseAsync(live, forever: true);
            CrashPoint.Hit("switch.port.removed");
            Save();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Stops everything. Taps, with their addresses, and address translation rules stay for the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        _meterTimer.Dispose();
        _levelTimer.Dispose();
        await _meterKeeper;
        await _levelKeeper;
        await _traceEvents.DisposeAsync();
        await Traces.EndAllAsync();
        await _gate.WaitAsync();
        _meters.Save();
        foreach (var live in _switches.Values)
        {
            if (live.Nat is not null)
            {
                await live.Nat.PauseAsync();
            }
        }

        foreach (var live in _ports.Values)
        {
            await CloseAsync(live, forever: false);
        }

        foreach (var live in _switches.Values)
        {
            await live.SetUplinkAsync(_threads, _compiler, null);
        }

        foreach (var live in _switches.Values)
        {
            await live.Chain.StopAsync();
        }

        _extensions.Dispose();
        _extensions.End();
        await _threads.StopTimersAsync();
        _threads.Dispose();
        _gate.Dispose();
    }

    private static void Require(IReadOnlyList<string> faults, string? target)
    {
        if (faults.Count > 0)
        {
            throw Refusals.Invalid(string.Join(' ', faults), target);
        }
    }

    private static bool AreSame(PortSpecification one, PortSpecification other) =>
        one with { Stages = null, Policy = null } == other with { Stages = null, Policy = null } && HaveSamePolicy(one, other);

    private static bool HaveSamePolicy(PortSpecification one, PortSpecification other) =>
        (one.Stages ?? []).Select(StageCatalog.KeyOf).SequenceEqual((other.Stages ?? []).Select(StageCatalog.KeyOf), StringComparer.Ordinal)
        && JsonSerializer.Serialize(one.Policy, SwitchJson.Default.PortPolicySpecification) == JsonSerializer.Serialize(other.Policy, SwitchJson.Default.PortPolicySpecification);

    private static bool HasSocket(PortSpecification port) => port.Kind is PortKind.VhostUser or PortKind.Datagram;

    private static bool NeedsNewBackEnd(LivePort live, PortSpecification asked)
    {
        var now = live.Specification;
        return live.State is null or { BackEnd.IsLost: true } || now.Kind != asked.Kind || now.SocketPath != asked.SocketPath || now.PeerSocketPath != asked.PeerSocketPath || now.InterfaceName != asked.InterfaceName
            || now.SocketConnects != asked.SocketConnects || now.AllowUnsealedMemory != asked.AllowUnsealedMemory || now.QueuePairs != asked.QueuePairs || now.SocketGroup != asked.SocketGroup;
    }

    private void RequireUplink(SwitchSpecification asked)
    {
        if (asked.ExternalInterface is not { } name)
        {
            return;
        }

        if (NetworkInterfaces.Find(name) is not { } found)
        {
            var names = string.Join(", ", ListInterfaces().Select(one => one.Name));
            throw Refusals.Invalid($"There is no network interface '{name}'; {(names.Length == 0 ? "none can be an uplink here" : $"there are {names}")}.", name);
        }

        if (found.IsLoopback || !found.IsEthernet)
        {
            throw Refusals.Invalid($"The network interface '{name}' does not carry Ethernet frames, so it cannot be the uplink of a switch.", name);
        }

        if (_switches.Values.FirstOrDefault(other => other.Specification.Id != asked.Id && other.Specification.ExternalInterface == name) is { } user)
        {
            throw Refusals.InUse($"The network interface '{name}' is the uplink of the switch '{user.Specification.Name}' already.", name);
        }

        if (_ports.Values.Any(port => port.Specification.InterfaceName == name))
        {
            throw Refusals.InUse($"The network interface '{name}' is a management adapter of a switch, so it cannot be an uplink.", name);
        }
    }

    private void RequireFree(PortSpecification asked)
    {
        if (asked.SwitchId is { } id && !_switches.ContainsKey(id))
        {
            throw Refusals.NotFound($"There is no switch {id:D}; make it first.", id.ToString("D"));
        }

        var others = _ports.Values.Select(port => port.Specification).Where(other => other.Id != asked.Id && HasSocket(other) == HasSocket(asked));
        if (HasSocket(asked))
        {
            if (others.FirstOrDefault(other => other.SocketPath == asked.SocketPath) is { } user)
            {
                throw Refusals.InUse($"The socket '{asked.SocketPath}' belongs to the port {user.Id:D} already.", asked.SocketPath);
            }
        }
        else if (others.Any(other => other.InterfaceName == asked.InterfaceName)
            || _switches.Values.Any(live => live.Specification.ExternalInterface == asked.InterfaceName))
        {
            throw Refusals.InUse($"The network interface '{asked.InterfaceName}' is used by another port or switch already.", asked.InterfaceName);
        }
    }

    private static void RequireBandwidth(SwitchSpecification on, IEnumerable<PortSpecification> ports) => BandwidthRules.Require(
        on, ports.Where(port => port.SwitchId == on.Id), on.ExternalInterface is { } uplink ? NetworkInterfaces.SpeedOf(uplink) : 0);

    private Task SetBandwidthAsync(LiveSwitch live, SwitchSpecification asked) =>
        _threads.StopAsync(() => live.State.SetBandwidth(asked.BandwidthMode, asked.DefaultFlowMinimumBandwidth));

    private LiveSwitch CreateSwitch(SwitchSpecification asked)
    {
        var state = new SwitchState(
            asked.Id, new MacTable(AddressesPerSwitch, AgeingSeconds, (ulong)_random.NextInt64()),
            new AddressBook(AddressesPerSwitch, (ulong)_random.NextInt64()), _threads.All.Count);
        return new LiveSwitch(asked, state, new ExtensionChain(state, asked.Name, _extensions));
    }

    private async Task ChangeUplinkAsync(LiveSwitch live, SwitchSpecification asked)
    {
        if (live.Uplink is { } uplink && live.UplinkInterface is { } name)
        {
            await live.Chain.ChangeAsync(uplink, PortFacts.Uplink(asked, name));
        }

        await SetUplinkAsync(live, asked);
        if (live.Uplink is { } next && live.UplinkInterface is { } nextName)
        {
            await live.Chain.ChangeAsync(next, PortFacts.Uplink(asked, nextName));
        }
    }

    private async Task SetUplinkAsync(LiveSwitch live, SwitchSpecification asked)
    {
        try
        {
            await live.SetUplinkAsync(_threads, _compiler, asked.ExternalInterface);
        }
        catch (IOException exception)
        {
            throw Refusals.Failed($"The switch '{asked.Name}' could not be given its uplink. {exception.Message}", asked.ExternalInterface, exception);
        }
    }

    private async Task MakeOrChangeAsync(LivePort? live, PortSpecification asked)
    {
        if (live is not null && !NeedsNewBackEnd(live, asked))
        {
            await ChangeAsync(live, asked);
            return;
        }

        if (live is not null)
        {
            await CloseAsync(live, forever: true);
        }

        var next = new LivePort(asked);
        try
        {
            await OpenAsync(next);
        }
        catch (ControlException exception) when (live is not null)
        {
            live.Fault = exception.Error.Message;
            throw;
        }

        _ports[asked.Id] = next;
    }

    private async Task OpenAsync(LivePort live)
    {
        var asked = live.Specification;
        try
        {
            var policy = asked.Kind == PortKind.Packet ? _compiler.CompileUplink() : _compiler.Compile(PortSettings.Of(asked), null, _meters.Of(asked.Id));
            await live.OpenAsync(_threads, policy, Observe);
            FollowMeters(asked.Id, policy);
        }
        catch (IOException exception)
        {
            const int busy = 16;
            const int invalid = 22;
            throw exception.HResult switch
            {
                busy => Refusals.InUse($"The network interface '{asked.InterfaceName}' is open in another process; stop it, or choose another name.", asked.InterfaceName, exception),
                invalid when asked.Kind == PortKind.Tap => Refusals.InUse($"The network interface '{asked.InterfaceName}' exists and is not a tap; choose another name.", asked.InterfaceName, exception),
                _ => Refusals.Failed($"The port {asked.Id:D} could not be made. {exception.Message}", asked.SocketPath ?? asked.InterfaceName, exception),
            };
        }

        await ConnectAsync(live, asked.SwitchId);
    }

    private async Task ChangeAsync(LivePort live, PortSpecification asked)
    {
        var state = live.State!;
        var now = live.Specification;
        var moves = now.SwitchId != asked.SwitchId;
        if (!moves && now.SwitchId is { } home)
        {
            await _switches[home].Chain.ChangeAsync(state, PortFacts.Of(asked));
        }

        if (now.VlanMode != asked.VlanMode || now.AccessVlanId != asked.AccessVlanId || now.MacAddress != asked.MacAddress || !HaveSamePolicy(now, asked))
        {
            var vlans = state.Policy.Vlans;
            state.Policy = asked.Kind == PortKind.Packet ? _compiler.CompileUplink() : _compiler.Compile(PortSettings.Of(asked), state.Policy);
            FollowMeters(asked.Id, state.Policy);
            await _threads.StopAsync(() =>
            {
                state.Switch?.PoliciesChanged();
                if (!vlans.Equals(state.Policy.Vlans))
                {
                    // Stations learned in the old VLAN would attract frames that the port refuses.
                    state.Switch?.Forget(state.Slot);
                }
            });
        }

        live.Specification = asked;
        if (asked.Kind == PortKind.Tap && now.MacAddress != asked.MacAddress)
        {
            live.SetHardwareAddress();
        }

        if (moves)
        {
            await ConnectAsync(live, asked.SwitchId);
        }
    }

    private Task ConnectAsync(LivePort live, Guid? switchId) => live.State is not { } state
        ? Task.CompletedTask
        : MoveAsync(state, PortFacts.Of(live.Specification), switchId is { } id ? _switches[id] : null);

    private async Task CloseAsync(LivePort live, bool forever)
    {
        if (live.State is { } state)
        {
            await ConnectAsync(live, null);
            await _threads.ForgetAsync(state);
        }

        await live.CloseAsync(_threads, forever);
    }

    private async Task RestoreAsync(SwitchRecord record)
    {
        var live = CreateSwitch(record.Switch);
        live.NatSubnet = record.NatSubnet is null ? null : IPv4Subnet.Parse(record.NatSubnet);
        _switches.Add(record.Switch.Id, live);
        await SetBandwidthAsync(live, record.Switch);
        await RestoreExtensionsAsync(live, record);
        try
        {
            RequireUplink(record.Switch);
            await SetUplinkAsync(live, record.Switch);
        }
        catch (ControlException exception)
        {
            live.Fault = exception.Error.Message;
            LogNotRestored(exception.Error.Message);
        }
    }

    private async Task RestoreAsync(PortSpecification port)
    {
        var live = new LivePort(port);
        _ports.Add(port.Id, live);
        try
        {
            await OpenAsync(live);
        }
        catch (ControlException exception)
        {
            live.Fault = exception.Error.Message;
            LogNotRestored(exception.Error.Message);
        }
    }

    /// <summary>Brings the gateway of a switch to what the switch and its management adapters are now.</summary>
    private async Task UpdateNatAsync(LiveSwitch live)
    {
        var id = live.Specification.Id;
        if (live.Specification.Nat)
        {
            live.NatSubnet ??= _nat.ChooseSubnet(_switches.Values.Select(other => other.NatSubnet), id);
        }

        var tap = live.Specification.Nat
            ? _ports.Values.FirstOrDefault(port => port.Specification.SwitchId == id && port.Specification.Kind == PortKind.Tap && port.State is not null)
            : null;
        if (tap is null)
        {
            if (live.Nat is not null)
            {
                await live.Nat.StopAsync();
                live.Nat = null;
            }

            return;
        }

        if (live.Nat is not null && live.Nat.InterfaceName != tap.Specification.InterfaceName)
        {
            await live.Nat.StopAsync();
            live.Nat = null;
        }

        live.Nat ??= new NatNetwork(_nat, id, live.NatSubnet!.Value, tap.Specification.InterfaceName!);
        await live.Nat.StartAsync();
    }

    private void Save()
    {
        PublishNames();
        // Where the disk refuses, the next request stores this change too.
        _isStored = false;
        new PlaneState(
            PlaneState.CurrentVersion,
            [.. _switches.Values.Select(live => new SwitchRecord(live.Specification, live.NatSubnet?.ToString(), [.. live.Chain.Failures.Values]))],
            [.. _ports.Values.Select(live => live.Specification)]).Save(_paths.SwitchState);
        _isStored = true;
    }

    private void FollowMeters(Guid port, PortPolicy policy) => _meters.Follow(port, policy.Stages.OfType<AclStage>().FirstOrDefault()?.Counters);

    private async Task KeepMetersAsync()
    {
        while (await _meterTimer.WaitForNextTickAsync())
        {
            await _gate.WaitAsync();
            try
            {
                _meters.Save();
            }
            catch (IOException exception)
            {
                LogNotStored(exception.Message);
            }
            finally
            {
                _gate.Release();
            }
        }
    }

    private void Observe(VhostUserEvent what) => LogGuest(what.Message);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Message}")]
    private partial void LogGuest(string message);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The meters could not be stored: {Message}")]
    private partial void LogNotStored(string message);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not restored: {Message}")]
    private partial void LogNotRestored(string message);
}
