using System.Net;
using System.Net.Sockets;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Host.Peers;

/// <summary>Connects to other hosts, by what a person calls them.</summary>
/// <param name="trust">Whom this host believes.</param>
/// <param name="settings">Settings and facts of this host.</param>
/// <param name="time">Clock.</param>
/// <param name="versions">Versions of the protocol; all that are known when null.</param>
internal sealed class PeerConnector(TrustStore trust, IHostSettings settings, TimeProvider time, IReadOnlyList<int>? versions = null)
{
    /// <summary>
    /// Connects to a host: its name, its identity, an address with or without a port, or a name that leads to one. Whoever answers must be a trusted host, and the one that
    /// was named.
    /// </summary>
    /// <exception cref="CommandException">It is not known, does not answer, is not believed, does not believe this host, or speaks another version.</exception>
    public async Task<PeerConnection> ConnectAsync(string computerName, CancellationToken cancellation)
    {
        var state = trust.Current;
        if (state.Context is null)
        {
            throw PeerErrors.NoTrust();
        }

        var (expected, places) = await FindAsync(state, computerName, cancellation);
        var name = expected?.Name ?? computerName;
        CommandException? worst = null;
        var silent = new List<string>();
        foreach (var place in Order(places))
        {
            try
            {
                return await PeerConnection.OpenAsync(
                    new PeerTarget(name, place, expected), state, settings.Facts, versions ?? PeerProtocol.Supported, time, cancellation);
            }
            catch (CommandException error) when (error.ErrorId == "PeerUnreachable")
            {
                silent.Add($"{place}: {error.InnerException?.Message ?? error.Message}");
            }
            catch (CommandException error)
            {
                // Another address may lead to it all the same; when none does, this says more than silence.
                worst ??= error;
            }
        }

        throw worst ?? PeerErrors.Unreachable(name, silent.Count > 0 ? string.Join("; ", silent) : places.Count > 0 ? "its addresses are those of this host itself" : "no address of it is known", null);
    }

    /// <summary>The trusted host of a name or identity; null when there is none.</summary>
    /// <exception cref="CommandException">Several have the name.</exception>
    public static PeerRecord? Find(TrustState state, string name)
    {
        var found = state.Peers.Where(peer => (Guid.TryParse(name, out var id) && peer.Id == id && id != Guid.Empty)
            || string.Equals(peer.Name, name, StringComparison.OrdinalIgnoreCase)
            || string.Equals(peer.CertificateName, name, StringComparison.OrdinalIgnoreCase)).ToList();
        return found switch
        {
            [] => null,
            [var only] => only,
            _ => throw PeerErrors.Ambiguous(name, found.Select(static peer => peer.Addresses is [var first, ..] ? first : peer.Id.ToString("D"))),
        };
    }

    private async Task<(PeerRecord? Expected, IReadOnlyList<IPEndPoint> Places)> FindAsync(TrustState state, string name, CancellationToken cancellation)
    {
        if (Find(state, name) is { } known)
        {
            var places = Places(known);
            return (known, places.Count > 0 ? places : await ResolveAsync(known.CertificateName, settings.Current.PeerPort, cancellation));
        }

        // An address leads to whoever has it, if that is a trusted host.
        if (PeerAddress.TryParse(name, settings.Current.PeerPort, out var host, out var port))
        {
            if (IPAddress.TryParse(host, out var address))
            {
                // Without a port the one that a host with this address said, as it may not be ours.
                var said = state.Peers.SelectMany(Places).FirstOrDefault(place => place.Address.Equals(address));
                return (null, [new IPEndPoint(address, said is not null && !PeerAddress.HasPort(name) ? said.Port : port)]);
            }

            if (await ResolveAsync(host, port, cancellation) is [_, ..] resolved)
            {
                return (null, resolved);
            }
        }

        throw PeerErrors.Unknown(name);
    }

    private static List<IPEndPoint> Places(PeerRecord peer) =>
        [.. peer.Addresses.Select(static address => IPEndPoint.TryParse(address, out var place) ? place : null).OfType<IPEndPoint>()];

    private static async Task<IReadOnlyList<IPEndPoint>> ResolveAsync(string name, int port, CancellationToken cancellation)
    {
        try
        {
            return [.. (await Dns.GetHostAddressesAsync(name, cancellation)).Select(address => new IPEndPoint(address, port))];
        }
        catch (SocketException)
        {
            // Nobody knows the name.
            return [];
        }
    }

    /// <summary>Addresses in networks that were chosen for migration come first, in the order of these; one that leads to this host leads to no other.</summary>
    private IEnumerable<IPEndPoint> Order(IReadOnlyList<IPEndPoint> places)
    {
        var networks = (settings.Current.MigrationNetworks ?? []).OrderBy(static network => network.Priority).Select(static network => IPNetwork.Parse(network.Subnet)).ToList();
        return places.Where(place => place.Port != settings.Current.PeerPort || !LocalNetworks.IsOwn(place.Address)).OrderBy(place => networks.FindIndex(network => network.Contains(place.Address)) is >= 0 and var at ? at : int.MaxValue);
    }
}

/// <summary>Addresses as people type them.</summary>
internal static class PeerAddress
{
    /// <summary>Reads <c>192.0.2.1</c>, <c>192.0.2.1:6600</c>, <c>[2001:db8::1]:6600</c>, <c>host</c> and <c>host:6600</c>.</summary>
    public static bool TryParse(string text, int defaultPort, out string host, out int port)
    {
        (host, port) = (text, defaultPort);
        if (IPAddress.TryParse(text, out var address))
        {
            host = address.ToString();
            return true;
        }

        if (IPEndPoint.TryParse(text, out var place))
        {
            (host, port) = (place.Address.ToString(), place.Port == 0 ? defaultPort : place.Port);
            return true;
        }

        var colon = text.LastIndexOf(':');
        if (colon > 0)
        {
            if (!ushort.TryParse(text.AsSpan(colon + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) || number == 0)
            {
                return false;
            }

            (host, port) = (text[..colon], number);
        }

        return PeerCertificates.IsHostName(host);
    }

    /// <summary>Whether a port was typed.</summary>
    public static bool HasPort(string text) => !IPAddress.TryParse(text, out _) && text.Contains(':', StringComparison.Ordinal);
}
