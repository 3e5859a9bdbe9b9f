using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Vireo.Host.Access;
using Vireo.Host.History;
using Vireo.Host.Machines;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Api;

/// <summary>
/// The consoles of machines, for administrators and for users who were let in to a machine's: <c>GET /api/consoles</c> lists those that the caller may connect
/// to, <c>GET /api/consoles/&lt;id&gt;</c> tells the last lines of a serial one, and <c>GET /api/consoles/&lt;id&gt;/&lt;device&gt;</c> (<c>com1</c>,
/// <c>com2</c>, <c>screen</c>) becomes that device when it is upgraded to <c>vireo-console</c>: the caller has no right to its socket.
/// </summary>
/// <param name="machines">Machines.</param>
/// <param name="access">Who may do what.</param>
/// <param name="events">Events.</param>
/// <param name="time">Clock.</param>
/// <param name="stopping">The host ends.</param>
internal sealed class ConsoleEndpoints(MachineService machines, PeerAccess access, EventLog events, TimeProvider time, CancellationToken stopping)
{
    private const string Protocol = "vireo-console";
    private const int MostLines = 10_000;
    private const int BufferBytes = 64 << 10;
    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromSeconds(1);

    /// <summary>Adds the routes.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/consoles", context => Results.Json(
            [.. machines.All.Where(machine => access.MayConnect(context, machine)).Select(Report)], ApiJson.Default.ListConsoleReport).ExecuteAsync(context));
        routes.MapGet("/api/consoles/{id:guid}", (HttpContext context, Guid id, int? port, int? lines) => Find(context, id) is { } machine && (port ?? 1) is 1 or 2
            ? Results.Json(Report(machine) with { Lines = machines.Console(id, port ?? 1, Math.Clamp(lines ?? 20, 0, MostLines)) }, ApiJson.Default.ConsoleReport)
            : Results.NotFound());
        routes.MapGet("/api/consoles/{id:guid}/{device}", ConnectAsync);
    }

    // Whether there is a machine of that name is nobody's business who may not connect to it.
    private VirtualMachineConfiguration? Find(HttpContext context, Guid id) =>
        machines.All.FirstOrDefault(machine => machine.Id == id) is { } machine && access.MayConnect(context, machine) ? machine : null;

    private ConsoleReport Report(VirtualMachineConfiguration machine) => new(machine.Id, machine.Name, machines.StatusOf(machine.Id).State.ToString(), []);

    private async Task ConnectAsync(HttpContext context, Guid id, string device)
    {
        if (Find(context, id) is not { } machine || device is not ("com1" or "com2" or "screen"))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } upgrade || context.Request.Headers.Upgrade != Protocol)
        {
            await RefuseAsync(context, StatusCodes.Status426UpgradeRequired, $"This is a console; ask for the protocol '{Protocol}'.");
            return;
        }

        using var line = Connect(id, device);
        if (line is null)
        {
            await RefuseAsync(context, StatusCodes.Status409Conflict, $"The virtual machine '{machine.Name}' has no {(device == "screen" ? "screen" : "serial console")} now; start it with 'Start-VM'.");
            return;
        }

        var caller = access.CallerOf(context);
        events.Write("ConsoleOpened", $"'{caller}' connected to {device} of '{machine.Name}'.", id);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stopping, context.RequestAborted);
        await using (var stream = await upgrade.UpgradeAsync())
        await using (var guest = new NetworkStream(line))
        {
            await Task.WhenAny(PumpAsync(stream, guest, over.Token), PumpAsync(guest, stream, over.Token), WatchAsync(context, id, over.Token));
            await over.CancelAsync();
        }

        events.Write("ConsoleClosed", $"'{caller}' left {device} of '{machine.Name}'.", id);
    }

    /// <summary>
    /// The guest's process may make names where its sockets are, and we may connect to more than it may: whoever answers must be that process.
    /// </summary>
    private Socket? Connect(Guid id, string device)
    {
        if (machines.ConsoleSocket(id, device) is not { } path || machines.ProcessIdOf(id) is not { } process)
        {
            return null;
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            if (Peer.Of(socket)?.ProcessId == process)
            {
                return socket;
            }
        }
        catch (SocketException)
        {
            // It ends just now, or never had one.
        }

        socket.Dispose();
        return null;
    }

    private static async Task PumpAsync(Stream from, Stream to, CancellationToken cancellation)
    {
        try
        {
            await from.CopyToAsync(to, BufferBytes, cancellation);
        }
        catch (Exception left) when (left is IOException or OperationCanceledException or ObjectDisposedException or BadHttpRequestException)
        {
            // One of them is gone.
        }
    }

    /// <summary>Ends when the user may not be connected any more, or the machine is gone.</summary>
    private async Task WatchAsync(HttpContext context, Guid id, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(s_betweenLooks, time);
        try
        {
            while (Find(context, id) is not null)
            {
                await timer.WaitForNextTickAsync(cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // Over already.
        }
    }

    private static Task RefuseAsync(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain";
        return context.Response.WriteAsync(reason + "\n");
    }
}
