using Vireo.Machines.Running;
using Vireo.Platform.Processes;

namespace Vireo.Machines;

/// <summary>How a machine that an earlier life of ours started is found again.</summary>
internal sealed partial class Machine
{
    /// <summary>Takes over a process that an earlier life of ours started.</summary>
    internal async Task AdoptAsync(MachineRecord record, ProcessHandle handle, bool hasSavedState, CancellationToken cancellationToken)
    {
        var process = Attach(record, handle);
        _condition.Change(states => states.ObserveAdopted(running: true));
        try
        {
            await process.ConnectAsync(s_connectPatience, cancellationToken).ConfigureAwait(false);
            await ReconcileAsync(process, hasSavedState, cancellationToken).ConfigureAwait(false);
        }
        catch (MachineException exception) when (exception.Kind is MachineErrorKind.StartFailed or MachineErrorKind.ControlLost && !process.Exited.IsCompleted)
        {
            _condition.SetCritical($"QEMU runs but does not answer: {exception.Message}");
        }
        catch (MachineException) when (process.Exited.IsCompleted)
        {
            await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Finishes or undoes what was under way when our earlier life ended.</summary>
    private async Task ReconcileAsync(MachineProcess process, bool hasSavedState, CancellationToken cancellationToken)
    {
        var record = process.Record;
        switch (record.Intent)
        {
            case MachineIntent.Starting:
            case MachineIntent.Restoring when hasSavedState:
                // Its guest never ran: as if nobody had asked.
                _savedStateExists = record.Intent == MachineIntent.Restoring;
                process.TurnOffRequested = true;
                await process.EndAsync(s_quitPatience).ConfigureAwait(false);
                await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
                return;
            case MachineIntent.Restoring:
            case MachineIntent.Running:
                await process.ExecuteAsync("cont", null, cancellationToken).ConfigureAwait(false);
                process.Update(current => current with { Intent = MachineIntent.None });
                break;
            case MachineIntent.Saving when File.Exists(record.SavingTo):
                _savedStateExists = process.Saved = true;
                await process.EndAsync(s_quitPatience).ConfigureAwait(false);
                await _gone.WaitAsync(cancellationToken).ConfigureAwait(false);
                return;
            case MachineIntent.Saving or MachineIntent.Checkpoint:
                await StillMoment.GoOnAsync(process, record.WasPaused).ConfigureAwait(false);
                break;
        }

        var running = await ObserveStatusAsync(process, cancellationToken).ConfigureAwait(false);
        _condition.Change(states => states.ObserveAdopted(running));
        _condition.SetHeartbeat(RestingHeartbeat());
        _monitor.Wake();
    }
}
