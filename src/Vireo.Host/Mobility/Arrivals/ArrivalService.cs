using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Host.Machines;
using Vireo.Host.Metering;
using Vireo.Host.Mobility.Ownership;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Peers;
using Vireo.Host.Switches;
using Vireo.Host.Transfers;
using Vireo.Machines;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Mobility.Arrivals;

/// <summary>
/// Machines that come from other hosts: <c>/peer/moves</c>. An arrival that its host is not heard of for <see cref="s_silence"/> is given up; whether one was
/// taken is said to its host for as long as that asks.
/// </summary>
internal sealed class ArrivalService(
    ArrivalJournal journal, IHostSettings settings, Func<ISwitches> switches, AdapterMigration adapters, Func<MachineService> machines, Func<ImportFactsReader> facts, Func<MeteringService> metering,
    Func<Guid> hostId, TimeProvider time) : IPeerRoutes
{
    private const int MostImages = 10_000;
    private const string Root = "/peer/moves";
    private static readonly TimeSpan s_silence = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<Guid, ArrivingMachine> _arriving = new();
    private readonly SemaphoreSlim _beginning = new(1);

    /// <summary>Ends processes that wait for guests of a host that ended before: nobody brings them any more. Before the host's machines are read.</summary>
    public async Task RecoverAsync(Action<string> failed, CancellationToken cancellation)
    {
        var (store, driver, paths) = (machines().Store, machines().Driver, machines().Services.Paths);
        foreach (var machine in journal.Recover(store.IsRegisteredBy, failed))
        {
            if (store.IsRegistered(machine))
            {
                // It came by another attempt.
                continue;
            }

            try
            {
                // Its guest never ran here, so it is ended.
                var waiting = await driver.OpenAsync(machine, paths.MachineRun(machine), hasSavedState: true, cancellation);
                await waiting.DisposeAsync();
            }
            catch (MachineException refused)
            {
                failed($"A process that waited for a virtual machine of another host ('{machine}') could not be ended: {refused.Message}");
            }
        }
    }

    /// <summary>Gives up what nobody is heard of, until the host ends.</summary>
    public async Task WatchAsync(CancellationToken stopping)
    {
        foreach (var record in journal.Taken)
        {
            await GoOnAsync(record);
        }

        using var timer = new PeriodicTimer(s_betweenLooks, time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            foreach (var (move, arriving) in _arriving)
            {
                if (time.GetElapsedTime(arriving.Heard) > s_silence)
                {
                    await arriving.GiveUpAsync($"that host was not heard of for {s_silence.TotalSeconds:0} s.");
                    _arriving.TryRemove(move, out _);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Root, OfferAsync);
        routes.MapPost(Root + "/{move:guid}/file", FileAsync);
        Map(routes, "disks", async (arriving, context) =>
            await PeerHttp.WriteAsync(context, await arriving.OpenDisksAsync(context.Connection.LocalIpAddress is { } address ? Plain(address) : IPAddress.Loopback), MoveJson.Default.DisksAnswer));
        Map(routes, "memory", async (arriving, context) =>
        {
            var request = await PeerHttp.ReadAsync(context, MoveJson.Default.MemoryRequest);
            RequireSound(request);
            await PeerHttp.WriteAsync(context, await arriving.ExpectMemoryAsync(request with { Address = Plain(context.Connection.LocalIpAddress ?? IPAddress.Loopback).ToString() }), MoveJson.Default.MemoryAnswer);
        });
        Map(routes, "alive", async (arriving, context) =>
        {
            arriving.Hear();
            await PeerHttp.WriteAsync(context, new AliveAnswer(arriving.Trouble), MoveJson.Default.AliveAnswer);
        });
        Map(routes, "ready", async (arriving, context) =>
        {
            await arriving.ReceivedAsync();
            await PeerHttp.WriteAsync(context, new Nothing(), MoveJson.Default.Nothing);
        });
        routes.MapPost(Root + "/{move:guid}/take", TakeAsync);
        routes.MapPost(Root + "/{move:guid}/resolve", ResolveAsync);
        routes.MapPost(Root + "/{move:guid}/confirm", ConfirmAsync);
    }

    // What the other host counted is not lost with a host that dies before it has gone on from there.
    private async Task GoOnAsync(ArrivalRecord record)
    {
        if (record.Meter is not { } figures || machines().Find(record.MachineId) is not { } machine)
        {
            return;
        }

        try
        {
            await metering().GoOnAsync(machine, figures, CancellationToken.None);
            if (journal.Find(record.Move) is { } kept)
            {
                journal.Write(kept with { Meter = null });
            }
        }
        catch (CommandException refused)
        {
            machines().Services.Events.Write("MeteringNotTakenOver", $"What was counted of '{machine.Name}' at the host it came from could not be taken over yet: {refused.Message}", machine.Id);
        }
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private void Map(IEndpointRouteBuilder routes, string step, Func<ArrivingMachine, HttpContext, Task> act) =>
        routes.MapPost(Root + "/{move:guid}/" + step, (HttpContext context, Guid move) => act(Require(context, move), context));

    private async Task OfferAsync(HttpContext context)
    {
        var offer = await PeerHttp.ReadAsync(context, MoveJson.Default.MoveOffer);
        RequireSound(offer);
        await _beginning.WaitAsync(context.RequestAborted);
        try
        {
            await PeerHttp.WriteAsync(context, await PrepareAsync(offer, context.Peer(), context.RequestAborted), MoveJson.Default.MoveAnswer);
        }
        finally
        {
            _beginning.Release();
        }
    }

    private async Task<MoveAnswer> PrepareAsync(MoveOffer offer, PeerHost peer, CancellationToken cancellation)
    {
        var name = offer.Machine.Name;
        if (machines().Find(offer.Machine.Id) is not null || machines().Store.IsRegistered(offer.Machine.Id))
        {
            throw new CommandException("ResourceExists", ErrorCategory.ResourceExists, $"A virtual machine with the id of '{name}' is on the host '{settings.Facts.Name}' already.", name);
        }

        if (journal.Find(offer.Move) is not null || _arriving.Values.Any(other => other.Machine.Id == offer.Machine.Id))
        {
            throw Errors.State($"The virtual machine '{name}' is on its way to the host '{settings.Facts.Name}' already.", name);
        }

        var request = ArrivalPlans.Resolve(offer, settings.Current);
        var plan = ArrivalPlans.Plan(offer, request);
        var machine = Place(offer.Machine);
        var looked = await facts().ReadAsync(ArrivalPlans.Planned(machine, time.GetUtcNow()), cancellation);
        IReadOnlyList<Incompatibility> problems = [.. ArrivalChecks.Run(offer, looked, MoveHost.Describe(machines().Services), plan), .. await SharesAsync(offer, cancellation)];
        if (problems.Count > 0 || offer.IsQuestion)
        {
            return new MoveAnswer(Guid.Empty, problems, request, "");
        }

        var credentials = SessionCredentials.Create(hostId(), time.GetUtcNow());
        var authority = credentials.Authority;
        var arriving = new ArrivingMachine(offer, peer, plan, Place, GoOnAsync, machines(), journal, adapters, credentials);
        try
        {
            arriving.Begin();
        }
        catch (Exception failed)
        {
            await arriving.GiveUpAsync(failed.Message);
            throw failed is IOException or UnauthorizedAccessException
                ? new CommandException("OperationFailed", ErrorCategory.NotSpecified, $"The virtual machine '{name}' cannot come to the host '{settings.Facts.Name}': {failed.Message}", name, failed)
                : failed;
        }

        _arriving[offer.Move] = arriving;
        return new MoveAnswer(arriving.Id, [], request, authority);

        VirtualMachineConfiguration Place(VirtualMachineConfiguration there) => ArrivalPlans.Machine(there, plan, switches().All);
    }

    private async Task FileAsync(HttpContext context, Guid move)
    {
        var arriving = Require(context, move);
        var source = Uri.UnescapeDataString(context.Request.Headers["Vireo-File"].ToString());

        // A disk is as long as it is; what it may take was looked at before.
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        arriving.Trouble = null;
        try
        {
            await arriving.ReceiveAsync(source, context.Request.Body, context.RequestAborted);
        }
        catch (Exception failed) when (failed is IOException or InvalidDataException or UnauthorizedAccessException or Vireo.Control.ControlException)
        {
            var isFull = Platform.Files.AtomicFile.IsOutOfSpace(failed);
            var error = new CommandException(
                isFull ? "OutOfDiskSpace" : "OperationFailed", isFull ? ErrorCategory.ResourceUnavailable : ErrorCategory.NotSpecified, $"'{source}' could not be taken: {failed.Message}", source, failed);
            arriving.Trouble = new PeerError(error.ErrorId, error.Category.ToString(), error.Message, source);
            throw error;
        }

        await PeerHttp.WriteAsync(context, new Nothing(), MoveJson.Default.Nothing);
    }

    private async Task TakeAsync(HttpContext context, Guid move)
    {
        var request = await PeerHttp.ReadAsync(context, MoveJson.Default.TakeRequest);
        RequireSound(request.Machine);
        TakeAnswer answer;
        if (_arriving.TryGetValue(move, out var arriving) && arriving.Peer.Id == context.Peer().Id)
        {
            if (request.Machine.Id != arriving.Machine.Id)
            {
                throw Errors.Invalid("The machine is not the one that was offered.", request.Machine.Name);
            }

            answer = await arriving.TakeAsync(request);
            _arriving.TryRemove(move, out _);
        }
        else
        {
            var (_, taken) = Arrival.Take(Known(context, move), move, request.Arrival);
            answer = new(taken, taken ? null : "this host knows nothing of the move any more");
        }

        await PeerHttp.WriteAsync(context, answer, MoveJson.Default.TakeAnswer);
    }

    // Whatever is asked first decides: what was not taken before is given up, and never will be.
    private async Task ResolveAsync(HttpContext context, Guid move)
    {
        if (_arriving.TryGetValue(move, out var arriving) && arriving.Peer.Id == context.Peer().Id)
        {
            await arriving.GiveUpAsync("that host has called the move off.");
            _arriving.TryRemove(move, out _);
        }

        var (_, taken) = Arrival.Resolve(Known(context, move), move);
        await PeerHttp.WriteAsync(context, new TakeAnswer(taken), MoveJson.Default.TakeAnswer);
    }

    private async Task ConfirmAsync(HttpContext context, Guid move)
    {
        if (Known(context, move) is { } known && Arrival.Confirm(known, move) is null)
        {
            journal.End(move);
        }

        await PeerHttp.WriteAsync(context, new Nothing(), MoveJson.Default.Nothing);
    }

    // Disks on shares are not moved: both hosts have them, which is asked of the server itself.
    private async Task<IReadOnlyList<Incompatibility>> SharesAsync(MoveOffer offer, CancellationToken cancellation)
    {
        var problems = new List<Incompatibility>();
        foreach (var path in SharedDisks.Of(offer.Machine))
        {
            try
            {
                _ = await ImageChains.CollectAsync(machines().Services.Storage, [path], cancellation);
            }
            catch (ControlException refused)
            {
                problems.Add(new(IncompatibilityKind.StorageNotShared, $"The disk '{path}' of '{offer.Machine.Name}' cannot be reached from this host: {refused.Message}", "Move-VM"));
            }
        }

        return problems;
    }

    // Only of the host that the machine came from.
    private Arrival? Known(HttpContext context, Guid move) =>
        journal.IsUnreadable(move) ? throw Errors.State($"Whether the host '{settings.Facts.Name}' took the machine of this move cannot be read there; its events say which file is damaged.", move.ToString())
        : journal.Find(move) is { } record && record.SourceHost == context.Peer().Id ? ArrivalJournal.Of(record, machines().Store.IsRegisteredBy) : null;

    private ArrivingMachine Require(HttpContext context, Guid move) => _arriving.TryGetValue(move, out var arriving) && arriving.Peer.Id == context.Peer().Id
        ? arriving
        : throw Errors.State($"The host '{settings.Facts.Name}' knows nothing of this move, or has given it up.", move.ToString());

    private static void RequireSound(VirtualMachineConfiguration machine)
    {
        if (ConfigurationSanity.Problem(machine) is { } problem)
        {
            throw Errors.Invalid($"The configuration that was offered is none: {problem}.", machine.Name);
        }
    }

    private static void RequireSound(MoveOffer offer)
    {
        RequireSound(offer.Machine);
        if (offer.Move == Guid.Empty || offer.Images.Count > MostImages || offer.Files.Count > MostImages || offer.Disks.Count > MostImages || offer.MemoryBytes < 0
            || offer.Images.Any(image => image?.Chain is null || !Path.IsPathRooted(image.Chain.Path)) || offer.Images.DistinctBy(image => image.Chain.Path).Count() != offer.Images.Count
            || new[] { offer.Request.DestinationPath, offer.Request.VirtualMachinePath, offer.Request.SnapshotFilePath, offer.Request.SmartPagingFilePath }.OfType<string>()
                .Concat(offer.Request.Disks.Values).Any(path => !Path.IsPathRooted(path) || path.Contains('\0', StringComparison.Ordinal)))
        {
            throw Errors.Invalid("What was offered makes no sense.", offer.Machine.Name);
        }
    }

    private static void RequireSound(MemoryRequest request)
    {
        if (Vireo.Machines.Running.SavedStates.Problem(request.State) is { } problem || request.Settings.Channels is < 1 or > 16)
        {
            throw Errors.Invalid("What the process says of its state makes no sense.", request.State?.MachineType);
        }
    }
}
