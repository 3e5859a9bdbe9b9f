using System.Collections.Concurrent;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Host.History;
using Vireo.Host.Machines;
using Vireo.Host.Mobility.Ownership;
using Vireo.Host.Peers;
using Vireo.Host.Switches;
using Vireo.Machines;

namespace Vireo.Host.Mobility.Departures;

/// <summary>Moves machines to other hosts, so many at once as the host is told to, and finishes what a host before this one began.</summary>
internal sealed class DepartureService(
    DepartureJournal journal, Func<MachineService> machines, PeerConnector peers, IHostSettings settings, AdapterMigration adapters, Func<Guid, string?> switchName, MoveQueue queue,
    Func<Guid> hostId, EventLog events, TimeProvider time) : IMachineMoves
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMinutes(1);
    private readonly SemaphoreSlim _wake = new(0);
    private readonly ConcurrentDictionary<Guid, bool> _underWay = new();
    private readonly ConcurrentDictionary<(Guid Move, string Kind), bool> _told = new();

    /// <inheritdoc/>
    public async Task<string> MoveAsync(Guid id, MoveRequest request, Action<string, int> progress, CancellationToken cancellation)
    {
        // Whoever is not there need not wait.
        machines().Unit(id);
        RequireEnabled();
        using var turn = await queue.EnterAsync(() => progress("Waiting for other moves to end", 0), cancellation);
        if (!_underWay.TryAdd(id, true))
        {
            throw Errors.State($"The virtual machine '{machines().Unit(id).Configuration.Name}' is on its way to another host already.", id.ToString());
        }

        try
        {
            return await MoveInTurnAsync(id, request, progress, cancellation);
        }
        finally
        {
            // What did not come to its end is followed.
            _underWay.TryRemove(id, out _);
            _wake.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Incompatibility>> CompareAsync(Guid id, MoveRequest request, CancellationToken cancellation)
    {
        var unit = machines().Unit(id);
        RequireEnabled();
        var departing = await BeginAsync(request with { IsQuestion = true }, cancellation);
        await using var ended = departing.ConfigureAwait(false);
        await departing.OfferAsync(unit.Configuration, unit.Status().IsActive, unit.Memory.Describe().AssignedBytes, cancellation);
        return departing.Problems;
    }

    /// <summary>Machines of which a host before this one did not come to know whose they are are not touched. Before anything is done with machines.</summary>
    public void Recover()
    {
        foreach (var record in journal.All.Where(record => record.Phase != DeparturePhase.Preparing).Concat(journal.Unreadable))
        {
            if (machines().Units.FirstOrDefault(unit => unit.Configuration.Id == record.MachineId) is { } unit)
            {
                unit.Doubt(record);
            }
        }
    }

    /// <summary>Asks other hosts whether they took machines, and deletes what is left of those that were taken, until everything is known and done.</summary>
    public async Task FollowAsync(CancellationToken stopping)
    {
        await TellGivenUpAsync(stopping);
        var pause = s_firstPause;
        while (true)
        {
            foreach (var record in Open())
            {
                await TryFollowAsync(record, stopping);
            }

            if (await _wake.WaitAsync(Open().Any() ? pause : Timeout.InfiniteTimeSpan, stopping))
            {
                pause = s_firstPause;
            }
            else
            {
                pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, s_longestPause.Ticks));
            }
        }

        // A move that is under way comes to its own end.
        IEnumerable<DepartureRecord> Open() => journal.All.Where(record => record.Phase != DeparturePhase.Preparing && !_underWay.ContainsKey(record.MachineId));
    }

    private async Task<string> MoveInTurnAsync(Guid id, MoveRequest request, Action<string, int> progress, CancellationToken cancellation)
    {
        var unit = machines().Unit(id);
        var name = unit.Configuration.Name;
        var departing = await BeginAsync(request, cancellation);
        await using var ended = departing.ConfigureAwait(false);
        try
        {
            await unit.DepartAsync(departing, () => machines().ReleaseAsync(unit), progress, cancellation);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException("OperationFailed", ErrorCategory.NotSpecified, $"The virtual machine '{name}' could not be moved to the host '{departing.Peer.Name}', it is as it was: {error.Message}", name, error);
        }

        events.Write("MachineMoved", $"The virtual machine '{name}' was moved to the host '{departing.Peer.Name}'.", id);
        await FinishAsync(journal.Find(id)!, cancellation: CancellationToken.None);
        progress("Moved", 100);
        return departing.Peer.Name;
    }

    // Who is not told notices by itself that nobody comes.
    private async Task TellGivenUpAsync(CancellationToken stopping)
    {
        foreach (var record in journal.GivenUp)
        {
            try
            {
                using var peer = new MovePeer(await peers.ConnectAsync(record.Peer.ToString("D"), stopping), record.Move);
                await peer.ResolveAsync(stopping);
            }
            catch (CommandException)
            {
                continue;
            }
        }
    }

    private MachineUnit? Unit(Guid machine) => machines().Units.FirstOrDefault(unit => unit.Configuration.Id == machine);

    private async Task TryFollowAsync(DepartureRecord record, CancellationToken stopping)
    {
        var unit = Unit(record.MachineId);
        try
        {
            if (record.Phase == DeparturePhase.InDoubt)
            {
                using var peer = new MovePeer(await peers.ConnectAsync(record.Peer.ToString("D"), stopping), record.Move);
                var answer = await peer.ResolveAsync(stopping);
                if (record.Departure().Answered(answer.Taken) is { } released)
                {
                    record = journal.Write(record.With(released));
                }
                else
                {
                    if (unit is not null)
                    {
                        await unit.EndDoubtAsync(wasTaken: false, () => Task.CompletedTask, stopping);
                    }

                    journal.End(record.MachineId);
                    events.Write("MachineStayed", $"The host '{record.PeerName}' did not take the virtual machine '{record.Machine?.Name}', which is this host's as before.", record.MachineId);
                    return;
                }
            }

            if (unit is not null)
            {
                await unit.EndDoubtAsync(wasTaken: true, () => machines().ReleaseAsync(unit), stopping);
                events.Write("MachineMoved", $"The virtual machine '{record.Machine?.Name}' was moved to the host '{record.PeerName}'.", record.MachineId);
            }
            else
            {
                // Its configuration could not be read here, or not yet forgotten.
                machines().Store.Release(record.MachineId);
            }

            await FinishAsync(record, stopping);
        }
        catch (Exception error) when (error is CommandException or IOException or UnauthorizedAccessException or Vireo.Control.ControlException or MachineException)
        {
            Tell(record, "MoveUnknown", $"What a move of '{record.Machine?.Name}' to the host '{record.PeerName}' came to is not settled yet: {error.Message}");
        }
    }

    // The machine is the other host's: what it leaves goes, and that host may forget the move.
    private async Task FinishAsync(DepartureRecord record, CancellationToken cancellation)
    {
        try
        {
            if (record.Sources is { } sources && !await new MoveLeftovers(machines().Services).CollectAsync(sources, null, cancellation))
            {
                return;
            }

            using var peer = new MovePeer(await peers.ConnectAsync(record.Peer.ToString("D"), cancellation), record.Move);
            await peer.ConfirmAsync(cancellation);
            journal.End(record.MachineId);
        }
        catch (Exception error) when (error is CommandException or IOException or UnauthorizedAccessException or Vireo.Control.ControlException)
        {
            // Tried again, see FollowAsync.
            Tell(record, "MoveLeftover", $"What '{record.Machine?.Name}', which was moved to the host '{record.PeerName}', left here could not be cleaned up yet: {error.Message}");
        }
    }

    // It is tried again and again, and said once.
    private void Tell(DepartureRecord record, string kind, string message)
    {
        if (_told.TryAdd((record.Move, kind), true))
        {
            events.Write(kind, message, record.MachineId);
        }
    }

    private async Task<DepartingMachine> BeginAsync(MoveRequest request, CancellationToken cancellation)
    {
        var connection = await peers.ConnectAsync(request.DestinationHost, cancellation);
        var move = Guid.NewGuid();
        if (connection.Peer.Id == hostId())
        {
            connection.Dispose();
            throw Errors.Invalid($"'{request.DestinationHost}' is this host; 'Move-VMStorage' moves the files of a virtual machine on one host.", request.DestinationHost);
        }

        return new DepartingMachine(
            move, request, new MovePeer(connection, move), machines().Services, journal, adapters, switchName, SessionCredentials.Create(hostId(), time.GetUtcNow()));
    }

    private void RequireEnabled()
    {
        if (!settings.Current.VirtualMachineMigrationEnabled)
        {
            throw new CommandException(
                "MigrationNotEnabled", ErrorCategory.NotEnabled, $"Moves to other hosts are not enabled on the host '{settings.Facts.Name}'; 'Enable-VMMigration' does that, there and on the other one.", settings.Facts.Name);
        }
    }
}
