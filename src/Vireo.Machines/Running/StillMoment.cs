using Vireo.Platform.Testing;

namespace Vireo.Machines.Running;

/// <summary>Keeps a moment of a running guest: its processors stand still while its state is written and its disks are split.</summary>
/// <param name="process">The process.</param>
/// <param name="time">Clock.</param>
internal sealed class StillMoment(MachineProcess process, TimeProvider time)
{
    /// <summary>
    /// Stops the guest, writes its state to <paramref name="statePath"/> (null: not), calls <paramref name="meanwhile"/> and lets the guest go
    /// on, also when one of them fails. The intent in the record lets whoever finds the process do that, if we do not come to it.
    /// </summary>
    public async Task KeepAsync(bool wasPaused, string? statePath, Func<CancellationToken, Task> meanwhile, CancellationToken cancellationToken)
    {
        process.Update(record => record with { Intent = MachineIntent.Checkpoint, WasPaused = wasPaused });
        try
        {
            await process.ExecuteAsync("stop", null, cancellationToken).ConfigureAwait(false);
            CrashPoint.Hit("machine.still");
            if (statePath is not null)
            {
                await new StateTransfer(process, time).SaveAsync(statePath, cancellationToken).ConfigureAwait(false);
                CrashPoint.Hit("machine.still.written");
            }

            await meanwhile(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (!process.Exited.IsCompleted && !process.TurnOffRequested)
            {
                await GoOnAsync(process, wasPaused).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Ends a moment.</summary>
    public static async Task GoOnAsync(MachineProcess process, bool wasPaused)
    {
        await process.ExecuteAsync("migrate_cancel", null, CancellationToken.None).ConfigureAwait(false);
        if (!wasPaused)
        {
            await process.ExecuteAsync("cont", null, CancellationToken.None).ConfigureAwait(false);
        }

        process.Update(record => record with { Intent = MachineIntent.None, SavingTo = null, WasPaused = false });
    }
}
