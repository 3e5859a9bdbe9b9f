using Vireo.Machines.Configuration;
using Vireo.Machines.States;

namespace Vireo.Host.Machines;

/// <summary>What is done with a machine's checkpoints.</summary>
internal sealed partial class MachineUnit
{
    /// <summary>Takes a checkpoint.</summary>
    public async Task<CheckpointConfiguration> CheckpointAsync(string? name, Action<string, int> progress, CancellationToken cancellation)
    {
        // At once, and again when it is its turn.
        RequireNoMove();
        CheckpointConfiguration? taken = null;
        await WithDisksAsync("take a checkpoint", async () =>
        {
            RequireNoMove();
            RequireNotStalled();
            try
            {
                taken = await _checkpoints.TakeAsync(name, progress, cancellation);
            }
            finally
            {
                // It stood still, also when this failed half-way.
                _watch.SetClock();
            }
        }, cancellation);
        return taken!;
    }

    /// <summary>Applies a checkpoint. A machine that runs is turned off before; one that ran and whose checkpoint has its memory goes on from there.</summary>
    public async Task ApplyCheckpointAsync(Guid id, Action<string, int> progress, CancellationToken cancellation)
    {
        _checkpoints.Require(id);
        RequireNoMove();
        var wasActive = Status().IsActive;
        if (_machine.Status.State != MachineState.Off)
        {
            await TurnOffAsync(cancellation);
        }

        await WithDisksAsync("apply a checkpoint", async () =>
        {
            if (_machine.Status.State != MachineState.Off)
            {
                throw new MachineStateException(MachineOperation.Restore, _machine.Status.State);
            }

            RequireNoMove();
            await _checkpoints.ApplyAsync(id, progress, cancellation);
            if (Configuration.HasSavedState)
            {
                _machine.AdoptSavedState();
            }
        }, cancellation);
        if (wasActive && Configuration.HasSavedState)
        {
            await StartAsync(progress, cancellation);
        }
    }

    /// <summary>Removes checkpoints; their disks are merged in the background.</summary>
    public Task RemoveCheckpointsAsync(Func<VirtualMachineConfiguration, IReadOnlySet<Guid>> which, CancellationToken cancellation) => WithDisksAsync("remove a checkpoint", () =>
    {
        RequireNoTransfer();
        _checkpoints.Remove(which(Configuration));
        return Task.CompletedTask;
    }, cancellation);

    /// <summary>Throws the memory of a checkpoint away.</summary>
    public Task RemoveCheckpointStateAsync(Guid id, CancellationToken cancellation) => ExclusiveAsync("remove a saved state", () =>
    {
        RequireNoTransfer();
        _checkpoints.RemoveState(id);
        return Task.CompletedTask;
    }, cancellation);
}
