using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vireo.Commands.Framework;
using Vireo.Host.Peers;

namespace Vireo.Host.Api;

/// <summary>Whom the host trusts.</summary>
/// <param name="HostId">Identity of this host.</param>
/// <param name="Authority">Who signs certificates: <c>this host</c>, the name of a host, <c>brought along</c>, or <c>none</c>.</param>
/// <param name="CertificateExpires">End of the own certificate.</param>
/// <param name="Listening">Where it listens for other hosts now.</param>
/// <param name="Invitations">Invitations that are open.</param>
/// <param name="Peers">Other hosts.</param>
public sealed record TrustReport(
    Guid HostId, string Authority, DateTimeOffset? CertificateExpires, IReadOnlyList<string> Listening, IReadOnlyList<DateTimeOffset> Invitations, IReadOnlyList<PeerReport> Peers);

/// <summary>Another host.</summary>
/// <param name="Name">Name.</param>
/// <param name="Id">Identity.</param>
/// <param name="State"><c>Trusted</c> or <c>Removed</c>.</param>
/// <param name="Addresses">Where it is.</param>
/// <param name="Added">When it was trusted.</param>
public sealed record PeerReport(string Name, Guid Id, string State, IReadOnlyList<string> Addresses, DateTimeOffset Added);

/// <summary>Asks for an invitation.</summary>
/// <param name="Minutes">How long it is to be good.</param>
/// <param name="Address">Where the guest is to come; chosen when null.</param>
internal sealed record InviteBody(int? Minutes, string? Address);

/// <summary>An invitation.</summary>
/// <param name="Token">What the guest's administrator is given.</param>
/// <param name="Expires">Until when it is good.</param>
internal sealed record InviteReport(string Token, DateTimeOffset Expires);

/// <summary>Joins.</summary>
/// <param name="Token">The invitation.</param>
internal sealed record JoinBody(string Token);

/// <summary>Removes a host.</summary>
/// <param name="Name">Its name, identity or certificate's name.</param>
internal sealed record RemoveBody(string Name);

/// <summary>Brings certificates (PEM).</summary>
/// <param name="Authority">Of the authority.</param>
/// <param name="Certificate">Of this host.</param>
/// <param name="Key">Its key.</param>
internal sealed record CertificateBody(string Authority, string Certificate, string Key);

/// <summary>JSON of these routes.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(TrustReport))]
[JsonSerializable(typeof(PeerReport))]
[JsonSerializable(typeof(InviteBody))]
[JsonSerializable(typeof(InviteReport))]
[JsonSerializable(typeof(JoinBody))]
[JsonSerializable(typeof(RemoveBody))]
[JsonSerializable(typeof(CertificateBody))]
internal sealed partial class TrustJson : JsonSerializerContext;

/// <summary>
/// Trust between hosts, for administrators: <c>GET /api/trust</c>, and <c>POST</c> to <c>/api/trust/invite</c>, <c>join</c>, <c>remove</c>, <c>leave</c>, <c>use</c> and <c>renew</c>. A refusal is
/// JSON with <c>errorId</c>, <c>category</c> and <c>message</c>, as the peers' protocol has it.
/// </summary>
internal static class TrustEndpoints
{
    private const int DefaultMinutes = 15;

    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes, PeerRoom peers)
    {
        routes.MapGet("/api/trust", context => PeerHttp.WriteAsync(context, Report(peers), TrustJson.Default.TrustReport));
        Post(routes, "/api/trust/invite", TrustJson.Default.InviteBody, async (body, cancellation) =>
        {
            var token = await peers.Service.InviteAsync(TimeSpan.FromMinutes(body.Minutes ?? DefaultMinutes), body.Address, cancellation);
            return JsonSerializer.SerializeToUtf8Bytes(new InviteReport(token.ToString(), token.Expires), TrustJson.Default.InviteReport);
        });
        Post(routes, "/api/trust/join", TrustJson.Default.JoinBody, async (body, cancellation) => Peer(await peers.Service.JoinAsync(body.Token, cancellation)));
        Post(routes, "/api/trust/remove", TrustJson.Default.RemoveBody, (body, _) => Task.FromResult(Peer(peers.Service.Remove(body.Name))));
        Post(routes, "/api/trust/leave", null, async (_, cancellation) =>
        {
            await peers.Service.LeaveAsync(cancellation);
            return State(peers);
        });
        Post(routes, "/api/trust/renew", null, async (_, cancellation) =>
        {
            await peers.Keeper.RenewAsync(cancellation);
            return State(peers);
        });
        Post(routes, "/api/trust/use", TrustJson.Default.CertificateBody, async (body, cancellation) =>
        {
            await peers.Service.UseAsync(body.Authority, body.Certificate, body.Key, cancellation);
            return State(peers);
        });
    }

    private static void Post<T>(IEndpointRouteBuilder routes, string path, JsonTypeInfo<T> type, Func<T, CancellationToken, Task<byte[]>> action)
        where T : class => Post(routes, path, async context => await action(await PeerHttp.ReadAsync(context, type), context.RequestAborted));

    private static void Post(IEndpointRouteBuilder routes, string path, object? nothing, Func<object?, CancellationToken, Task<byte[]>> action) =>
        Post(routes, path, context => action(nothing, context.RequestAborted));

    private static void Post(IEndpointRouteBuilder routes, string path, Func<HttpContext, Task<byte[]>> action) => routes.MapPost(path, async context =>
    {
        try
        {
            var answer = await action(context);
            context.Response.ContentType = "application/json";
            await context.Response.Body.WriteAsync(answer, context.RequestAborted);
        }
        catch (CommandException refused)
        {
            await PeerHttp.RefuseAsync(context, StatusCodes.Status409Conflict, refused);
        }
    });

    private static byte[] Peer(PeerRecord peer) => JsonSerializer.SerializeToUtf8Bytes(Describe(peer), TrustJson.Default.PeerReport);

    private static byte[] State(PeerRoom peers) => JsonSerializer.SerializeToUtf8Bytes(Report(peers), TrustJson.Default.TrustReport);

    private static PeerReport Describe(PeerRecord peer) => new(peer.Name, peer.Id, peer.Removed is null ? "Trusted" : "Removed", peer.Addresses, peer.Added);

    private static TrustReport Report(PeerRoom peers)
    {
        var state = peers.Trust.Current;
        var file = state.File;
        var authority = file.Authority is null ? "none"
            : file.AuthorityKey is not null ? "this host"
            : file.AuthorityHost is not { } holder ? "brought along"
            : file.Peers.FirstOrDefault(peer => peer.Id == holder)?.Name ?? holder.ToString("D");
        return new TrustReport(
            state.HostId, authority, state.Certificate is { } own ? new DateTimeOffset(own.NotAfter.ToUniversalTime()) : null,
            [.. peers.Endpoint.Listening.Select(static place => place.ToString())], peers.Service.OpenInvitations,
            [.. file.Peers.Select(Describe).OrderBy(static peer => peer.Name, StringComparer.OrdinalIgnoreCase)]);
    }
}
