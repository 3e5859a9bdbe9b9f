using Vireo.Commands.Framework;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Machines;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines.Checkpoints;

/// <summary>
/// Removes and merges, in the background, the images that no checkpoint of a machine needs any more: under the guest when it runs, else
/// offline. Whoever does something else to the machine's disks suspends it meanwhile; nothing is lost by that, only done again.
/// </summary>
/// <param name="keeper">The machine's configuration.</param>
/// <param name="machine">The machine.</param>
/// <param name="checkpoints">Settles what was done.</param>
/// <param name="services">What machines share.</param>
/// <param name="exclusively">Runs an action behind the machine's gate.</param>
/// <param name="changed">Called when it begins and ends.</param>
internal sealed class DiskCleaner(
    ConfigurationKeeper keeper, IMachine machine, CheckpointKeeper checkpoints, UnitServices services, Func<Func<Task>, CancellationToken, Task> exclusively, Action changed) : IAsyncDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly Lock _state = new();
    private CancellationTokenSource? _stop;
    private Task _work = Task.CompletedTask;
    private bool _isHeld;

    /// <summary>Images are being removed or merged.</summary>
    public bool IsActive => !_work.IsCompleted;

    /// <summary>From now on nothing begins before <see cref="Release"/>: somebody reads the images. The caller has suspended it.</summary>
    public void Hold()
    {
        lock (_state)
        {
            _isHeld = true;
        }
    }

    /// <summary>The images are no longer read.</summary>
    public void Release()
    {
        lock (_state)
        {
            _isHeld = false;
        }
    }

    /// <summary>Begins, when there is something to do. What failed before is tried again.</summary>
    public void Resume()
    {
        lock (_state)
        {
            if (_stop is null && !_isHeld && CheckpointTree.Next(keeper.Current) is not null)
            {
                _stop = new CancellationTokenSource();
                _work = Task.Run(() => WorkAsync(_stop.Token));
            }
        }
    }

    /// <summary>Stops, and settles what was under way. The caller is behind the machine's gate.</summary>
    public async Task SuspendAsync()
    {
        await DisposeAsync();
        await checkpoints.SettleAsync(CancellationToken.None);
    }

    /// <summary>Stops; whoever manages the machine next settles and goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        CancellationTokenSource? stop;
        lock (_state)
        {
            stop = _stop;
        }

        if (stop is not null)
        {
            await stop.CancelAsync();
            await _work;
        }
    }

    /// <summary>Waits until nothing is left to do, or what is left cannot be done.</summary>
    public async Task DrainAsync(CancellationToken cancellation)
    {
        Resume();
        await _work.WaitAsync(cancellation);
    }

    private async Task WorkAsync(CancellationToken stop)
    {
        changed();
        try
        {
            while (CheckpointTree.Next(keeper.Current) is { } step)
            {
                stop.ThrowIfCancellationRequested();
                await (step.Into is null ? DeleteAsync(step, stop) : MergeAsync(step, stop));
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Somebody else wants the disks.
        }
        catch (Exception failed) when (failed is ControlException or CommandException or IOException or UnauthorizedAccessException)
        {
            services.Events.Write("MergeFailed", $"Disks of checkpoints of '{keeper.Current.Name}' could not be cleaned up; it is tried again later: {failed.Message}", keeper.Current.Id);
        }
        finally
        {
            lock (_state)
            {
                // Not disposed: somebody may be cancelling it at this moment, and there is no timer in it.
                _stop = null;
            }

            changed();
        }
    }

    private Task DeleteAsync(CleanupStep step, CancellationToken stop) => exclusively(
        () =>
        {
            if (CheckpointTree.Next(keeper.Current) == step)
            {
                AtomicFile.Delete(step.Path);
                CrashPoint.Hit("host.cleanup.deleted");
                keeper.Store(CheckpointTree.Deleted(keeper.Current, step.Path));
            }

            return Task.CompletedTask;
        },
        stop);

    private async Task MergeAsync(CleanupStep step, CancellationToken stop)
    {
        Guid? live = null;
        var begun = false;
        await exclusively(
            async () =>
            {
                if (CheckpointTree.Next(keeper.Current) != step)
                {
                    return;
                }

                keeper.Store(CheckpointTree.Merging(keeper.Current, step.Path, isMerging: true));
                CrashPoint.Hit("host.merge.intended");
                if (machine.Running is not null && CheckpointTree.DriveOn(keeper.Current, step.Path) is { } drive)
                {
                    live = drive.Id;
                    await services.Storage.StartMergeAsync(drive.Id, new StartMerge(step.Path), CancellationToken.None);
                }

                begun = true;
            },
            stop);
        if (!begun)
        {
            return;
        }

        var failure = live is { } id ? await FollowAsync(id, stop) : await MergeOfflineAsync(step, stop);
        CrashPoint.Hit("host.merge.merged");
        await exclusively(() => checkpoints.SettleAsync(CancellationToken.None), stop);
        if (CheckpointTree.Next(keeper.Current) == step)
        {
            throw new IOException($"'{step.Path}' was not merged into '{step.Into}': {failure ?? "the storage plane gave it up"}.");
        }
    }

    // Both return why it failed, or null: whether it is done is seen by the disks. The answer of a plane that died may be lost, and when it is
    // asked once more nothing is left to merge.
    private async Task<string?> MergeOfflineAsync(CleanupStep step, CancellationToken stop)
    {
        try
        {
            await services.Storage.WorkOnImageAsync(new ImageWork(ImageOperation.Merge, step.Path, OtherPath: step.Into), null, stop);
            return null;
        }
        catch (ControlException refused) when (refused is not PlaneUnreachableException)
        {
            return refused.Message;
        }
    }

    private async Task<string?> FollowAsync(Guid drive, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var copy = await services.Storage.GetCopyAsync(drive, CopyKind.Merge, stop);
                if (copy.Phase is CopyPhase.Completed or CopyPhase.Cancelled or CopyPhase.Failed)
                {
                    return copy.Failure;
                }

                await Task.Delay(s_pause, services.Time, stop);
            }
        }
        catch (OperationCanceledException)
        {
            await services.Storage.CancelCopyAsync(drive, CopyKind.Merge, CancellationToken.None);
            throw;
        }
        catch (ControlException gone) when (gone is not PlaneUnreachableException)
        {
            // A plane that was restarted does not remember a merge that had ended.
            return gone.Message;
        }
    }
}
