using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Metering;
using Vireo.Host.Mobility;
using Vireo.Host.Store;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines;

/// <summary>
/// One machine of this host: its configuration, its process, and the order of what is done to it. Operations run one at a time behind
/// <c>_gate</c>; only turning off goes past it, because it must end whatever else is going on.
/// </summary>
internal sealed partial class MachineUnit : IAsyncDisposable
{
    private static readonly TimeSpan s_shutDownPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_forcedShutDownPatience = TimeSpan.FromMinutes(1);

    // What the original says while it does this; scripts wait for its end.
    private const string MergingDisks = "Merging disks";

    private readonly UnitServices _services;
    private readonly IMachine _machine;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly CancellationTokenSource _end = new();
    private readonly GuestWatch _watch;
    private readonly Task _follow;
    private readonly ConfigurationKeeper _keeper;
    private readonly GuestFreeze _freeze;
    private readonly CheckpointKeeper _checkpoints;
    private readonly DiskCleaner _cleaner;
    private readonly StorageMover _mover;
    private volatile bool _removed;
    private ProcessorShare? _share;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ProcessorUse _use = new(0, TimeSpan.Zero, 0);

    public MachineUnit(VirtualMachineConfiguration configuration, IMachine machine, UnitServices services)
    {
        _machine = machine;
        _services = services;
        _keeper = new ConfigurationKeeper(configuration, machine, services);
        _freeze = new GuestFreeze(_keeper, machine, services.Events);
        _checkpoints = new CheckpointKeeper(_keeper, machine, _freeze, services);
        _mover = new StorageMover(_keeper, machine, services);
        _cleaner = new DiskCleaner(_keeper, machine, _checkpoints, services, (action, stop) => ExclusiveAsync("clean up", action, stop), NotifyChanged);
        _watch = new GuestWatch(
            machine, services.Time, IsEnabled, _freeze.ThawIfDueAsync, NotifyChanged,
            refused => services.Events.Write("ClockNotSet", $"The guest of '{Name}' did not let its clock be set after it stood still: {refused.Message}", configuration.Id));
        Memory = new MemoryKeeper(machine, () => Configuration, services.Time);
        _paging = new SmartPaging(() => machine.MemoryPlace, () => Configuration, (kind, message) => services.Events.Write(kind, message, Configuration.Id));
        Memory.Advance = AdvancePaging;
        if (machine.Running is not null)
        {
            // Adopted: the host that managed it before may have died in the middle of a checkpoint.
            _freeze.ThawLater();
        }

        machine.EnableHeartbeat(HeartbeatEnabled(configuration));
        _follow = FollowAsync(machine.Subscribe(_end.Token));
        _watch.Update(_machine.Status);
    }

    public VirtualMachineConfiguration Configuration => _keeper.Current;

    /// <summary>Its memory.</summary>
    public MemoryKeeper Memory { get; }

    /// <summary>Whether the machine has something, in its configuration or in its running process.</summary>
    public bool Has(Func<VirtualMachineConfiguration, bool> part) => part(Configuration) || (_machine.Running is { } running && part(running.Configuration));

    private string Name => Configuration.Name;

    public Vireo.Commands.Services.MachineStatus Status()
    {
        var status = _machine.Status;
        var active = status.ProcessId is not null;
        var memory = Memory.Describe();
        return new Vireo.Commands.Services.MachineStatus(
            StateMapper.ToModel(status),
            status.CriticalReason ?? (_cleaner.IsActive ? MergingDisks : StateMapper.Describe(status.State)),
            status.StartedAt is { } started ? Positive(_services.Time.GetUtcNow() - started) : TimeSpan.Zero,
            active ? ProcessorPercent() : 0,
            memory.AssignedBytes,
            memory.DemandBytes,
            StateMapper.ToModel(status.Heartbeat, status.State),
            active ? _watch.Addresses : GuestWatch.NoAddresses,
            status.StartedAt,
            memory.Status,
            Memory.IsPaging);
    }

    /// <summary>
    /// After the process of the host began: makes the planes serve what a running guest has, finishes a change that was cut short, and
    /// closes what nobody needs. It is repeated until every machine of the host has all that it wants: a merge that this process began meanwhile
    /// goes on.
    /// </summary>
    public async Task ReconcileAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            _services.Running.Set(Configuration.Id, _machine.Running is not null);
            if (_doubt is not null || _removed)
            {
                // Its disks may be another host's.
                return;
            }

            RecoverPaging();
            await _mover.SettleAsync(cancellation);
            if (!_cleaner.IsActive)
            {
                await _checkpoints.SettleAsync(cancellation);
            }
            else if (Configuration.Checkpoints.Work is not null)
            {
                await _cleaner.SuspendAsync();
            }

            if (_machine.Running is not { } running)
            {
                await _services.Connector.CloseAsync(Configuration, cancellation);
                await FollowMoveAsync();
            }
            else
            {
                await ComeBackAsync(running, cancellation);
                await _keeper.FinishAsync(running, cancellation);
            }

            switch (_machine.Status.State)
            {
                case MachineState.Saved:
                    RememberSavedState(true);
                    break;
                case MachineState.Starting or MachineState.Saving:
                    // Its process does not answer yet. Its guest may never have run: until that is known, its saved state is all that there is.
                    break;
                default:
                    // An old state must never meet newer disks: one that was left by a host that died is gone before the next save.
                    RememberSavedState(false);
                    AtomicFile.Delete(MachineStore.SavedStateFile(Configuration));
                    break;
            }
        }
        finally
        {
            _gate.Release();
        }

        // An export that died with the host left the checkpoint it was made from.
        if (Volatile.Read(ref _transfer) is null)
        {
            await DropExportsAsync(cancellation);
        }

        ResumeCleaning();
    }

    public Task StartAsync(Action<string, int> progress, CancellationToken cancellation) => WithDisksAsync("start", async () =>
    {
        // Nothing below may touch the disks and ports of a guest that is in memory already.
        if (_machine.Status.State is not (MachineState.Off or MachineState.Saved))
        {
            throw new MachineStateException(MachineOperation.Start, _machine.Status.State);
        }

        progress("Checking", 5);
        await EndPagingAsync();
        await FollowMoveAsync();
        StartChecks.RequireFiles(Configuration, _services.HostDisks);
        _services.RequirePools(Configuration);
        var memory = MemoryToStart();
        using var reservation = await _services.Memory.ReserveAsync(Configuration, memory, cancellation);
        AssignAddresses();
        try
        {
            progress("Opening disks", 20);
            var drives = await _services.Connector.OpenDrivesAsync(Configuration, cancellation);
            progress("Connecting network adapters", 40);
            var adapters = await _services.Connector.ConnectAdaptersAsync(Configuration, cancellation);
            CrashPoint.Hit("host.start.connected");
            if (Configuration.HasSavedState)
            {
                _watch.SetClock();
            }

            Memory.Begin(memory);
            progress(Configuration.HasSavedState ? "Reading the saved state" : "Starting", 60);
            await _machine.StartAsync(
                new MachineStart
                {
                    // Its checkpoints are not the process's business.
                    Configuration = Configuration with { Checkpoints = new() },
                    Plan = RuntimePlans.Of(Configuration, drives, adapters, _services),
                    SavedStatePath = Configuration.HasSavedState ? MachineStore.SavedStateFile(Configuration) : null,
                    BeforeRun = ForgetSavedStateAsync,
                },
                cancellation);
        }
        catch
        {
            await CloseDevicesAsync();
            throw;
        }

        // It runs from here on, whatever fails below; somebody may have turned it off again already.
        _services.Running.Set(Configuration.Id, _machine.Running is not null);
        foreach (var adapter in Configuration.NetworkAdapters.Where(adapter => adapter.SwitchId is null))
        {
            await _machine.SetAdapterAsync(adapter, CancellationToken.None);
        }

        _services.ProcessorsChanged();
        CrashPoint.Hit("host.start.running");
        progress("Running", 100);
    }, cancellation);

    public async Task TurnOffAsync(CancellationToken cancellation)
    {
        RequireKnown();

        // A saved machine has no process: turning it off throws its saved state away, as in the original.
        if (_machine.Status.State == MachineState.Saved)
        {
            var wasSaved = false;
            await ExclusiveAsync("turn off", async () =>
            {
                // Somebody may have started it meanwhile.
                wasSaved = _machine.Status.State == MachineState.Saved;
                if (wasSaved)
                {
                    await ForgetSavedStateAsync(cancellation);
                    _machine.DiscardSavedState();
                }
            }, cancellation);
            if (wasSaved)
            {
                return;
            }
        }

        await _services.ReadCounters(Configuration.Id);
        await TranslateAsync("turn off", () => _machine.TurnOffAsync(cancellation));
        await WithDisksAsync("turn off", CloseDevicesAsync, CancellationToken.None);
    }

    public async Task ShutDownAsync(bool force, Action<string, int> progress, CancellationToken cancellation)
    {
        if (!IsEnabled(IntegrationServices.Shutdown))
        {
            throw Errors.State($"The shutdown service of the virtual machine '{Name}' is switched off; use -TurnOff, or shut the guest down from inside.", Name);
        }

        progress("Waiting for the guest to shut down", -1);
        try
        {
            // Not behind the gate: a guest takes its time, and others need not wait for it. What is not legal meanwhile is refused.
            await TranslateAsync("shut down", () => _machine.ShutDownAsync(force ? s_forcedShutDownPatience : s_shutDownPatience, cancellation));
            await WithDisksAsync("shut down", CloseDevicesAsync, CancellationToken.None);
        }
        catch (CommandException timeout) when (force && timeout.InnerException is MachineException { Kind: MachineErrorKind.GuestTimeout })
        {
            progress("The guest does not react; cutting its power", -1);
            await TurnOffAsync(cancellation);
        }
    }

    public Task InterruptAsync(CancellationToken cancellation) => ExclusiveAsync("interrupt", () => Status().State == Microsoft.HyperV.PowerShell.VMState.Running
        ? _machine.InterruptAsync(cancellation)
        : throw Errors.State($"The virtual machine '{Name}' is {Status().State}; only a guest that runs can be interrupted.", Name), cancellation);

    public Task PauseAsync(CancellationToken cancellation) => ExclusiveAsync("pause", () => _machine.PauseAsync(cancellation), cancellation);

    public Task ResumeAsync(CancellationToken cancellation) => ExclusiveAsync("resume", async () =>
    {
        _watch.SetClock();
        await _machine.ResumeAsync(cancellation);
    }, cancellation);

    public Task ResetAsync(CancellationToken cancellation) => ExclusiveAsync("reset", async () =>
    {
        // The new guest may touch all that a machine starts with, also where the old one had given memory back.
        using var reservation = await ReserveForRestartAsync(cancellation);
        await _machine.ResetAsync(cancellation);
        Memory.BeginAnew();

        // Whoever waits for the new guest looks at once.
        _watch.Forget();
    }, cancellation);

    public Task SaveAsync(Action<string, int> progress, CancellationToken cancellation) => WithDisksAsync("save", async () =>
    {
        RequireNotStalled();
        progress("Writing memory", -1);
        await _services.ReadCounters(Configuration.Id);
        await _machine.SaveAsync(
            MachineStore.SavedStateFile(Configuration),
            _ =>
            {
                CrashPoint.Hit("host.save.written");
                RememberSavedState(true);
                return Task.CompletedTask;
            },
            cancellation);
        CrashPoint.Hit("host.save.saved");
        await CloseDevicesAsync();
    }, cancellation);

    public async Task<VirtualMachineConfiguration> ChangeAsync(
        Func<VirtualMachineConfiguration, Vireo.Commands.Services.MachineStatus, VirtualMachineConfiguration> change, CancellationToken cancellation)
    {
        try
        {
            await ExclusiveAsync("change", async () =>
            {
                var before = Configuration;
                var after = change(Configuration, Status());
                if (after.Drives != Configuration.Drives || after.SnapshotFileLocation != before.SnapshotFileLocation || after.SmartPagingFilePath != before.SmartPagingFilePath
                    || (_transfer == MovedAway && (after.FloppyPath != before.FloppyPath || after.NetworkAdapters != before.NetworkAdapters)))
                {
                    RequireNoMove();
                }

                if (after.Drives != Configuration.Drives)
                {
                    // Whose disks change may not be cleaned up at the same time, and what was done so far counts.
                    await SettleDisksAsync();
                    after = CheckpointTree.Detached(Configuration, change(Configuration, Status()));
                }

                if (after.Drives != Configuration.Drives || after.NetworkAdapters != Configuration.NetworkAdapters)
                {
                    await _services.ReadCounters(Configuration.Id);
                }

                if (after != Configuration)
                {
                    await _keeper.ChangeAsync(after, cancellation);
                    _machine.EnableHeartbeat(HeartbeatEnabled(after));
                    if (after.Processor != before.Processor)
                    {
                        _services.ProcessorsChanged();
                    }
                }
            }, cancellation);
        }
        finally
        {
            ResumeCleaning();
        }

        return Configuration;
    }

    /// <summary>Copies files between host and guest.</summary>
    public Task CopyFileAsync(Func<GuestFileCopy, Task> copy)
    {
        if (!IsEnabled(IntegrationServices.GuestServiceInterface))
        {
            throw Errors.State($"The guest service interface of the virtual machine '{Name}' is switched off; use Enable-VMIntegrationService -Name 'Guest Service Interface'.", Name);
        }

        if (!Status().IsActive)
        {
            throw Errors.State($"The virtual machine '{Name}' is {Status().State}; files are copied while it runs.", Name);
        }

        return TranslateAsync("copy a file", () => copy(new GuestFileCopy(_machine.GuestAgent, Name)));
    }

    /// <summary>Ends the life of the machine in this host; it must be off. Its disks hold then what they hold now, without checkpoints.</summary>
    public async Task RemoveAsync(Action remove, CancellationToken cancellation)
    {
        RequireOff();
        await ExclusiveAsync(
            "remove",
            async () =>
            {
                RequireOff();
                await _services.Connector.AskToDeleteAsync(Configuration, cancellation);
            },
            cancellation);
        await RemoveCheckpointsAsync(machine => machine.Checkpoints.All.Select(one => one.Id).ToHashSet(), cancellation);
        await _cleaner.DrainAsync(cancellation);
        await WithDisksAsync("remove", async () =>
        {
            RequireOff();
            RequireNoMove();
            if (CheckpointTree.Next(Configuration) is { } left)
            {
                throw Errors.State($"The virtual machine '{Name}' cannot be removed: its disk '{left.Path}' could not be {(left.Into is null ? "removed" : $"merged into '{left.Into}'")}; the events say why.", Name);
            }

            await CloseDevicesAsync();
            await EndPagingAsync();
            await FollowMoveAsync();
            remove();
            _removed = true;
        }, CancellationToken.None);

        void RequireOff()
        {
            if (_machine.Status.ProcessId is not null)
            {
                throw Errors.State($"The virtual machine '{Name}' is {Status().State}; turn it off to remove it.", Name);
            }
        }
    }

    /// <summary>The machine's process and the processor time it has used; null without one.</summary>
    public ProcessUse? Process() => _machine.Process is { } process && process.ProcessorTime is { } used ? new ProcessUse(process, used) : null;

    public Task WaitForChangeAsync(TimeSpan most, CancellationToken cancellation)
    {
        var changed = Volatile.Read(ref _changed).Task;
        return Task.WhenAny(changed, Task.Delay(most, _services.Time, cancellation)).Unwrap();
    }

    public string? ConsoleSocket(string device) => _machine.Running is { } running ? device switch
    {
        "com1" => running.Plan.ComSocket(1),
        "com2" => running.Plan.ComSocket(2),
        "screen" => running.Plan.ScreenSocket,
        _ => null,
    } : null;

    public IReadOnlyList<string> Console(int port, int lines) => _machine.ReadConsole(port, lines);

    public string? CommandLine => _machine.CommandLine;

    /// <summary>Sets its share of the host's processors.</summary>
    public void SetProcessors(int weight)
    {
        var processor = Configuration.Processor;
        var share = new ProcessorShare(Memory.ProcessId, weight, processor.LimitPercent >= 100 ? null : processor.Count * processor.LimitPercent / 100.0);
        if (share == _share)
        {
            return;
        }

        try
        {
            _machine.SetProcessors(share.Weight, share.Limit);
            _share = share;
        }
        catch (MachineException refused)
        {
            _share = null;
            _services.Events.Write("ProcessorShareNotSet", $"The share of processors of '{Name}' could not be set: {refused.Message}", Configuration.Id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _follow;
        await _cleaner.DisposeAsync();
        await _watch.DisposeAsync();
        await _machine.DisposeAsync();
        _paging.Dispose();
        _end.Dispose();
    }

    private static bool HeartbeatEnabled(VirtualMachineConfiguration configuration) => IntegrationServices.Heartbeat.IsEnabled(configuration);

    private bool IsEnabled(IntegrationService service) => service.IsEnabled(Configuration);

    private static TimeSpan Positive(TimeSpan span) => span < TimeSpan.Zero ? TimeSpan.Zero : span;

    private async Task FollowAsync(System.Threading.Channels.ChannelReader<MachineEvent> events)
    {
        try
        {
            await foreach (var happened in events.ReadAllAsync(_end.Token))
            {
                EventWriter.Write(_services.Events, Name, happened);
                if (happened is MachineWasReset)
                {
                    Memory.BeginAnew();
                    _watch.Forget();

                    // Not awaited: it needs the gate.
                    _ = FollowRestartAsync();
                }

                _watch.Update(_machine.Status);
                if (happened is MachineExited)
                {
                    _services.Running.Set(Configuration.Id, _machine.Running is not null);
                    _services.ProcessorsChanged();
                    _ = EndPagingAsync();
                }

                if (happened is MachineExited or MachineDriveReleased)
                {
                    // Not awaited: it needs the gate, which an operation that waits for this very event may hold.
                    _ = TidyAsync();
                }

                NotifyChanged();
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // The host lets go of the machine.
        }
    }

    /// <summary>Closes what the guest left: everything when it ended, a disk that it let go of.</summary>
    private async Task TidyAsync()
    {
        try
        {
            await WithDisksAsync("close", async () =>
            {
                if (_machine.Status.State == MachineState.Saved)
                {
                    // A save that a host before this one began, and whose end came only now.
                    RememberSavedState(true);
                }

                await _keeper.ForgetReleasedAsync(CancellationToken.None);
                await CloseDevicesAsync();
            });
        }
        catch (Exception error) when (error is CommandException or OperationCanceledException or ObjectDisposedException)
        {
            if (_removed)
            {
                return;
            }

            // Whatever is still open is closed at the next start of the machine or of the host.
            _services.Events.Write("MachineCloseFailed", $"What '{Name}' left open could not be closed: {error.Message}", Configuration.Id);
        }
    }

    /// <summary>Runs an operation on the machine's disks: what is cleaned up in the background waits meanwhile.</summary>
    private async Task WithDisksAsync(string operation, Func<Task> action, CancellationToken cancellation = default)
    {
        try
        {
            await ExclusiveAsync(
                operation,
                async () =>
                {
                    await SettleDisksAsync();
                    await action();
                },
                cancellation);
        }
        finally
        {
            ResumeCleaning();
        }
    }

    private void ResumeCleaning()
    {
        if (!_removed)
        {
            _cleaner.Resume();
        }
    }

    private async Task ExclusiveAsync(string operation, Func<Task> action, CancellationToken cancellation = default)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (_removed)
            {
                throw Errors.MachineGone(Configuration.Id);
            }

            RequireKnown();

            await TranslateAsync(operation, action);
        }
        finally
        {
            _gate.Release();
            NotifyChanged();
        }
    }

    private async Task TranslateAsync(string operation, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception error)
        {
            if (MachineErrors.Translate(error, operation, Configuration) is not { } translated)
            {
                throw;
            }

            throw translated;
        }
    }

    private void AssignAddresses()
    {
        if (Configuration.NetworkAdapters.Any(adapter => adapter.MacAddress.Length == 0))
        {
            _keeper.Store(Configuration with
            {
                NetworkAdapters =
                [
                    .. Configuration.NetworkAdapters.Select(adapter => adapter.MacAddress.Length > 0 ? adapter : adapter with { MacAddress = _services.Addresses.Take() }),
                ],
            });
        }
    }

    private Task ForgetSavedStateAsync(CancellationToken cancellation)
    {
        // First the configuration: from here on the machine has no saved state, whatever happens to the file.
        RememberSavedState(false);
        CrashPoint.Hit("host.state.forgotten");
        try
        {
            AtomicFile.Delete(MachineStore.SavedStateFile(Configuration));
        }
        catch (Exception kept) when (kept is IOException or UnauthorizedAccessException)
        {
            // Nobody reads it any more; the next save replaces it, and the host removes it when it starts.
            _services.Events.Write("SavedStateLeft", $"The saved state of '{Name}' is not needed any more and could not be removed: {kept.Message}", Configuration.Id);
        }

        return Task.CompletedTask;
    }

    // A guest of static memory goes on with all of it, whatever its saved state says; that of another may have come from elsewhere.
    private long MemoryToStart() =>
        Configuration is { HasSavedState: true, Memory: { DynamicMemoryEnabled: true } memory } && SavedStates.FindMemory(MachineStore.SavedStateFile(Configuration)) is { } bytes
            ? Math.Clamp(bytes, Math.Min(memory.MinimumBytes, memory.StartupBytes), Math.Max(memory.MaximumBytes, memory.StartupBytes))
            : Configuration.Memory.StartupBytes;

    private void RememberSavedState(bool exists)
    {
        if (Configuration.HasSavedState != exists)
        {
            _keeper.Store(Configuration with { HasSavedState = exists });
        }
    }

    /// <summary>Closes what a guest needs, unless somebody has started it meanwhile.</summary>
    private async Task CloseDevicesAsync()
    {
        if (_machine.Status.ProcessId is null)
        {
            await _services.ReadCounters(Configuration.Id);
            await _services.Connector.CloseAsync(Configuration, CancellationToken.None);
        }
    }

    private int ProcessorPercent()
    {
        if (_machine.ProcessorTime is not { } used)
        {
            return 0;
        }

        var last = _use;
        var elapsed = _services.Time.GetElapsedTime(last.Timestamp);
        if (elapsed < TimeSpan.FromMilliseconds(500) && last.Timestamp != 0)
        {
            return last.Percent;
        }

        var percent = last.Timestamp == 0 || used < last.Used ? 0 : (int)Math.Clamp((used - last.Used) / elapsed / Environment.ProcessorCount * 100, 0, 100);
        _use = new ProcessorUse(_services.Time.GetTimestamp(), used, percent);
        return percent;
    }

    private void NotifyChanged() =>
        Interlocked.Exchange(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private sealed record ProcessorUse(long Timestamp, TimeSpan Used, int Percent);

    /// <summary>What a process was given of the processors last.</summary>
    private sealed record ProcessorShare(int? ProcessId, int Weight, double? Limit);
}
