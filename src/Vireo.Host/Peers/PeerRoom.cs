using Vireo.Commands.Services;
using Vireo.Host.History;

namespace Vireo.Host.Peers;

/// <summary>Everything of this room, put together: whom the host believes, where others come, and how to get to them.</summary>
internal sealed class PeerRoom : IAsyncDisposable
{
    private readonly EventLog _events;

    /// <summary>Reads the state; nothing listens yet.</summary>
    /// <param name="stateFolder">The host's state folder.</param>
    /// <param name="settings">Settings and facts of the host.</param>
    /// <param name="events">Events.</param>
    /// <param name="time">Clock.</param>
    /// <param name="loggers">Logs.</param>
    /// <param name="routes">What other rooms offer.</param>
    /// <param name="versions">Versions of the protocol; all that are known when null.</param>
    public PeerRoom(
        string stateFolder, IHostSettings settings, EventLog events, TimeProvider time, ILoggerFactory loggers, IReadOnlyList<IPeerRoutes> routes, IReadOnlyList<int>? versions = null)
    {
        _events = events;
        Trust = new TrustStore(stateFolder);
        var refusals = new RefusalLog(events, time);
        var guests = new GuestBook(Trust, settings, () => Addresses(settings), refusals, events, time);
        Endpoint = new PeerEndpoint(Trust, settings, refusals, time, loggers, [new TrustRoutes(Trust, guests, () => Keeper!), .. routes], versions);
        Connector = new PeerConnector(Trust, settings, time, versions);
        Service = new TrustService(Trust, settings, Endpoint, events, time);
        Keeper = new TrustKeeper(Trust, settings, Connector, guests, events, time);
        guests.Joined = Keeper.TellOthers;
        Service.Removed = Keeper.TellOthers;
        Trust.Changed = Endpoint.AbortDistrusted;
    }

    /// <summary>Whom the host believes.</summary>
    public TrustStore Trust { get; }

    /// <summary>Where others come.</summary>
    public PeerEndpoint Endpoint { get; }

    /// <summary>How to get to them.</summary>
    public PeerConnector Connector { get; }

    /// <summary>What administrators do.</summary>
    public TrustService Service { get; }

    /// <summary>Renews certificates, and follows the authority.</summary>
    public TrustKeeper Keeper { get; }

    /// <summary>Keeps listening where it should be listened, until the host ends.</summary>
    public Task FollowAsync(CancellationToken stopping) => Endpoint.FollowAsync(trouble => _events.Write("PeersNotHeard", trouble, null), stopping);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Keeper.DisposeAsync();
        await Endpoint.DisposeAsync();
    }

    private List<string> Addresses(IHostSettings settings) =>
        [.. Endpoint.Addresses.Take(PeerLimits.Addresses).Select(address => new System.Net.IPEndPoint(address, settings.Current.PeerPort).ToString())];
}
