using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Mobility.Departures;
using Vireo.Machines;
using Vireo.Machines.States;

namespace Vireo.Host.Machines;

/// <summary>How a machine goes to another host.</summary>
internal sealed partial class MachineUnit
{
    private const string MovedAway = "moved to another host";

    // Another host was asked to take the machine, and whether it did is not known.
    private volatile DepartureRecord? _doubt;

    /// <summary>
    /// Moves the machine to another host. When this returns it is that host's, and nothing may be done with it here; when it throws, it is this host's, or
    /// stands still because nobody knows (<see cref="HandOverUnknownException"/>).
    /// </summary>
    /// <param name="departing">The move.</param>
    /// <param name="release">Called when the other host has the machine and it runs here no more: forgets it.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up, until the other host is asked to take it.</param>
    public async Task DepartAsync(DepartingMachine departing, Func<Task> release, Action<string, int> progress, CancellationToken cancellation)
    {
        BeginTransfer(MovedAway);
        var isGone = false;
        try
        {
            // What is merged or deleted in the background would be copied first.
            await _cleaner.DrainAsync(cancellation);
            var isRunning = false;
            await WithDisksAsync("move", async () =>
            {
                RequireMovable();
                _cleaner.Hold();
                isRunning = _machine.Running is not null;
                if (!isRunning)
                {
                    await FollowMoveAsync();
                }

                AssignAddresses();
                progress("Asking the other host", 0);
                await departing.OfferAsync(Configuration, isRunning, Memory.Describe().AssignedBytes, cancellation);
                if (!isRunning)
                {
                    await departing.SendFilesAsync(progress, cancellation);
                    cancellation.ThrowIfCancellationRequested();
                    progress("Handing over", 99);
                    isGone = await HandOverAsync(departing, () => departing.HandOverAsync(Configuration, cancellation));
                }
            }, cancellation);
            if (isRunning)
            {
                await departing.SendFilesAsync(progress, cancellation);
                await departing.MirrorAsync(progress, cancellation);
                await WithDisksAsync("move", async () =>
                {
                    RequireMovable();
                    var departure = await departing.ExpectAsync(_machine, Configuration, progress, cancellation);
                    await _services.ReadCounters(Configuration.Id);
                    isGone = await HandOverAsync(departing, async () =>
                    {
                        await _machine.DepartAsync(departure, cancellation);
                        return true;
                    });
                }, cancellation);
            }

            if (isGone)
            {
                await ReleaseAsync(release);
            }
        }
        catch (Exception) when (_doubt is null && !isGone)
        {
            await departing.GiveUpAsync();
            throw;
        }
        finally
        {
            _cleaner.Release();
            Volatile.Write(ref _transfer, null);
            ResumeCleaning();
        }
    }

    /// <summary>Whether nobody here knows whose the machine is.</summary>
    public bool IsInDoubt => _doubt is not null;

    /// <summary>A host before this one asked another to take the machine: nothing is done with it before that one has answered.</summary>
    public void Doubt(DepartureRecord record) => _doubt = record;

    /// <summary>The other host has answered.</summary>
    /// <param name="wasTaken">The machine is that host's.</param>
    /// <param name="release">Forgets the machine, if it is.</param>
    /// <param name="cancellation">Ends the wait for one's turn.</param>
    public async Task EndDoubtAsync(bool wasTaken, Func<Task> release, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (_doubt is not { } record)
            {
                return;
            }

            if (!wasTaken)
            {
                // The other host may have written the configuration, where both have it.
                _keeper.Store(record.Machine ?? Configuration);
                if (_machine.Running is { } running)
                {
                    await _services.Connector.ReopenDrivesAsync(running, cancellation);
                }
            }

            await _machine.EndDepartureAsync(wasTaken, cancellation);
            _doubt = null;
        }
        finally
        {
            _gate.Release();
            NotifyChanged();
        }

        if (wasTaken)
        {
            await ReleaseAsync(release);
        }
        else
        {
            await ReconcileAsync(cancellation);
        }
    }

    private async Task<bool> HandOverAsync(DepartingMachine departing, Func<Task<bool>> handOver)
    {
        try
        {
            return await handOver() ? true : throw Errors.State(
                $"The host '{departing.Peer.Name}' did not take the virtual machine '{Name}', which is as it was{(departing.Reason is { } reason ? $": {reason}" : ".")}", Name);
        }
        catch (HandOverUnknownException unknown)
        {
            _doubt = departing.Record;
            throw Errors.State(
                $"The host '{departing.Peer.Name}' was asked to take the virtual machine '{Name}' and is not heard any more: {unknown.Message} Until it is, nobody knows whether it has the machine, and nothing can be done with it here; this host goes on asking.", Name);
        }
    }

    // It is another host's: what it had open here is closed, and nothing of it is touched any more.
    private async Task ReleaseAsync(Func<Task> release)
    {
        await ExclusiveAsync("move", async () =>
        {
            try
            {
                await _services.Connector.CloseAsync(Configuration, CancellationToken.None);
            }
            catch (ControlException away)
            {
                _services.Events.Write("MachineCloseFailed", $"What '{Name}', which was moved away, left open could not be closed: {away.Message}", Configuration.Id);
            }

            _removed = true;
        });
        await release();
    }

    // A departure that a host before this one began and did not come to ask anybody for: the guest goes on here, with its disks.
    private async Task ComeBackAsync(RunningMachine running, CancellationToken cancellation)
    {
        foreach (var drive in running.Configuration.Drives.Where(drive => drive is { Kind: Vireo.Machines.Configuration.DriveKind.HardDisk, Path: not null }))
        {
            try
            {
                if ((await _services.Storage.GetCopyAsync(drive.Id, CopyKind.Mirror, cancellation)) is { Phase: CopyPhase.Copying or CopyPhase.Ready } copy && !Path.IsPathRooted(copy.Path))
                {
                    await _services.Storage.CancelCopyAsync(drive.Id, CopyKind.Mirror, cancellation);
                }
            }
            catch (ControlException none) when (none.Error.ErrorId == "ObjectNotFound")
            {
                // Nothing is copied.
            }
        }

        if (_machine.IsLeaving)
        {
            await _services.Connector.ReopenDrivesAsync(running, cancellation);
            await _machine.EndDepartureAsync(wasTaken: false, cancellation);
        }
    }

    private void RequireMovable()
    {
        if (CheckpointTree.Next(Configuration) is { } left)
        {
            throw Errors.State($"The virtual machine '{Name}' cannot be moved: its disk '{left.Path}' is yet to be {(left.Into is null ? "removed" : $"merged into '{left.Into}'")}; try again later, the events say why when that fails.", Name);
        }

        if (_machine.Status.State is not (MachineState.Running or MachineState.Off or MachineState.Saved))
        {
            throw Errors.State($"The virtual machine '{Name}' is {Status().State}; it is moved while it runs, is saved, or is off.", Name);
        }

        if (Memory.IsPaging)
        {
            throw Errors.State($"The virtual machine '{Name}' uses a smart paging file; it can be moved when that is gone, in a few minutes.", Name);
        }
    }

    private void RequireKnown()
    {
        if (_doubt is { } doubt)
        {
            throw Errors.State($"The virtual machine '{Name}' was being moved to the host '{doubt.PeerName}', which has not said yet whether it took it. Nothing can be done with it here until that host is heard.", Name);
        }
    }
}
