using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Mobility.Departures;
using Vireo.Host.Mobility.Ownership;
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
                    await HandOverAsync(departing, () => departing.HandOverAsync(Configuration, cancellation));
                    isGone = true;
                    await LetGoAsync();
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
                    await HandOverAsync(departing, async () =>
                    {
                        await _machine.DepartAsync(departure, cancellation);
                        return true;
                    });
                    isGone = true;
                    await LetGoAsync();
                }, cancellation);
            }

            await release();
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

    /// <summary>Closes what the machine brought along, if its process ended before anybody here looked at it.</summary>
    public Task TidyIfEndedAsync() => _machine.Status.ProcessId is null ? TidyAsync() : Task.CompletedTask;

    /// <summary>A host before this one asked another to take the machine: nothing is done with it before that one has answered.</summary>
    public void Doubt(DepartureRecord record) => _doubt = record;

    /// <summary>The other host has answered. May be repeated when it fails.</summary>
    /// <param name="wasTaken">The machine is that host's.</param>
    /// <param name="release">Forgets the machine, if it is.</param>
    /// <param name="cancellation">Ends the wait for one's turn.</param>
    public async Task EndDoubtAsync(bool wasTaken, Func<Task> release, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (wasTaken)
            {
                await LetGoAsync();
            }
            else if (_doubt is { } record)
            {
                // The other host may have written the configuration, where both have it.
                _keeper.Store(record.Machine ?? Configuration);
                if (_machine.Running is { } running)
                {
                    await _services.Connector.ReopenDrivesAsync(running, cancellation);
                }

                await _machine.EndDepartureAsync(wasTaken: false, cancellation);
                _doubt = null;
            }
        }
        finally
        {
            _gate.Release();
            NotifyChanged();
        }

        if (wasTaken)
        {
            await release();
        }
        else
        {
            await ReconcileAsync(cancellation);
        }
    }

    private async Task HandOverAsync(DepartingMachine departing, Func<Task<bool>> handOver)
    {
        try
        {
            if (!await handOver())
            {
                throw Errors.State(
                    $"The host '{departing.Peer.Name}' did not take the virtual machine '{Name}', which is as it was{(departing.Reason is { } reason ? $": {reason}" : ".")}", Name);
            }
        }
        catch (Exception error) when (departing.Record is { Phase: not DeparturePhase.Preparing })
        {
            // Asked for, and not said to have been refused: what happened here since does not make it this host's again.
            _doubt = departing.Record;
            throw Errors.State(
                $"The host '{departing.Peer.Name}' was asked to take the virtual machine '{Name}': {error.Message} Until that host says what came of it, and it is done here, nothing can be done with the machine here; this host goes on asking.", Name);
        }
    }

    // It is another host's: nothing of it is touched here any more, and what it had open is closed. Nobody else has had the gate since that was known.
    private async Task LetGoAsync()
    {
        _removed = true;
        await _machine.EndDepartureAsync(wasTaken: true, CancellationToken.None);
        try
        {
            await _services.Connector.CloseAsync(Configuration, CancellationToken.None);
        }
        catch (ControlException away)
        {
            _services.Events.Write("MachineCloseFailed", $"What '{Name}', which was moved away, left open could not be closed: {away.Message}", Configuration.Id);
        }
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
        PhysicalDisks.RefuseFor(Configuration, "cannot be moved to another host");
        RequireNotStalled();
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
        if (_doubt is { IsReadable: false })
        {
            throw Errors.State($"Whether the virtual machine '{Name}' was moved to another host cannot be read here; the events name the file that is damaged, and docs/moving.md says what to do.", Name);
        }

        if (_doubt is { } doubt)
        {
            throw Errors.State($"The virtual machine '{Name}' was being moved to the host '{doubt.PeerName}', which has not said yet whether it took it. Nothing can be done with it here until that host is heard.", Name);
        }
    }
}
