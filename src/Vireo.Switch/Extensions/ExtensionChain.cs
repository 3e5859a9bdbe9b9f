using System.Text.Json;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Plane;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>
/// The extensions of one switch, in order, and its ports as they see them. For the control side, one call at a time. What is asked is checked, vetoes
/// included, before anything changes; then every port gets its new list of stages with one write.
/// </summary>
internal sealed class ExtensionChain(SwitchState state, string switchName, ExtensionRoom room)
{
    private readonly List<PortSeat> _seats = [];
    private List<Place> _places = [];

    /// <summary>Why extensions were cut off; kept until they are disabled or replaced.</summary>
    public Dictionary<Guid, ExtensionFailure> Failures { get; } = [];

    /// <summary>Instances that run.</summary>
    public IEnumerable<ExtensionInstance> Running => _places.Where(place => place.Instance is not null).Select(place => place.Instance!);

    /// <summary>The switch.</summary>
    public SwitchState State => state;

    /// <summary>How the extensions are.</summary>
    public IReadOnlyList<SwitchExtensionStatus> Describe() =>
    [
        .. _places.Select(place => new SwitchExtensionStatus(
            place.Asked.ExtensionId, place.Instance?.Package.Manifest.Version, place.Asked.Enabled, place.Instance is { Status: InstanceStatus.Running },
            (place.Instance?.Counters ?? place.LastCounters).Read(), place.Fault)),
    ];

    /// <summary>Brings the extensions to what is asked. At a start of the plane (<paramref name="isRestore"/>) what cannot run is reported as a fault instead.</summary>
    /// <exception cref="ControlException">It is refused; nothing has changed.</exception>
    public async Task ApplyAsync(IReadOnlyList<SwitchExtensionSpecification> asked, bool isRestore = false)
    {
        if (!isRestore)
        {
            Require(asked);
        }

        List<Place> next = [];
        List<(ExtensionInstance Instance, object?[] Settings)> changes = [];
        try
        {
            foreach (var one in asked)
            {
                var before = _places.Find(place => place.Asked.ExtensionId == one.ExtensionId);
                var place = new Place(one) { LastCounters = before?.Instance?.Counters ?? before?.LastCounters ?? new ExtensionCounters() };
                next.Add(place);
                if (!one.Enabled)
                {
                    continue;
                }

                if (before?.Instance is { } running)
                {
                    place.Instance = running;
                    if (!HaveSameSettings(before.Asked, one))
                    {
                        var settings = ReadSettings(running, one.Features, FeatureScope.Switch);
                        await AskAsync(running, null, settings);
                        changes.Add((running, settings));
                    }

                    continue;
                }

                await StartAsync(place, isRestore);
            }
        }
        catch
        {
            foreach (var place in next.Where(place => place.Instance is not null && !Running.Contains(place.Instance)))
            {
                await StopAsync(place.Instance!);
            }

            throw;
        }

        foreach (var one in asked.Where(one => !one.Enabled))
        {
            Failures.Remove(one.ExtensionId);
            room.Forgive(one.ExtensionId);
        }

        var gone = Running.Where(instance => next.TrueForAll(place => place.Instance != instance)).ToList();
        _places = next;
        foreach (var (instance, settings) in changes)
        {
            SetSwitchSettings(instance, settings);
            await instance.CallAsync(code => code.OnSettings(null));
        }

        await PublishAsync();
        foreach (var instance in gone)
        {
            await StopAsync(instance);
            room.Note("ExtensionStopped", state.Id, instance.Package.Manifest, $"The extension '{instance.Name}' was taken out of the switch '{switchName}'.");
        }
    }

    /// <summary>A port is about to come to the switch. <see cref="Seated"/> and <see cref="JoinedAsync"/> follow.</summary>
    /// <exception cref="ControlException">An extension refuses.</exception>
    public async Task JoinAsync(PortState port, PortFacts facts)
    {
        var number = 1;
        while (_seats.Exists(other => other.Number == number))
        {
            number++;
        }

        var seat = new PortSeat(port, facts, number);
        foreach (var instance in Running.ToList())
        {
            await AddViewAsync(seat, instance);
            if (await instance.CallAsync(code => code.OnChanging(new StateChange(StateChangeKind.PortCreated, seat.Views[instance]))) is { } reason)
            {
                throw Refused(instance, $"the port '{facts.Name}' to come to the switch '{switchName}'", reason, facts.Id);
            }
        }

        _seats.Add(seat);
        SetPorts();
        port.SetExtensions(StagesOf(seat));
    }

    /// <summary>The port is in its place now. On the packet thread.</summary>
    public void Seated(PortState port)
    {
        if (_seats.Find(one => one.State == port) is { } seat)
        {
            foreach (var view in seat.Views.Values)
            {
                view.Slot = port.Slot;
            }

            state.Forwarding = Seat();
        }
    }

    /// <summary>The port has come.</summary>
    public async Task JoinedAsync(PortState port)
    {
        if (_seats.Find(one => one.State == port) is { } seat)
        {
            await TellAsync(seat, StateChangeKind.PortCreated);
        }
    }

    /// <summary>A port has left the switch.</summary>
    public async Task LeaveAsync(PortState port)
    {
        if (_seats.Find(one => one.State == port) is not { } seat)
        {
            return;
        }

        _seats.Remove(seat);
        foreach (var view in seat.Views.Values)
        {
            view.Slot = -1;
        }

        SetPorts();
        state.Forwarding = Seat();
        await TellAsync(seat, StateChangeKind.PortRemoved);
        if (port.Switch is null)
        {
            port.SetExtensions([]);
        }
    }

    /// <summary>A port's settings of extensions have changed.</summary>
    /// <exception cref="ControlException">They cannot be read, or an extension refuses; nothing has changed.</exception>
    public async Task ChangeAsync(PortState port, PortFacts facts)
    {
        if (_seats.Find(one => one.State == port) is not { } seat)
        {
            return;
        }

        List<(ExtensionInstance Instance, object?[] Settings)> changes = [];
        foreach (var instance in Running)
        {
            var id = instance.Package.Manifest.Id;
            if (Text(Own(seat.Facts.Features, id)) != Text(Own(facts.Features, id)))
            {
                var settings = ReadSettings(instance, facts.Features, FeatureScope.Port);
                await AskAsync(instance, seat.Views[instance], settings);
                changes.Add((instance, settings));
            }
        }

        seat.Facts = facts;
        foreach (var (instance, settings) in changes)
        {
            seat.Views[instance].SetSettings(settings);
            await instance.CallAsync(code => code.OnSettings(seat.Views[instance]));
        }
    }

    /// <summary>Something happens to whoever is behind a port.</summary>
    /// <returns>False when the port is not on this switch.</returns>
    /// <exception cref="ControlException">An extension refuses.</exception>
    public async Task<bool> NotifyAsync(Guid port, StateChangeKind kind, string what)
    {
        if (_seats.Find(one => one.Facts.Id == port) is not { } seat)
        {
            return false;
        }

        // What has happened cannot be refused.
        foreach (var instance in kind is StateChangeKind.MachineStopped or StateChangeKind.MachineMigrated ? [] : Running)
        {
            if (await instance.CallAsync(code => code.OnChanging(new StateChange(kind, seat.Views[instance]))) is { } reason)
            {
                throw Refused(instance, what, reason, port);
            }
        }

        await TellAsync(seat, kind);
        return true;
    }

    /// <summary>Tells extensions who has come and gone behind the ports since the last time.</summary>
    public async Task LookAtPortsAsync()
    {
        foreach (var seat in _seats.ToList())
        {
            var isConnected = seat.State.BackEnd.IsConnected;
            if (isConnected != seat.WasConnected)
            {
                seat.WasConnected = isConnected;
                await TellAsync(seat, isConnected ? StateChangeKind.AdapterConnected : StateChangeKind.AdapterDisconnected);
            }
        }
    }

    /// <summary>What extensions keep of a port; null when it is not on this switch.</summary>
    public async Task<IReadOnlyList<ExtensionPortState>?> SaveAsync(Guid port)
    {
        if (_seats.Find(one => one.Facts.Id == port) is not { } seat)
        {
            return null;
        }

        List<ExtensionPortState> kept = [];
        foreach (var instance in Running.ToList())
        {
            var bag = new StateBag();
            if (await instance.CallAsync(code => code.OnSave(seat.Views[instance], bag)) && bag.Names.Count > 0)
            {
                kept.Add(new ExtensionPortState(instance.Package.Manifest.Id, Entries(bag)));
            }
        }

        return kept;
    }

    /// <summary>Gives extensions back what they kept of a port.</summary>
    public async Task<bool> RestoreAsync(Guid port, IReadOnlyList<ExtensionPortState> kept)
    {
        if (_seats.Find(one => one.Facts.Id == port) is not { } seat)
        {
            return false;
        }

        foreach (var one in kept)
        {
            if (Running.FirstOrDefault(instance => instance.Package.Manifest.Id == one.ExtensionId) is { } instance)
            {
                var bag = Bag(one.Entries);
                await instance.CallAsync(code => code.OnRestore(seat.Views[instance], bag));
            }
        }

        return true;
    }

    /// <summary>What extensions tell about the switch, or about a port; null when the port is not on this switch.</summary>
    public async Task<IReadOnlyList<ExtensionDataItem>?> DataAsync(Guid? port)
    {
        var seat = port is { } id ? _seats.Find(one => one.Facts.Id == id) : null;
        if (port is not null && seat is null)
        {
            return null;
        }

        List<ExtensionDataItem> items = [];
        foreach (var instance in Running)
        {
            foreach (var data in instance.Features.Data.Where(one => one.Scope == (seat is null ? FeatureScope.Switch : FeatureScope.Port)))
            {
                if (await instance.CallAsync<object>(_ => data.Read(seat?.Views[instance])) is JsonElement json)
                {
                    items.Add(new ExtensionDataItem(instance.Package.Manifest.Id, data.Id, data.Name, json));
                }
            }
        }

        return items;
    }

    /// <summary>Takes out what has failed since the last time.</summary>
    /// <returns>Whether something had.</returns>
    public async Task<bool> TakeOutFailedAsync()
    {
        var failed = _places.Where(place => place.Instance is { Status: InstanceStatus.Failed }).ToList();
        foreach (var place in failed)
        {
            var instance = place.Instance!;
            var manifest = instance.Package.Manifest;
            var failure = new ExtensionFailure(manifest.Id, manifest.Version, instance.Failure ?? "It does not work.");
            Failures[manifest.Id] = failure;
            place.Fault = Sentence(manifest, failure, switchName);
            place.LastCounters = instance.Counters;
            place.Instance = null;
            await PublishAsync();
            await StopAsync(instance);
            room.Note("ExtensionFailed", state.Id, manifest, place.Fault);
        }

        return failed.Count > 0;
    }

    /// <summary>Makes an instance of a new version beside the one that runs, with its settings and what that one keeps.</summary>
    /// <exception cref="ControlException">The new version does not start.</exception>
    public async Task<ExtensionInstance?> PrepareUpgradeAsync(ExtensionPackage package)
    {
        if (_places.Find(place => place.Instance?.Package.Manifest.Id == package.Manifest.Id) is not { Instance: { } old } place)
        {
            return null;
        }

        var next = await CreateAsync(package, place.Asked);
        try
        {
            var bag = new StateBag();
            await old.CallAsync(code => code.OnSave(null, bag));
            await next.CallAsync(code => code.OnRestore(null, bag));
            foreach (var seat in _seats)
            {
                var portBag = new StateBag();
                await old.CallAsync(code => code.OnSave(seat.Views[old], portBag));
                await next.CallAsync(code => code.OnRestore(seat.Views[next], portBag));
            }

            if (next.Status == InstanceStatus.Failed)
            {
                throw Refusals.Invalid($"The extension '{package.Manifest.Name}' {package.Manifest.Version} cannot take over on the switch '{switchName}'. {next.Failure}", package.Manifest.Name);
            }

            return next;
        }
        catch
        {
            await StopAsync(next);
            throw;
        }
    }

    /// <summary>Drops a prepared instance.</summary>
    public Task AbandonAsync(ExtensionInstance next) => StopAsync(next);

    /// <summary>Puts a prepared instance in place of the one that runs; frames go from one to the other without a gap.</summary>
    public async Task UpgradeAsync(ExtensionInstance next)
    {
        var place = _places.Find(one => one.Instance?.Package.Manifest.Id == next.Package.Manifest.Id)!;
        var old = place.Instance!;
        place.Instance = next;
        await PublishAsync();
        await StopAsync(old);
    }

    /// <summary>Tries again what could not run, with another version.</summary>
    public async Task RetryAsync(Guid extension)
    {
        if (_places.Find(place => place.Asked.ExtensionId == extension && place.Asked.Enabled && place.Instance is null) is { } place)
        {
            Failures.Remove(extension);
            room.Forgive(extension);
            place.Fault = null;
            await StartAsync(place, isRestore: true);
            await PublishAsync();
        }
    }

    /// <summary>Whether it is enabled here.</summary>
    public bool Has(Guid extension) => _places.Exists(place => place.Asked.ExtensionId == extension && place.Asked.Enabled);

    /// <summary>Takes everything out.</summary>
    public async Task StopAsync()
    {
        var running = Running.ToList();
        _places = [];
        await PublishAsync();
        foreach (var instance in running)
        {
            await StopAsync(instance);
        }
    }

    private void Require(IReadOnlyList<SwitchExtensionSpecification> asked)
    {
        if (asked.GroupBy(one => one.ExtensionId).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw Refusals.Invalid($"The extension {twice.Key:D} is named twice for the switch '{switchName}'.", twice.Key.ToString("D"));
        }

        var enabled = asked.Where(one => one.Enabled).ToList();
        foreach (var one in enabled)
        {
            if (room.Find(one.ExtensionId) is null && !Has(one.ExtensionId))
            {
                throw Refusals.NotFound($"There is no extension {one.ExtensionId:D} on this host; install it first.", one.ExtensionId.ToString("D"));
            }
        }

        var forwarding = enabled.Select(one => room.Find(one.ExtensionId)?.Manifest).Where(manifest => manifest is { Kind: SwitchExtensionKind.Forwarding }).ToList();
        if (forwarding.Count > 1)
        {
            throw Refusals.Invalid(
                $"The switch '{switchName}' can have one forwarding extension; '{forwarding[0]!.Name}' and '{forwarding[1]!.Name}' are two. Disable one of them.", switchName);
        }
    }

    private async Task StartAsync(Place place, bool isRestore)
    {
        var id = place.Asked.ExtensionId;
        if (room.Find(id) is not { } package)
        {
            place.Fault = $"There is no extension {id:D} on this host; install it, or disable it.";
            return;
        }

        place.FailsClosed = package.Manifest.FailsClosed;
        if (room.GuiltOf(id) is { } guilt && guilt.Version == package.Manifest.Version && Failures.TryAdd(id, guilt))
        {
            room.Note("ExtensionFailed", state.Id, package.Manifest, Sentence(package.Manifest, guilt, switchName));
        }

        if (Failures.TryGetValue(id, out var failure) && failure.Version == package.Manifest.Version)
        {
            place.Fault = Sentence(package.Manifest, failure, switchName);
            return;
        }

        try
        {
            place.Instance = await CreateAsync(package, place.Asked);
            place.LastCounters = place.Instance.Counters;
            room.Note("ExtensionStarted", state.Id, package.Manifest, $"The extension '{package.Manifest.Name}' {package.Manifest.Version} runs on the switch '{switchName}'.");
        }
        catch (ControlException exception) when (isRestore)
        {
            place.Fault = exception.Error.Message;
            room.Note("ExtensionFailed", state.Id, package.Manifest, place.Fault);
        }
    }

    private async Task<ExtensionInstance> CreateAsync(ExtensionPackage package, SwitchExtensionSpecification asked)
    {
        ExtensionInstance instance;
        try
        {
            instance = room.Create(package, state, switchName);
        }
        catch (Exception exception)
        {
            throw Refusals.Invalid($"The extension '{package.Manifest.Name}' {package.Manifest.Version} cannot be used. {exception.Message}", package.Manifest.Name, exception);
        }

        try
        {
            SetSwitchSettings(instance, ReadSettings(instance, asked.Features, FeatureScope.Switch));
            instance.Run();
            foreach (var seat in _seats)
            {
                await AddViewAsync(seat, instance);
            }

            instance.SetPorts(ViewsOf(instance));
            if (!await instance.CallAsync(code => code.OnStart()))
            {
                throw Refusals.Invalid($"The extension '{package.Manifest.Name}' does not start on the switch '{switchName}'. {instance.Failure}", package.Manifest.Name);
            }

            return instance;
        }
        catch
        {
            await StopAsync(instance);
            throw;
        }
    }

    private async Task StopAsync(ExtensionInstance instance)
    {
        instance.Stop();
        var isGone = await instance.CallAsync(code => code.OnStop());
        foreach (var seat in _seats)
        {
            seat.Views.Remove(instance);
        }

        room.GiveBack(instance, isGone);
    }

    private static Task AddViewAsync(PortSeat seat, ExtensionInstance instance)
    {
        var view = seat.CreateView();
        view.SetSettings(ReadSettings(instance, seat.Facts.Features, FeatureScope.Port));
        seat.Views[instance] = view;
        return Task.CompletedTask;
    }

    private async Task AskAsync(ExtensionInstance instance, SwitchPort? port, object?[] settings)
    {
        foreach (var feature in instance.Features.Features.Where(one => one.Scope == (port is null ? FeatureScope.Switch : FeatureScope.Port)))
        {
            var change = new StateChange(StateChangeKind.Settings, port, settings[feature.Index]);
            if (await instance.CallAsync(code => code.OnChanging(change)) is { } reason)
            {
                throw Refused(instance, $"the settings '{feature.Name}'", reason, port?.Id ?? state.Id);
            }
        }
    }

    private async Task TellAsync(PortSeat seat, StateChangeKind kind)
    {
        foreach (var instance in Running.ToList())
        {
            if (seat.Views.TryGetValue(instance, out var view))
            {
                await instance.CallAsync(code => code.OnChanged(new StateChange(kind, view)));
            }
        }
    }

    private void SetPorts()
    {
        foreach (var instance in Running)
        {
            instance.SetPorts(ViewsOf(instance));
        }
    }

    private IReadOnlyList<SwitchPort> ViewsOf(ExtensionInstance instance) =>
        [.. _seats.Where(seat => seat.Views.ContainsKey(instance)).Select(seat => seat.Views[instance])];

    private async Task PublishAsync()
    {
        SetPorts();
        foreach (var seat in _seats)
        {
            seat.State.SetExtensions(StagesOf(seat));
        }

        state.Forwarding = Seat();

        // Behind this point no packet thread is inside what was taken out, unless it hangs there.
        await room.FenceAsync();
    }

    private ForwardingSeat? Seat()
    {
        if (Running.FirstOrDefault(one => one.Code.Kind == ExtensionKind.Forwarding) is not { } instance)
        {
            return null;
        }

        var views = ViewsOf(instance).Where(view => view.Slot >= 0).ToList();
        var bySlot = new SwitchPort?[views.Count == 0 ? 0 : views.Max(view => view.Slot) + 1];
        foreach (var view in views)
        {
            bySlot[view.Slot] = view;
        }

        return new ForwardingSeat(instance, bySlot);
    }

    // Capture stands next to the port, forwarding next to the lookup; filters and firewalls in between, in the order asked.
    private IReadOnlyList<IStage> StagesOf(PortSeat seat)
    {
        List<(int Rank, IStage Stage)> stages = [];
        foreach (var place in _places.Where(place => place.Asked.Enabled))
        {
            if (place.Instance is not { } instance)
            {
                if (place.FailsClosed)
                {
                    stages.Add((1, new BlockStage(room.Find(place.Asked.ExtensionId)?.Manifest.Name ?? place.Asked.ExtensionId.ToString("D"))));
                }
            }
            else if (instance.Code.Kind != ExtensionKind.Forwarding)
            {
                stages.Add((instance.Code.Kind == ExtensionKind.Capture ? 0 : 1, new ExtensionStage(instance, seat.Views[instance])));
            }
        }

        return [.. stages.OrderBy(one => one.Rank).Select(one => one.Stage)];
    }

    private static object?[] ReadSettings(ExtensionInstance instance, IReadOnlyList<ExtensionFeatureSpecification>? asked, FeatureScope scope)
    {
        var settings = new object?[instance.Features.Features.Count];
        foreach (var one in Own(asked ?? [], instance.Package.Manifest.Id))
        {
            var feature = instance.Features.Features.FirstOrDefault(known => known.Id == one.FeatureId && known.Scope == scope)
                ?? throw Refusals.Invalid($"The extension '{instance.Name}' has no feature {one.FeatureId:D} for a {(scope == FeatureScope.Port ? "port" : "switch")}.", one.FeatureId.ToString("D"));
            try
            {
                settings[feature.Index] = feature.Read(one.Settings);
            }
            catch (Exception exception)
            {
                throw Refusals.Invalid($"The settings '{feature.Name}' of the extension '{instance.Name}' cannot be read: {exception.Message}", feature.Name, exception);
            }
        }

        return settings;
    }

    private static void SetSwitchSettings(ExtensionInstance instance, object?[] settings)
    {
        foreach (var feature in instance.Features.Features.Where(one => one.Scope == FeatureScope.Switch))
        {
            feature.Set(settings[feature.Index]);
        }
    }

    private static IEnumerable<ExtensionFeatureSpecification> Own(IEnumerable<ExtensionFeatureSpecification> features, Guid extension) =>
        features.Where(one => one.ExtensionId == extension);

    private static bool HaveSameSettings(SwitchExtensionSpecification one, SwitchExtensionSpecification other) => Text(one.Features) == Text(other.Features);

    private static string Text(IEnumerable<ExtensionFeatureSpecification>? features) =>
        string.Join('\n', (features ?? []).Select(one => $"{one.FeatureId:D} {one.Settings.GetRawText()}"));

    private static Dictionary<string, byte[]> Entries(StateBag bag) =>
        bag.Names.ToDictionary(name => name, name => bag.TryGet(name, out var value) ? value : [], StringComparer.Ordinal);

    private static StateBag Bag(IReadOnlyDictionary<string, byte[]> entries)
    {
        var bag = new StateBag();
        foreach (var (name, value) in entries)
        {
            bag.Set(name, value);
        }

        return bag;
    }

    private static ControlException Refused(ExtensionInstance instance, string what, string reason, Guid target) =>
        Refusals.InUse($"The extension '{instance.Name}' does not allow {what}: {reason}", target.ToString("D"));

    /// <summary>Why an extension does not run, for people.</summary>
    public static string Sentence(ExtensionManifest manifest, ExtensionFailure failure, string switchName) =>
        $"The extension '{manifest.Name}' {failure.Version} was cut off on the switch '{switchName}'. {failure.Reason} "
        + (manifest.FailsClosed ? "It fails closed, so no frame passes. " : "Frames pass without it. ") + "Disable and enable it to try again, or install another version.";

    /// <summary>An extension that was asked for, and what became of it.</summary>
    private sealed class Place(SwitchExtensionSpecification asked)
    {
        public SwitchExtensionSpecification Asked { get; } = asked;

        public ExtensionInstance? Instance { get; set; }

        public bool FailsClosed { get; set; }

        public string? Fault { get; set; }

        public ExtensionCounters LastCounters { get; set; } = new();
    }
}

/// <summary>Why an extension was cut off.</summary>
/// <param name="ExtensionId">Which one.</param>
/// <param name="Version">The version that was.</param>
/// <param name="Reason">A sentence.</param>
internal sealed record ExtensionFailure(Guid ExtensionId, string Version, string Reason);
