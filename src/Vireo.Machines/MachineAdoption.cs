using Vireo.Machines.Qmp;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Processes;

namespace Vireo.Machines;

/// <summary>How a machine that an earlier life of ours started is found again, and what was left undone with a process is finished.</summary>
internal sealed partial class Machine
{
    private static readonly TimeSpan s_finishPause = TimeSpan.FromSeconds(1);

    private readonly Lock _finish = new();
    private bool _finishing;

    /// <summary>
    /// Takes over a process that an earlier life of ours started. QEMU answers nothing while it waits for a disk, so nobody waits for it
    /// longer than <paramref name="patience"/>: the rest is done when it answers.
    /// </summary>
    internal async Task AdoptAsync(MachineRecord record, ProcessHandle handle, bool hasSavedState, TimeSpan patience, CancellationToken cancellationToken)
    {
        // Known before QEMU answers: who turns the machine off meanwhile keeps the state that is in a file.
        _savedStateExists = record.Intent switch
        {
            MachineIntent.Restoring => hasSavedState,
            MachineIntent.Saving => File.Exists(record.SavingTo),
            _ => false,
        };
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        var process = Attach(record, handle);
        _monitor.SetChannel(null);
        var answered = false;
        try
        {
            _condition.Change(states => states.ObserveAdopted(record.Intent switch
            {
                MachineIntent.Starting => MachineState.Starting,
                MachineIntent.Restoring when hasSavedState => MachineState.Starting,
                MachineIntent.Saving => MachineState.Saving,
                _ => MachineState.Running,
            }));
            await process.ConnectAsync(patience, cancellationToken).ConfigureAwait(false);
            answered = true;
            if (await TryFinishAsync(process, cancellationToken).ConfigureAwait(false))
            {
                return;
            }
        }
        catch (MachineException exception) when (!process.Exited.IsCompleted)
        {
            _condition.SetCritical(NoAnswer(exception));
        }
        catch (MachineException)
        {
            await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
            return;
        }
        finally
        {
            _turn.Release();
        }

        if (answered)
        {
            LookAgain();
        }
        else
        {
            process.KeepConnecting();
        }
    }

    /// <summary>Finishes or undoes what is under way with a process that nobody operates on, as soon as QEMU answers. One at a time does.</summary>
    private async Task FinishAsync(MachineProcess process)
    {
        lock (_finish)
        {
            if (_finishing)
            {
                return;
            }

            _finishing = true;
        }

        try
        {
            while (!HasFinished())
            {
                var done = false;
                await _turn.WaitAsync(_stop.Token).ConfigureAwait(false);
                try
                {
                    done = _condition.Current is null && (process.Record.Intent == MachineIntent.None || await TryFinishAsync(process, _stop.Token).ConfigureAwait(false));
                }
                finally
                {
                    _turn.Release();
                }

                if (!done)
                {
                    await Task.Delay(s_finishPause, _time, _stop.Token).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // We let go of the machine.
        }

        bool HasFinished()
        {
            lock (_finish)
            {
                return !(_finishing = _process == process && process.Record.Intent is not (MachineIntent.None or MachineIntent.Leaving));
            }
        }
    }

    /// <summary>One attempt; false when QEMU does not answer.</summary>
    private async Task<bool> TryFinishAsync(MachineProcess process, CancellationToken cancellationToken)
    {
        try
        {
            await ReconcileAsync(process, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (MachineException) when (process.Exited.IsCompleted)
        {
            await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (MachineException exception)
        {
            _condition.SetCritical(NoAnswer(exception));
            return false;
        }
        catch (QmpException refusal)
        {
            // It stands still with all that it has; what happens to it is its owner's choice.
            Note(process, record => record with { Intent = MachineIntent.None, SavingTo = null, WasPaused = false });
            _condition.Change(states => states.ObserveAdopted(MachineState.Paused));
            _condition.SetCritical($"The guest stands still: {refusal.Message} Resume the virtual machine, or turn it off.");
            return true;
        }
    }

    /// <summary>Writes down that nothing is under way any more. A record that says otherwise is acted on once more by the next host, which does no harm.</summary>
    private static void Note(MachineProcess process, Func<MachineRecord, MachineRecord> change)
    {
        try
        {
            process.Update(change);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The disk may be full: that is no reason to give up a guest that runs.
        }
    }

    /// <summary>Finishes or undoes what was under way when our earlier life ended.</summary>
    private async Task ReconcileAsync(MachineProcess process, CancellationToken cancellationToken)
    {
        var record = process.Record;
        switch (record.Intent)
        {
            case MachineIntent.Starting:
            case MachineIntent.Restoring when _savedStateExists:
                // Its guest never ran: as if nobody had asked.
                process.TurnOffRequested = true;
                await process.EndAsync(s_quitPatience).ConfigureAwait(false);
                await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
                return;
            case MachineIntent.Restoring:
            case MachineIntent.Running:
                await process.ExecuteAsync("cont", null, cancellationToken).ConfigureAwait(false);

                // It may have come from another host.
                await ForgetTransferAsync(process).ConfigureAwait(false);
                Note(process, current => current with { Intent = MachineIntent.None });
                break;
            case MachineIntent.Saving when File.Exists(record.SavingTo):
                _savedStateExists = process.Saved = true;
                await process.EndAsync(s_quitPatience).ConfigureAwait(false);
                await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
                return;
            case MachineIntent.Departing:
                await ComeBackAsync(process).ConfigureAwait(false);
                break;
            case MachineIntent.Leaving:
                _condition.Change(states => states.ObserveAdopted(MachineState.Paused));
                _condition.SetCritical(LeavingReason);
                return;
            case MachineIntent.Saving or MachineIntent.Checkpoint:
                _savedStateExists = false;
                try
                {
                    await StillMoment.GoOnAsync(process, record.WasPaused).ConfigureAwait(false);
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    // It goes on; only that could not be written down, see Note.
                }

                break;
        }

        var status = await process.QueryStatusAsync(cancellationToken).ConfigureAwait(false);
        _condition.SetCritical(DescribeTrouble(status));
        _condition.Change(states => states.ObserveAdopted(status == "running" ? MachineState.Running : MachineState.Paused));
        _condition.SetHeartbeat(RestingHeartbeat());
        _monitor.Wake();
    }
}
