using System.Text.Json.Nodes;
using System.Threading.Channels;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.Qmp;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Processes;
using Vireo.Platform.Testing;

namespace Vireo.Machines;

/// <summary>
/// One virtual machine. The state machine says what may begin, <see cref="MachineProcess"/> does it, QEMU's events and the end of its
/// process are observed at any time. <see cref="MachineCondition"/> guards the state and what is told of it; <c>_turn</c> lets one
/// operation at a time talk to the process.
/// </summary>
internal sealed partial class Machine : IMachine
{
    private static readonly TimeSpan s_connectPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_trimInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_quitPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_interruptPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_resetPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_resetPause = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly string _runFolder;
    private readonly MachineCondition _condition;
    private readonly GuestAgentClient _agent;
    private readonly HeartbeatMonitor _monitor;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Task _monitoring;
    private MachineProcess? _process;
    private Task _gone = Task.CompletedTask;
    private CancellationTokenSource? _operating;
    private TaskCompletionSource _nextReset = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _commandLine;
    private bool _heartbeatEnabled = true;
    private bool _savedStateExists;
    private int _operations;
    private bool _unseen;
    private DateTimeOffset _resetWritten;

    /// <summary>A machine without a process.</summary>
    public Machine(Guid id, string runFolder, bool saved, MachineExit? lastExit, TimeProvider time)
    {
        Id = id;
        _runFolder = runFolder;
        _time = time;
        _savedStateExists = saved;
        _condition = new(id, saved ? MachineState.Saved : MachineState.Off, lastExit, time);
        _agent = new(Path.Combine(runFolder, "agent"), time);
        _monitor = new(_agent, time, IsHeartbeatAsked, HearHeartbeat);
        _monitoring = Task.Run(() => _monitor.RunAsync(_stop.Token));
        _ = Task.Run(TrimLogsAsync);
    }

    /// <inheritdoc/>
    public Guid Id { get; }

    /// <inheritdoc/>
    public IGuestAgent GuestAgent => _agent;

    /// <inheritdoc/>
    public ProcessIdentity? Process => _process?.Record.Process;

    /// <inheritdoc/>
    public TimeSpan? ProcessorTime => _process?.Record.Process?.ProcessorTime;

    /// <inheritdoc/>
    public string? CommandLine => _commandLine;

    /// <inheritdoc/>
    public MachineStatus Status => _condition.Describe(_process?.Record);

    /// <inheritdoc/>
    public ChannelReader<MachineEvent> Subscribe(CancellationToken cancellationToken = default) => _condition.Events.Subscribe(cancellationToken);

    /// <inheritdoc/>
    public IReadOnlyList<string> ReadConsole(int comPort = 1, int lines = 20) => LogTail.Read(Path.Combine(_runFolder, $"com{comPort}.log"), lines);

    /// <inheritdoc/>
    public void EnableHeartbeat(bool enabled)
    {
        _heartbeatEnabled = enabled;
        _condition.SetHeartbeat(RestingHeartbeat());
        _monitor.Wake();
    }

    /// <inheritdoc/>
    public Task StartAsync(MachineStart start, CancellationToken cancellationToken = default) =>
        OperateAsync(
            start.SavedStatePath is null ? MachineOperation.Start : MachineOperation.Restore, token => StartCoreAsync(start, token), cancellationToken);

    /// <inheritdoc/>
    public Task InterruptAsync(CancellationToken cancellationToken = default) =>
        ReconfigureAsync(process => process.ExecuteAsync("inject-nmi", null, CancellationToken.None), cancellationToken);

    /// <inheritdoc/>
    public Task PauseAsync(CancellationToken cancellationToken = default) =>
        OperateAsync(MachineOperation.Pause, token => ExecuteAsync("stop", null, token), cancellationToken);

    /// <inheritdoc/>
    public Task ResumeAsync(CancellationToken cancellationToken = default) =>
        OperateAsync(MachineOperation.Resume, token => ExecuteAsync("cont", null, token), cancellationToken);

    /// <inheritdoc/>
    public Task ResetAsync(CancellationToken cancellationToken = default) => OperateAsync(
        MachineOperation.Reset,
        async token =>
        {
            // QEMU answers first and resets then. Whoever asked must not take what the old guest said for the new one's.
            var reset = Volatile.Read(ref _nextReset).Task;
            await ExecuteAsync("system_reset", null, token).ConfigureAwait(false);
            try
            {
                await reset.WaitAsync(s_resetPatience, _time, token).ConfigureAwait(false);
            }
            catch (TimeoutException exception)
            {
                throw new MachineException(MachineErrorKind.ControlLost, $"QEMU did not reset the guest within {s_resetPatience.TotalSeconds:0} s.", exception);
            }

            await ExecuteAsync("cont", null, token).ConfigureAwait(false);
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task ShutDownAsync(TimeSpan patience, CancellationToken cancellationToken = default) => OperateAsync(
        MachineOperation.ShutDown,
        async token =>
        {
            if (!await TryAgentShutdownAsync(token).ConfigureAwait(false))
            {
                await ExecuteAsync("system_powerdown", null, token).ConfigureAwait(false);
            }
        },
        cancellationToken,
        async token =>
        {
            try
            {
                await _gone.WaitAsync(patience, _time, token).ConfigureAwait(false);
            }
            catch (TimeoutException exception)
            {
                throw new MachineException(MachineErrorKind.GuestTimeout, $"The guest did not shut down within {patience.TotalSeconds:0} s; it is still running.", exception);
            }
        });

    /// <inheritdoc/>
    public Task TurnOffAsync(CancellationToken cancellationToken = default) => OperateAsync(
        MachineOperation.TurnOff,
        async token =>
        {
            if (_process is { } process)
            {
                // A departure that this interrupts may have come too far meanwhile.
                RequireNotLeaving();
                process.TurnOffRequested = true;
                await process.EndAsync(s_quitPatience).ConfigureAwait(false);
                await _gone.WaitAsync(token).ConfigureAwait(false);
            }
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task SaveAsync(string path, Func<CancellationToken, Task>? beforeExit = null, CancellationToken cancellationToken = default)
    {
        var wasPaused = _condition.State == MachineState.Paused;
        return OperateAsync(MachineOperation.Save, token => SaveCoreAsync(path, wasPaused, beforeExit, token), cancellationToken);
    }

    /// <inheritdoc/>
    public Task CheckpointAsync(string? statePath, Func<CancellationToken, Task> meanwhile, CancellationToken cancellationToken = default)
    {
        var wasPaused = _condition.State == MachineState.Paused;
        return OperateAsync(
            MachineOperation.Checkpoint, token => new StillMoment(RequireProcess(), _time).KeepAsync(wasPaused, statePath, meanwhile, token), cancellationToken);
    }

    /// <inheritdoc/>
    public void MoveDrives(IReadOnlyDictionary<Guid, string> paths) => _process?.Update(record => record with
    {
        Configuration = record.Configuration with
        {
            Drives = [.. record.Configuration.Drives.Select(drive => paths.TryGetValue(drive.Id, out var path) ? drive with { Path = path } : drive)],
        },
    });

    /// <inheritdoc/>
    public void DiscardSavedState() => SetSavedState(MachineOperation.DiscardSavedState, exists: false);

    /// <inheritdoc/>
    public void AdoptSavedState() => SetSavedState(MachineOperation.AdoptSavedState, exists: true);

    /// <inheritdoc/>
    public RunningMachine? Running => _process?.Record is { } record ? new(record.Configuration, record.Plan) : null;

    /// <inheritdoc/>
    public Task ChangeMediumAsync(DriveConfiguration drive, DriveConnection? medium, CancellationToken cancellationToken = default) =>
        ReconfigureAsync(process => new MachineDevices(process).ChangeMediumAsync(drive, medium, CancellationToken.None), cancellationToken);

    /// <inheritdoc/>
    public Task AddDriveAsync(DriveConfiguration drive, DriveConnection connection, CancellationToken cancellationToken = default) =>
        ReconfigureAsync(process => new DrivePlug(process, _time).AddAsync(drive, connection, CancellationToken.None), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveDriveAsync(Guid driveId, CancellationToken cancellationToken = default) =>
        ReconfigureAsync(process => new DrivePlug(process, _time).RemoveAsync(driveId, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DriveConfiguration>> ForgetReleasedDrivesAsync(CancellationToken cancellationToken = default)
    {
        IReadOnlyList<DriveConfiguration> released = [];
        await ReconfigureAsync(async process => released = await new DrivePlug(process, _time).ForgetReleasedAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return released;
    }

    /// <inheritdoc/>
    public Task SetAdapterAsync(NetworkAdapterConfiguration adapter, CancellationToken cancellationToken = default) =>
        ReconfigureAsync(process => new MachineDevices(process).SetAdapterAsync(adapter, CancellationToken.None), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _monitoring.ConfigureAwait(false);
        _agent.Dispose();
        if (_process is { } process)
        {
            await process.DisposeAsync().ConfigureAwait(false);
        }

        _condition.Events.End();
    }

    private async Task StartCoreAsync(MachineStart start, CancellationToken cancellationToken)
    {
        var saved = start.SavedStatePath is { } path ? SavedState.Open(path) : default;
        using var file = saved.Stream;
        if (saved.Header is null && start.Arrival is { } arriving)
        {
            saved.Header = arriving.State;
        }

        if (saved.Header is { } header)
        {
            start = start with { Plan = start.Plan with { Memory = header.Memory ?? new() } };
        }

        var problems = MachineValidator.Validate(start.Configuration, start.Plan);
        if (problems.Count > 0)
        {
            throw new MachineException(
                MachineErrorKind.InvalidConfiguration, $"The virtual machine '{start.Configuration.Name}' cannot be started: {string.Join(' ', problems)}");
        }

        // Of the process before, its control group goes last.
        await _gone.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        var commandLine = MachineCommandLine.Build(start.Configuration, start.Plan, saved.Header?.Slots, saved.Header?.MachineType, incoming: saved.Header is not null);
        _commandLine = commandLine.ToString();
        var record = new MachineLauncher(_time).Launch(start, commandLine, saved.Header is null ? MachineIntent.Starting : MachineIntent.Restoring);
        var handle = ProcessHandle.TryOpen(record.Process!)
            ?? throw new MachineException(MachineErrorKind.StartFailed, $"QEMU ended at once: {string.Join(" / ", LogTail.Read(start.Plan.LogPath, 3))}");
        var process = Attach(record, handle);

        // A guest that boots has it closed; one that comes back may have it open.
        _monitor.SetChannel(file is null && start.Arrival is null ? false : null);
        try
        {
            await process.ConnectAsync(s_connectPatience, cancellationToken).ConfigureAwait(false);
            if (file is not null)
            {
                await new StateTransfer(process, _time).RestoreAsync(file, cancellationToken).ConfigureAwait(false);
            }
            else if (start.Arrival is { } arrival)
            {
                await new MemoryTransfer(process, _time).ReceiveAsync(arrival, cancellationToken).ConfigureAwait(false);
            }

            CrashPoint.Hit("machine.ready");
            if (start.BeforeRun is { } beforeRun)
            {
                await beforeRun(cancellationToken).ConfigureAwait(false);
            }

            // From here on the machine has run, and its memory is nowhere else: whoever finds it lets it go on, only turning off ends it.
            _savedStateExists = false;
            try
            {
                process.Update(current => current with { Intent = MachineIntent.Running });
            }
            catch (Exception exception) when (saved.Header is not null && exception is IOException or UnauthorizedAccessException)
            {
                // A record that says 'restoring' of a machine without a saved state means the same.
            }
        }
        catch (Exception exception)
        {
            var endedItself = process.Exited.IsCompleted || await EndsSoonAsync(process, exception).ConfigureAwait(false);
            process.TurnOffRequested |= !endedItself;
            await process.EndAsync(s_quitPatience).ConfigureAwait(false);
            var exit = await process.Exited.ConfigureAwait(false);
            await _gone.ConfigureAwait(false);
            if (endedItself && exception is not OperationCanceledException)
            {
                throw new MachineException(
                    file is not null ? MachineErrorKind.SavedState : start.Arrival is not null ? MachineErrorKind.Transfer : MachineErrorKind.StartFailed,
                    $"The virtual machine '{start.Configuration.Name}' could not be started: {exit.Sentence}",
                    exception);
            }

            throw;
        }

        CrashPoint.Hit("machine.committed");
        await LetRunAsync(process, hasArrived: start.Arrival is not null).ConfigureAwait(false);
    }

    /// <summary>Lets the guest run for the first time. When QEMU does not answer now, the intent is left and <see cref="FinishAsync"/> comes back to it.</summary>
    private async Task LetRunAsync(MachineProcess process, bool hasArrived)
    {
        try
        {
            await process.ExecuteAsync("cont", null, CancellationToken.None).ConfigureAwait(false);
            if (hasArrived)
            {
                // While the guest stood still nothing was done that can be done now.
                await AnnounceAsync(process).ConfigureAwait(false);
                await ForgetTransferAsync(process).ConfigureAwait(false);
            }
        }
        catch (MachineException exception) when (exception.Kind == MachineErrorKind.ControlLost)
        {
            if (await EndsSoonAsync(process, exception).ConfigureAwait(false))
            {
                var exit = await process.Exited.ConfigureAwait(false);
                await _gone.ConfigureAwait(false);
                throw new MachineException(MachineErrorKind.StartFailed, $"The virtual machine '{process.Record.Configuration.Name}' ended as soon as it ran: {exit.Sentence}", exception);
            }

            _condition.SetCritical(NoAnswer(exception));
            return;
        }

        Note(process, current => current with { Intent = MachineIntent.None });
    }

    private static string NoAnswer(MachineException exception) => $"QEMU runs but does not answer: {exception.Message}";

    /// <summary>A lost connection is mostly the first sign that the process ended; its end says more.</summary>
    private async Task<bool> EndsSoonAsync(MachineProcess process, Exception exception)
    {
        if (exception is not MachineException { Kind: MachineErrorKind.ControlLost })
        {
            return false;
        }

        await Task.WhenAny(process.Exited, Task.Delay(TimeSpan.FromSeconds(3), _time)).ConfigureAwait(false);
        return process.Exited.IsCompleted;
    }

    private async Task SaveCoreAsync(string path, bool wasPaused, Func<CancellationToken, Task>? beforeExit, CancellationToken cancellationToken)
    {
        var process = RequireProcess();
        var written = false;
        try
        {
            // Whoever finds the intent takes a file of that name for this save's: an older one must be gone before.
            Platform.Files.AtomicFile.Delete(path);
            process.Update(record => record with { Intent = MachineIntent.Saving, SavingTo = path, WasPaused = wasPaused });
            await process.ExecuteAsync("stop", null, cancellationToken).ConfigureAwait(false);
            await new StateTransfer(process, _time).SaveAsync(path, cancellationToken).ConfigureAwait(false);
            written = true;
            CrashPoint.Hit("machine.saved");
            if (beforeExit is not null)
            {
                await beforeExit(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception) when (!process.Exited.IsCompleted)
        {
            if (written)
            {
                File.Delete(path);
            }

            if (!process.TurnOffRequested && _condition.Current != MachineOperation.TurnOff)
            {
                await StillMoment.GoOnAsync(process, wasPaused).ConfigureAwait(false);
            }

            throw;
        }

        _savedStateExists = process.Saved = true;
        await process.EndAsync(s_quitPatience).ConfigureAwait(false);
        await _gone.ConfigureAwait(false);
    }

    private async Task<bool> TryAgentShutdownAsync(CancellationToken cancellationToken)
    {
        if (_condition.Heartbeat != HeartbeatStatus.OkApplicationsUnknown)
        {
            return false;
        }

        try
        {
            await _agent.RequestShutdownAsync(GuestShutdownMode.PowerDown, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (MachineException exception) when (exception.Kind == MachineErrorKind.GuestAgent)
        {
            // The power button is left.
            return false;
        }
    }

    /// <summary>Runs an operation: <paramref name="work"/> while nobody else talks to the process, then <paramref name="afterwards"/>, which only waits.</summary>
    private async Task OperateAsync(
        MachineOperation operation, Func<CancellationToken, Task> work, CancellationToken cancellationToken, Func<CancellationToken, Task>? afterwards = null)
    {
        RequireNotLeaving();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        CancellationTokenSource? interrupted = null;
        _condition.Change(states =>
        {
            states.Begin(operation);
            _operations++;
            interrupted = _operating;
            _operating = cancel;
        });
        var hasTurn = false;
        try
        {
            if (interrupted is not null)
            {
                try
                {
                    await interrupted.CancelAsync().ConfigureAwait(false);
                }
                catch (ObjectDisposedException)
                {
                    // It came to its end by itself meanwhile.
                }
            }

            // Pulling the plug waits a little for what it interrupts, and then no more: a QEMU that hangs holds the turn until it is gone.
            hasTurn = await _turn.WaitAsync(operation == MachineOperation.TurnOff ? s_interruptPatience : Timeout.InfiniteTimeSpan, cancel.Token).ConfigureAwait(false);
            await Translate(work(cancel.Token)).ConfigureAwait(false);
            if (afterwards is not null)
            {
                _turn.Release();
                hasTurn = false;
                await afterwards(cancel.Token).ConfigureAwait(false);
            }

            Finish(operation, cancel, succeeded: true);
        }
        catch (Exception exception)
        {
            Finish(operation, cancel, succeeded: false);
            if (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested && !_stop.IsCancellationRequested)
            {
                throw new MachineException(MachineErrorKind.StartFailed, $"The operation '{operation}' was given up because the virtual machine was turned off.", exception);
            }

            throw;
        }
        finally
        {
            if (hasTurn)
            {
                _turn.Release();
            }
        }
    }

    private void Finish(MachineOperation operation, CancellationTokenSource cancel, bool succeeded)
    {
        _condition.Change(states =>
        {
            if (_operating == cancel)
            {
                _operating = null;
            }

            if (_condition.Current != operation)
            {
                // The process ended meanwhile, or turning off took over.
                return;
            }

            if (succeeded)
            {
                states.Complete();
            }
            else
            {
                states.Fail();
                if (_process is not null && states.State is MachineState.Off or MachineState.Saved)
                {
                    // Its guest was to run and QEMU refused: nothing is lost yet.
                    states.ObserveAdopted(MachineState.Paused);
                }
            }
        });
        _condition.SetHeartbeat(RestingHeartbeat());
        _monitor.Wake();
        LookAgain();
    }

    /// <summary>A step at a device is not cancelled half-way; what can be cancelled is waiting for one's turn, and for the guest.</summary>
    private async Task ReconfigureAsync(Func<MachineProcess, Task> change, CancellationToken cancellationToken)
    {
        RequireNotLeaving();
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await Translate(change(RequireProcess())).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private void SetSavedState(MachineOperation operation, bool exists) => _condition.Change(states =>
    {
        states.Begin(operation);
        states.Complete();
        _savedStateExists = exists;
    });

    /// <summary>What QEMU refuses is an error of the machine.</summary>
    private static async Task Translate(Task task)
    {
        try
        {
            await task.ConfigureAwait(false);
        }
        catch (QmpException exception)
        {
            throw new MachineException(MachineErrorKind.NotSupported, exception.Message, exception);
        }
    }

    private static async Task<T> Translate<T>(Task<T> task)
    {
        await Translate((Task)task).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    private Task ExecuteAsync(string command, JsonObject? arguments, CancellationToken cancellationToken) =>
        RequireProcess().ExecuteAsync(command, arguments, cancellationToken);

    private MachineProcess RequireProcess() =>
        _process ?? throw new MachineException(MachineErrorKind.NotSupported, "The virtual machine does not run.");

    private MachineProcess Attach(MachineRecord record, ProcessHandle handle)
    {
        _commandLine = record.CommandLine;
        _unseen = false;
        _monitor.Forget();
        var process = new MachineProcess(record, handle, _time, OnEvent, OnControl);
        _process = process;
        _gone = OnExitAsync(process);
        return process;
    }

    private async Task OnExitAsync(MachineProcess process)
    {
        MachineExit exit;
        try
        {
            exit = await process.Exited.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // We let go of it; it goes on.
            return;
        }

        ComPortLinks.Withdraw(process.Record.Configuration, process.Record.Plan);
        TpmProcess.End(process.Record.Tpm);
        MachineRecord.Delete(_runFolder);
        _process = null;
        _condition.End(exit, _savedStateExists);
        _monitor.Forget();
        _condition.SetHeartbeat(HeartbeatStatus.Disabled);
        await process.DisposeAsync().ConfigureAwait(false);

        // The next process has a group of the same name: it is not made before this one's is gone.
        await MachineProcess.RemoveControlGroupAsync(process.Record.ControlGroupFolders, _time).ConfigureAwait(false);
    }

    private bool IsHeartbeatAsked() =>
        _heartbeatEnabled && _process is not null && _condition.State is MachineState.Running && _condition.Current != MachineOperation.Checkpoint;

    /// <summary>An answer may come after the guest was paused or has ended.</summary>
    private void HearHeartbeat(HeartbeatStatus heartbeat)
    {
        if (IsHeartbeatAsked())
        {
            _condition.SetHeartbeat(heartbeat);
        }
    }

    /// <summary>What the heartbeat is until the agent is heard.</summary>
    private HeartbeatStatus RestingHeartbeat()
    {
        var current = _condition.Heartbeat;
        return !_heartbeatEnabled ? HeartbeatStatus.Disabled : _condition.State switch
        {
            MachineState.Running => _monitor.HasContact ? HeartbeatStatus.OkApplicationsUnknown : HeartbeatStatus.NoContact,
            MachineState.Paused => HeartbeatStatus.Paused,
            MachineState.Off or MachineState.Saved => HeartbeatStatus.Disabled,
            _ => current,
        };
    }

    /// <summary>A guest can write to its serial ports without end.</summary>
    private async Task TrimLogsAsync()
    {
        try
        {
            while (true)
            {
                // All machines at the same moment: a host with a thousand wakes once, and not a thousand times.
                var late = _time.GetUtcNow().Ticks % s_trimInterval.Ticks;
                await Task.Delay(s_trimInterval - TimeSpan.FromTicks(late), _time, _stop.Token).ConfigureAwait(false);
                if (_process?.Record.Plan is { } plan)
                {
                    foreach (var log in new[] { plan.LogPath, plan.ComLog(1), plan.ComLog(2) })
                    {
                        LogTail.Trim(log);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The machine was let go.
        }
    }
}
