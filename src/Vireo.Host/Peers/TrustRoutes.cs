using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Vireo.Host.Peers;

/// <summary>
/// Trust between hosts: <c>GET /peer/authority</c> and <c>POST /peer/join</c> for somebody with an invitation, <c>GET /peer/members</c> and <c>POST /peer/renew</c> for hosts that
/// are trusted.
/// </summary>
internal sealed class TrustRoutes(TrustStore trust, GuestBook guests, Func<TrustKeeper> keeper) : IPeerRoutes
{
    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(PeerGate.AuthorityPath, context => PeerHttp.WriteAsync(context, new AuthorityAnswer(trust.Current.File.Authority ?? ""), PeerJson.Default.AuthorityAnswer));
        routes.MapPost(PeerGate.JoinPath, async context =>
        {
            var request = await PeerHttp.ReadAsync(context, PeerJson.Default.JoinRequest);
            await PeerHttp.WriteAsync(context, guests.Join(request, context.Connection.RemoteIpAddress), PeerJson.Default.JoinAnswer);
        });
        routes.MapGet(PeerGate.MembersPath, context => PeerHttp.WriteAsync(context, guests.Members(), PeerJson.Default.MembersAnswer));
        routes.MapPost(PeerGate.RenewPath, async context =>
        {
            var request = await PeerHttp.ReadAsync(context, PeerJson.Default.RenewRequest);
            await PeerHttp.WriteAsync(context, guests.Renew(context.Peer(), request), PeerJson.Default.RenewAnswer);
        });
        routes.MapPost(PeerGate.RefreshPath, context =>
        {
            // Only the one that is asked then may cause the question.
            if (context.Peer().Id == trust.Current.File.AuthorityHost)
            {
                keeper().RefreshSoon();
            }

            return Task.CompletedTask;
        });
    }
}
