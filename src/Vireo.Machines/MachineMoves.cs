using System.Net;
using Vireo.Machines.Qmp;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Testing;

namespace Vireo.Machines;

/// <summary>How a guest that runs goes to another host. Who has it is not decided here, see <see cref="MachineDeparture.HandOver"/>.</summary>
internal sealed partial class Machine
{
    private const string LeavingReason =
        "The guest stands still: it was being handed to another host, and whether that host has taken it is not known yet.";

    /// <inheritdoc/>
    public bool IsLeaving => _process?.Record.Intent == MachineIntent.Leaving;

    /// <inheritdoc/>
    public async Task<SavedStateHeader> DescribeStateAsync(CancellationToken cancellationToken = default)
    {
        SavedStateHeader? header = null;
        await ReconfigureAsync(
            async process => header = await new MemoryTransfer(process, _time).DescribeAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return header!;
    }

    /// <inheritdoc/>
    public Task DepartAsync(MachineDeparture departure, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(departure);
        return OperateAsync(MachineOperation.Depart, token => DepartCoreAsync(departure, token), cancellationToken);
    }

    /// <inheritdoc/>
    public async Task EndDepartureAsync(bool wasTaken, CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_process is not { } process || !IsLeaving)
            {
                return;
            }

            if (wasTaken)
            {
                await LeaveAsync(process).ConfigureAwait(false);
                return;
            }

            await ComeBackAsync(process).ConfigureAwait(false);
            _condition.SetCritical(null);
            _condition.Change(states => states.ObserveAdopted(MachineState.Running));
        }
        finally
        {
            _turn.Release();
        }

        LookAgain();
    }

    private async Task DepartCoreAsync(MachineDeparture departure, CancellationToken cancellationToken)
    {
        var process = RequireProcess();
        var transfer = new MemoryTransfer(process, _time);
        using var link = new TransferLink(process, IPEndPoint.Parse(departure.Address), departure.Settings.Channels);
        var wasTaken = false;
        try
        {
            process.Update(record => record with { Intent = MachineIntent.Departing });
            CrashPoint.Hit("machine.departing");
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, departure.Lost);
            await transfer.SendAsync(departure, link, either.Token).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();

            // From here on the guest is not touched until it is known who has it, whoever asks.
            process.Update(record => record with { Intent = MachineIntent.Leaving });
            CrashPoint.Hit("machine.leaving");
            await departure.Still(cancellationToken).ConfigureAwait(false);
            CrashPoint.Hit("machine.leaving.still");
            cancellationToken.ThrowIfCancellationRequested();
            await transfer.CompleteAsync(departure.Progress, departure.Lost).ConfigureAwait(false);
            CrashPoint.Hit("machine.leaving.sent");
            wasTaken = await departure.HandOver().ConfigureAwait(false);
        }
        catch (Exception exception) when (!process.Exited.IsCompleted)
        {
            if (exception is HandOverUnknownException)
            {
                _condition.SetCritical(LeavingReason);
            }
            else if (!process.TurnOffRequested && _condition.Current != MachineOperation.TurnOff)
            {
                // QEMU may be waiting for a link that is silent, and would not hear us.
                link.Cut();
                await ComeBackAsync(process, departure.GoingOn).ConfigureAwait(false);
            }

            if (exception is OperationCanceledException && departure.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new MachineException(MachineErrorKind.Transfer, "The memory of the guest could not be moved: the other host is not heard of any more.", exception);
            }

            throw;
        }

        if (wasTaken)
        {
            await LeaveAsync(process).ConfigureAwait(false);
            return;
        }

        await ComeBackAsync(process, departure.GoingOn).ConfigureAwait(false);
        throw new MachineException(MachineErrorKind.Transfer, "The other host did not take the virtual machine.");
    }

    private async Task LeaveAsync(MachineProcess process)
    {
        process.TurnOffRequested = true;

        // Asked to end, it would wait for disks that are another host's now; nothing that it still has counts.
        await process.EndAsync(TimeSpan.Zero).ConfigureAwait(false);
        await _gone.ConfigureAwait(false);
    }

    /// <summary>Nobody has taken the guest: it goes on here, and the network is told so.</summary>
    private async Task ComeBackAsync(MachineProcess process, Func<Task>? goingOn = null)
    {
        var transfer = new MemoryTransfer(process, _time);
        await process.ExecuteAsync("migrate_cancel", null, CancellationToken.None).ConfigureAwait(false);
        await transfer.SettledAsync().ConfigureAwait(false);
        await transfer.ResetAsync(CancellationToken.None).ConfigureAwait(false);
        if (goingOn is not null)
        {
            await goingOn().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await process.ExecuteAsync("cont", null, CancellationToken.None).ConfigureAwait(false);
        Note(process, record => record with { Intent = MachineIntent.None });
        await AnnounceAsync(process).ConfigureAwait(false);
    }

    /// <summary>Without this the network learns where the guest is from its next frame.</summary>
    private async Task AnnounceAsync(MachineProcess process)
    {
        try
        {
            await new MemoryTransfer(process, _time).AnnounceAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is MachineException or QmpException)
        {
            // The guest runs; a network that is told late is no reason to say that it does not.
        }
    }

    /// <summary>Takes back what the way to this host needed, see <see cref="MemoryTransfer.ResetAsync"/>. What QEMU refuses is left: the guest runs.</summary>
    private async Task ForgetTransferAsync(MachineProcess process)
    {
        try
        {
            await new MemoryTransfer(process, _time).ResetAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (QmpException)
        {
            // Only a migration under way would be a reason, and there is none. A state that is saved to a file then says that it cannot be.
        }
    }

    private void RequireNotLeaving()
    {
        if (IsLeaving)
        {
            throw new MachineException(MachineErrorKind.NotSupported, LeavingReason);
        }
    }
}
