using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Mobility;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines;

/// <summary>How a machine's files go to another place.</summary>
internal sealed partial class MachineUnit
{
    /// <summary>
    /// Moves the machine's files. One without a process stays so meanwhile; one that runs goes on, and may be turned off or saved, which ends the move
    /// and leaves its files where they were.
    /// </summary>
    /// <returns>False when everything was where it should be.</returns>
    public async Task<bool> MoveStorageAsync(StorageMoveRequest request, Action<string, int> progress, CancellationToken cancellation)
    {
        BeginTransfer(Moved);
        try
        {
            // What is merged or deleted in the background would be copied first.
            await _cleaner.DrainAsync(cancellation);
            StorageMove? move = null;
            await WithDisksAsync("move", async () =>
            {
                PhysicalDisks.RefuseFor(Configuration, "cannot have its storage moved");
                if (CheckpointTree.Next(Configuration) is { } left)
                {
                    throw Errors.State($"The storage of the virtual machine '{Name}' cannot be moved: its disk '{left.Path}' is yet to be {(left.Into is null ? "removed" : $"merged into '{left.Into}'")}; try again later, the events say why when that fails.", Name);
                }

                _cleaner.Hold();
                if (_machine.Running is null)
                {
                    await FollowMoveAsync();
                }

                await _services.ReadCounters(Configuration.Id);
                move = await _mover.BeginAsync(request, cancellation);
                if (move is { IsRunning: false })
                {
                    await _mover.CopyAsync(move, progress, cancellation);
                    cancellation.ThrowIfCancellationRequested();
                    await _mover.SwitchAsync(move);
                }
            }, cancellation);
            if (move is { IsRunning: true })
            {
                await _mover.CopyAsync(move, progress, cancellation);
                await _mover.MirrorAsync(move, progress, cancellation);
                CrashPoint.Hit("host.move.ready");
                await WithDisksAsync("move", () =>
                {
                    progress("Changing over", 99);
                    cancellation.ThrowIfCancellationRequested();
                    return _mover.SwitchAsync(move);
                }, cancellation);
            }

            progress("Moved", 100);
            return move is not null;
        }
        finally
        {
            _mover.Leave();
            _cleaner.Release();
            try
            {
                await EndMoveAsync();
            }
            finally
            {
                Volatile.Write(ref _transfer, null);
                ResumeCleaning();
            }
        }
    }

    // Whatever became of the move: what it leaves is deleted, or undone. What cannot be done now is done when the disks are needed next.
    private async Task EndMoveAsync()
    {
        try
        {
            await WithDisksAsync("end a move", () => Task.CompletedTask);
        }
        catch (Exception failed) when (failed is Vireo.Commands.Framework.CommandException or ControlException)
        {
            _services.Events.Write("StorageMoveLeftover", $"What a move of the storage of '{Name}' left could not be cleaned up yet: {failed.Message}", Configuration.Id);
        }
    }

    // What was begun with its disks is finished or undone; what is cleaned up in the background waits.
    private async Task SettleDisksAsync()
    {
        await _cleaner.SuspendAsync();
        await _mover.SettleAsync(CancellationToken.None);
    }

    // Behind the gate, without a process: files that the last one had open go where the machine is.
    private async Task FollowMoveAsync()
    {
        if (Configuration.FirmwarePath is not null)
        {
            _mover.BringDeviceFiles();
            await _mover.SettleAsync(CancellationToken.None);
        }
    }
}
