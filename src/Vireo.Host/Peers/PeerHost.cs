using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Vireo.Host.Peers;

/// <summary>Another host, as the room that serves its requests sees it.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Name">Its name.</param>
internal sealed record PeerHost(Guid Id, string Name);

/// <summary>
/// What a room offers to trusted hosts. A route is served only while migration is enabled, to a host whose certificate is believed, in a version of the protocol that
/// both sides speak; <see cref="PeerRequests.Peer"/> says who calls. A <see cref="Vireo.Commands.Framework.CommandException"/> that a route throws before it answers becomes the error of the caller's command.
/// </summary>
internal interface IPeerRoutes
{
    /// <summary>Adds the routes, below <c>/peer/</c> and a name of the room's own.</summary>
    void Map(IEndpointRouteBuilder routes);
}

/// <summary>What a room asks of a request.</summary>
internal static class PeerRequests
{
    /// <summary>Who calls.</summary>
    public static PeerHost Peer(this HttpContext context) =>
        context.Items[typeof(PeerHost)] as PeerHost ?? throw new InvalidOperationException("The request did not come through the peers' gate.");
}
