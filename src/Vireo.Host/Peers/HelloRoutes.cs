using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Vireo.Commands.Services;

namespace Vireo.Host.Peers;

/// <summary><c>GET /peer/hello</c>: who answers, and in which versions.</summary>
internal sealed class HelloRoutes(TrustStore trust, IHostSettings settings, IReadOnlyList<int> versions) : IPeerRoutes
{
    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder routes) => routes.MapGet(PeerGate.HelloPath, context => PeerHttp.WriteAsync(
        context,
        new PeerHello(versions, trust.Current.HostId, settings.Facts.Name, settings.Facts.Version) { MigrationEnabled = settings.Current.VirtualMachineMigrationEnabled },
        PeerJson.Default.PeerHello));
}
