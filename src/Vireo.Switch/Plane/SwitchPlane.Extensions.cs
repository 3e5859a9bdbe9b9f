using Vireo.Control.Switching;
using Vireo.Platform.Testing;
using Vireo.Switch.Extensions;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Plane;

/// <summary>Extensions: what is installed, and what scripts and the host ask about those that run.</summary>
internal sealed partial class SwitchPlane
{
    private static readonly TimeSpan s_eventPatience = TimeSpan.FromSeconds(30);
    private readonly ExtensionRoom _extensions;

    /// <summary>Installed extensions.</summary>
    public Task<IReadOnlyList<InstalledExtension>> ListExtensionsAsync() => UnderGateAsync(() => Task.FromResult(_extensions.List()));

    /// <summary>Installs an extension, or puts a new version in place of the old one wherever that runs.</summary>
    /// <exception cref="Control.ControlException">It is refused; nothing has changed.</exception>
    public Task<InstalledExtension> InstallExtensionAsync(InstallExtension asked) => UnderGateAsync(async () =>
    {
        if (!Path.IsPathRooted(asked.Path))
        {
            throw Refusals.Invalid($"'{asked.Path}' is not the absolute path of a folder.", asked.Path);
        }

        ExtensionPackage package;
        try
        {
            package = _extensions.Store.Copy(asked.Path);
        }
        catch (InvalidDataException exception)
        {
            throw Refusals.Invalid(exception.Message, asked.Path, exception);
        }

        var old = _extensions.Find(package.Manifest.Id);
        List<(ExtensionChain Chain, ExtensionInstance Instance)> prepared = [];
        try
        {
            _extensions.Describe(package);
            if (package.Fault is { } fault)
            {
                throw Refusals.Invalid(fault, asked.Path);
            }

            if (old is not null && old.Manifest.Kind != package.Manifest.Kind && _switches.Values.Any(live => live.Chain.Has(old.Manifest.Id)))
            {
                throw Refusals.InUse($"The extension '{old.Manifest.Name}' is a {old.Manifest.Kind} extension, the new version a {package.Manifest.Kind} extension; disable it before it is replaced.", asked.Path);
            }

            foreach (var live in _switches.Values)
            {
                if (await live.Chain.PrepareUpgradeAsync(package) is { } next)
                {
                    prepared.Add((live.Chain, next));
                }
            }

            _extensions.Store.Commit(package);
        }
        catch
        {
            foreach (var (chain, instance) in prepared)
            {
                await chain.AbandonAsync(instance);
            }

            ExtensionStore.Discard(package);
            throw;
        }

        CrashPoint.Hit("switch.extension.committed");
        _extensions.Use(package);
        foreach (var (chain, instance) in prepared)
        {
            await chain.UpgradeAsync(instance);
        }

        foreach (var live in _switches.Values)
        {
            await live.Chain.RetryAsync(package.Manifest.Id);
        }

        if (old is not null)
        {
            ExtensionStore.Discard(old);
        }

        _extensions.Note("ExtensionInstalled", null, package.Manifest, old is null
            ? $"The extension '{package.Manifest.Name}' {package.Manifest.Version} was installed."
            : $"The extension '{package.Manifest.Name}' {old.Manifest.Version} was replaced by {package.Manifest.Version}.");
        return package.ToInfo();
    });

    /// <summary>Removes an extension that no switch has enabled.</summary>
    public Task RemoveExtensionAsync(Guid id) => UnderGateAsync(async () =>
    {
        if (_extensions.Find(id) is not { } package)
        {
            return true;
        }

        if (_switches.Values.FirstOrDefault(live => live.Chain.Has(id)) is { } user)
        {
            throw Refusals.InUse($"The extension '{package.Manifest.Name}' is enabled on the switch '{user.Specification.Name}'; disable it first.", id.ToString("D"));
        }

        if (!package.IsOwn)
        {
            throw Refusals.Invalid($"The extension '{package.Manifest.Name}' belongs to Vireo and cannot be removed; it does nothing while it is not enabled.", id.ToString("D"));
        }

        _extensions.Store.Remove(id);
        _extensions.Forget(id);
        _extensions.Note("ExtensionRemoved", null, package.Manifest, $"The extension '{package.Manifest.Name}' {package.Manifest.Version} was removed.");
        return await Task.FromResult(true);
    });

    /// <summary>What extensions tell about a switch.</summary>
    public Task<IReadOnlyList<ExtensionDataItem>> GetSwitchDataAsync(Guid id) => UnderGateAsync(async () =>
        _switches.TryGetValue(id, out var live) ? (await live.Chain.DataAsync(null))! : throw Refusals.NotFound($"There is no switch {id:D}.", id.ToString("D")));

    /// <summary>What extensions tell about a port.</summary>
    public Task<IReadOnlyList<ExtensionDataItem>> GetPortDataAsync(Guid id) => UnderGateAsync(() => AskPortAsync(id, chain => chain.DataAsync(id)));

    /// <summary>Tells extensions what happens to whoever is behind a port. One that is connected to no switch has none.</summary>
    public Task NotifyPortAsync(Guid id, PortNotice notice) => UnderGateAsync(async () =>
    {
        var (kind, what) = notice.Kind switch
        {
            PortNoticeKind.MachineStarting => (StateChangeKind.MachineStarted, "the virtual machine to start"),
            PortNoticeKind.MachineStopped => (StateChangeKind.MachineStopped, "the virtual machine to end"),
            PortNoticeKind.MachineMigrating => (StateChangeKind.MachineMigrating, "the virtual machine to migrate"),
            PortNoticeKind.MachineMigrated => (StateChangeKind.MachineMigrated, "the virtual machine to arrive"),
            PortNoticeKind.MachineDeleting => (StateChangeKind.MachineDeleted, "the virtual machine to be deleted"),
            _ => throw Refusals.Invalid($"There is no notice {notice.Kind}.", id.ToString("D")),
        };
        foreach (var live in _switches.Values)
        {
            await live.Chain.NotifyAsync(id, kind, what);
        }

        return true;
    });

    /// <summary>What extensions keep of a port.</summary>
    public Task<IReadOnlyList<ExtensionPortState>> SavePortStateAsync(Guid id) => UnderGateAsync(() => AskPortAsync(id, chain => chain.SaveAsync(id)));

    /// <summary>Gives extensions back what they kept of a port elsewhere.</summary>
    public Task RestorePortStateAsync(Guid id, IReadOnlyList<ExtensionPortState> state) => UnderGateAsync(async () =>
    {
        if (state.Sum(one => one.Entries.Sum(entry => (long)entry.Value.Length)) > StateBag.BytesMax * 4L)
        {
            throw Refusals.Invalid($"The state of the port {id:D} is longer than can be right.", id.ToString("D"));
        }

        return await AskPortAsync<object>(id, async chain => await chain.RestoreAsync(id, state) ? state : null);
    });

    /// <summary>Events after a number; waits a while for one.</summary>
    public Task<IReadOnlyList<ExtensionEvent>> ListExtensionEventsAsync(long after, CancellationToken cancellation) => _extensions.Events.AfterAsync(after, s_eventPatience, cancellation);

    /// <summary>Whether an exception that nobody caught comes from an extension, which is cut off for it: the plane then goes on.</summary>
    public bool IsOfExtension(Exception exception) => _extensions.TryBlame(exception);

    /// <summary>Looks after what runs. Called by the watch of the extensions.</summary>
    private async Task WatchExtensionsAsync()
    {
        if (!await _gate.WaitAsync(0))
        {
            // Somebody is changing something; the next look comes soon.
            return;
        }

        try
        {
            var hasFailed = false;
            _extensions.LookAfterMemory();
            foreach (var live in _switches.Values)
            {
                await live.Chain.LookAtPortsAsync();
                hasFailed |= await live.Chain.TakeOutFailedAsync();
            }

            if (hasFailed)
            {
                Save();
            }
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

    private async Task LoadExtensionsAsync(PlaneState state)
    {
        var (faults, stalled, guilty) = _extensions.Load();
        foreach (var fault in faults)
        {
            LogNotRestored(fault);
        }

        if (stalled is not null || guilty.Count > 0)
        {
            var switches = state.Switches.Select(record => WithFailures(record, stalled is not null && stalled.SwitchId == record.Switch.Id ? [.. guilty, stalled.Failure] : guilty)).ToList();
            (state with { Switches = switches }).Save(_paths.SwitchState);
        }

        if (stalled is not null)
        {
            _extensions.ForgetStalled();
        }

        await Task.CompletedTask;
    }

    private SwitchRecord WithFailures(SwitchRecord record, IReadOnlyList<ExtensionFailure> failures)
    {
        var own = failures.Where(failure => record.Switch.Extensions?.Any(one => one.Enabled && one.ExtensionId == failure.ExtensionId) == true).ToList();
        foreach (var failure in own)
        {
            if (_extensions.Find(failure.ExtensionId) is { } package)
            {
                _extensions.Note("ExtensionFailed", record.Switch.Id, package.Manifest, ExtensionChain.Sentence(package.Manifest, failure, record.Switch.Name));
            }
        }

        return own.Count == 0
            ? record
            : record with { Failures = [.. (record.Failures ?? []).Where(old => own.TrueForAll(one => one.ExtensionId != old.ExtensionId)), .. own] };
    }

    private async Task RestoreExtensionsAsync(LiveSwitch live, SwitchRecord record)
    {
        foreach (var failure in record.Failures ?? [])
        {
            live.Chain.Failures[failure.ExtensionId] = failure;
        }

        await live.Chain.ApplyAsync(record.Switch.Extensions ?? [], isRestore: true);
        foreach (var fault in live.Chain.Describe().Where(one => one is { Enabled: true, Fault: not null }))
        {
            LogNotRestored(fault.Fault!);
        }
    }

    /// <summary>Moves a port between switches, with the extensions of each.</summary>
    private async Task MoveAsync(PortState state, PortFacts facts, LiveSwitch? target)
    {
        var source = _switches.Values.FirstOrDefault(live => live.State == state.Switch);
        if (target is not null && target != source)
        {
            await target.Chain.JoinAsync(state, facts);
        }

        await _threads.StopAsync(() =>
        {
            state.Switch?.Remove(state);
            if (target is not null)
            {
                target.State.Add(state);
                target.Chain.Seated(state);
            }
        });
        await _threads.ForgetAsync(state);
        if (source is not null && source != target)
        {
            await source.Chain.LeaveAsync(state);
        }

        if (target is not null && target != source)
        {
            await target.Chain.JoinedAsync(state);
        }
    }

    private async Task<T> AskPortAsync<T>(Guid id, Func<ExtensionChain, Task<T?>> ask)
        where T : class
    {
        foreach (var live in _switches.Values)
        {
            if (await ask(live.Chain) is { } answer)
            {
                return answer;
            }
        }

        throw Refusals.NotFound($"There is no port {id:D} on a switch.", id.ToString("D"));
    }

    private async Task<T> UnderGateAsync<T>(Func<Task<T>> work)
    {
        await _gate.WaitAsync();
        try
        {
            return await work();
        }
        finally
        {
            _gate.Release();
        }
    }
}
