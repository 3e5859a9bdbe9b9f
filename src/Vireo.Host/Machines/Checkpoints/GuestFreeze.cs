using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Support;
using Vireo.Machines;
using Vireo.Machines.States;

namespace Vireo.Host.Machines.Checkpoints;

/// <summary>
/// Freezes the file systems of a guest for the moment of a checkpoint. A guest's agent thaws nothing by itself: a thaw that failed, or that a host
/// which died still owes, is asked for again until it is done.
/// </summary>
/// <param name="keeper">The machine's configuration.</param>
/// <param name="machine">The machine.</param>
/// <param name="events">Told when a guest does not say that it goes on.</param>
internal sealed class GuestFreeze(ConfigurationKeeper keeper, IMachine machine, History.EventLog events)
{
    // An agent that does not know the command has frozen nothing either.
    private const int AttemptsMax = 8;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile int _attemptsLeft;

    /// <summary>The guest may be frozen: whoever managed it before may have died at that moment.</summary>
    public void ThawLater() => _attemptsLeft = AttemptsMax;

    /// <summary>Thaws a guest that may be frozen. Called when its agent is known to answer.</summary>
    public async Task ThawIfDueAsync(CancellationToken cancellation)
    {
        // Whoever has the turn thaws in the end.
        if (_attemptsLeft > 0 && await _turn.WaitAsync(0, cancellation))
        {
            try
            {
                _attemptsLeft--;
                await machine.GuestAgent.ThawFileSystemsAsync(cancellation);
                _attemptsLeft = 0;
            }
            catch (MachineException)
            {
                // Again when the guest is asked the next time.
            }
            finally
            {
                _turn.Release();
            }
        }
    }

    /// <summary>Freezes the guest, if the machine is to have production checkpoints and the guest can. What was begun must be ended.</summary>
    /// <param name="export">What an export wants, whatever the machine is to have; null is no export.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up before anything is frozen.</param>
    /// <exception cref="Commands.Framework.CommandException">The machine or the export allows only that, and it cannot be.</exception>
    public async Task<bool> TryBeginAsync(CaptureLiveState? export, Action<string, int> progress, CancellationToken cancellation)
    {
        var isWanted = export is null
            ? keeper.Current.CheckpointType != "Standard" && machine.Status.State == MachineState.Running
            : export == CaptureLiveState.CaptureDataConsistentState;
        if (!isWanted)
        {
            return false;
        }

        await _turn.WaitAsync(cancellation);
        var begun = false;
        try
        {
            var reason = Obstacle();
            if (reason is null)
            {
                progress("Freezing the guest's file systems", 10);
                try
                {
                    // Not to be called off half-way: a guest that is told to freeze does so, whether or not somebody still listens.
                    await machine.GuestAgent.FreezeFileSystemsAsync(CancellationToken.None);
                    return begun = true;
                }
                catch (MachineException refused)
                {
                    // It may have frozen some of them, or the answer was lost.
                    await ThawAsync();
                    reason = refused.Message;
                }
            }

            if (export is not null)
            {
                throw Errors.State($"The guest of '{keeper.Current.Name}' cannot be frozen: {reason}. Export it with -CaptureLiveState CaptureSavedState or CaptureCrashConsistentState instead.", keeper.Current.Name);
            }

            return keeper.Current.CheckpointType == "ProductionOnly"
                ? throw Errors.State($"No production checkpoint of the virtual machine '{keeper.Current.Name}' can be taken: {reason}. Set-VM -CheckpointType Production allows a standard one instead.", keeper.Current.Name)
                : false;
        }
        finally
        {
            if (!begun)
            {
                _turn.Release();
            }
        }
    }

    /// <summary>Lets a guest that was frozen go on.</summary>
    public async Task EndAsync()
    {
        try
        {
            await ThawAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    private string? Obstacle() => machine.Status.State != MachineState.Running ? $"it is {machine.Status.State}"
        : !IntegrationServices.Vss.IsEnabled(keeper.Current) ? "its freeze service is switched off"
        : machine.Status.Heartbeat != HeartbeatStatus.OkApplicationsUnknown ? "its guest has no agent that answers"
        : null;

    private async Task ThawAsync()
    {
        try
        {
            await machine.GuestAgent.ThawFileSystemsAsync(CancellationToken.None);
        }
        catch (MachineException refused)
        {
            ThawLater();
            events.Write(
                "ThawFailed", $"The guest of '{keeper.Current.Name}' did not say that its file systems go on; it is asked again: {refused.Message}", keeper.Current.Id);
        }
    }
}
