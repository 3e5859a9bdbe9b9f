using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Vireo.Commands.Services;

namespace Vireo.Host.Peers;

/// <summary>
/// Where other hosts come: HTTPS with a certificate on both sides. It listens while migration is enabled, in the networks that were chosen for it, and while an invitation
/// is open; then also where no network was chosen, because whoever is to come knows the way from the invitation. Requests under way go on when it stops to listen.
/// </summary>
internal sealed class PeerEndpoint : IMigrationListener, IAsyncDisposable
{
    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromSeconds(10);
    private readonly TrustStore _trust;
    private readonly IHostSettings _settings;
    private readonly TimeProvider _time;
    private readonly PeerListener _listener;
    private readonly PeerGate _gate;
    private readonly RefusalLog _refusals;
    private readonly IReadOnlyList<IPeerRoutes> _routes;
    private readonly IReadOnlyList<int> _versions;
    private readonly SemaphoreSlim _applying = new(1, 1);
    private WebApplication? _application;

    /// <summary>Makes the endpoint; it does not listen yet.</summary>
    /// <param name="trust">Whom this host believes.</param>
    /// <param name="settings">Settings and facts of this host.</param>
    /// <param name="refusals">Where refusals are told.</param>
    /// <param name="time">Clock.</param>
    /// <param name="loggers">Logs.</param>
    /// <param name="routes">What is offered.</param>
    /// <param name="versions">Versions of the protocol; all that are known when null.</param>
    public PeerEndpoint(
        TrustStore trust, IHostSettings settings, RefusalLog refusals, TimeProvider time, ILoggerFactory loggers, IReadOnlyList<IPeerRoutes> routes, IReadOnlyList<int>? versions = null)
    {
        _trust = trust;
        _settings = settings;
        _time = time;
        _refusals = refusals;
        _routes = routes;
        _versions = versions ?? PeerProtocol.Supported;
        _listener = new PeerListener(time);
        _gate = new PeerGate(trust, settings, _versions, refusals, time, loggers.CreateLogger<PeerGate>());
    }

    /// <summary>Where it listens now.</summary>
    public IReadOnlyList<IPEndPoint> Listening => _listener.Listening;

    /// <summary>
    /// Addresses that other hosts are told of this one: those in the networks for migration, best first; all of the host when none was chosen.
    /// </summary>
    public IReadOnlyList<IPAddress> Addresses => _settings.Current is { UseAnyNetworkForMigration: false, MigrationNetworks: [_, ..] networks }
        ? LocalNetworks.AddressesIn(networks)
        : LocalNetworks.Addresses(IsForGuests);

    /// <summary>Interfaces, by name, whose network is behind address translation: other hosts are not told of addresses there.</summary>
    public Func<string, bool> IsForGuests { get; set; } = static _ => false;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>> ApplyAsync(CancellationToken cancellation)
    {
        await _applying.WaitAsync(cancellation);
        try
        {
            var places = Places();
            if (_application is null && places.Count > 0)
            {
                var application = Build();
                await application.StartAsync(CancellationToken.None);
                _application = application;
            }

            return _application is null ? [] : _listener.ListenAt(places);
        }
        finally
        {
            _applying.Release();
        }
    }

    /// <summary>Follows the addresses of the host, and the end of invitations, until the host ends. What cannot be listened at is told once.</summary>
    public async Task FollowAsync(Action<string> trouble, CancellationToken stopping)
    {
        var told = new HashSet<string>(StringComparer.Ordinal);
        using var timer = new PeriodicTimer(s_betweenLooks, _time);
        do
        {
            var troubles = await ApplyAsync(stopping);
            told.IntersectWith(troubles);
            foreach (var sentence in troubles.Where(told.Add))
            {
                trouble(sentence);
            }
        }
        while (await timer.WaitForNextTickAsync(stopping));
    }

    /// <summary>Ends what hosts that are believed no longer have under way.</summary>
    public void AbortDistrusted() => _gate.AbortDistrusted();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_application is not null)
        {
            // Whoever is connected is not waited for: a host that ends has ended what it did.
            using var now = new CancellationTokenSource(TimeSpan.Zero);
            await _application.StopAsync(now.Token);
            await _application.DisposeAsync();
        }

        await _listener.DisposeAsync();
        _applying.Dispose();
    }

    private HashSet<IPEndPoint> Places()
    {
        var settings = _settings.Current;
        if (_trust.Current.Certificate is null)
        {
            return [];
        }

        if (_gate.IsOpenToGuests || settings.VirtualMachineMigrationEnabled)
        {
            if (settings.UseAnyNetworkForMigration)
            {
                return [Everywhere(settings.PeerPort)];
            }

            if (settings.MigrationNetworks is [_, ..] networks)
            {
                return [.. LocalNetworks.AddressesIn(networks).Select(address => new IPEndPoint(address, settings.PeerPort))];
            }

            if (_gate.IsOpenToGuests)
            {
                return [Everywhere(settings.PeerPort)];
            }
        }

        return [];
    }

    /// <summary>The web server, made when it is first needed: most hosts have no others.</summary>
    private WebApplication Build()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore();
        builder.Services.RemoveAll<IConnectionListenerFactory>();
        builder.Services.AddSingleton<IConnectionListenerFactory>(_listener);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(Configure);
        var application = builder.Build();
        application.Use(next => context => _gate.InvokeAsync(context, next));
        new HelloRoutes(_trust, _settings, _versions).Map(application);
        foreach (var room in _routes)
        {
            room.Map(application);
        }

        return application;
    }

    private static IPEndPoint Everywhere(int port) => new(System.Net.Sockets.Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port);

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowSynchronousIO = false;
        kestrel.Limits.MaxConcurrentConnections = PeerLimits.Connections;
        kestrel.Limits.MaxRequestBodySize = PeerLimits.GuestBodyBytes;
        kestrel.Limits.MaxRequestHeaderCount = 32;
        kestrel.Limits.MaxRequestHeadersTotalSize = 8 << 10;
        kestrel.Limits.MaxRequestLineSize = 4 << 10;
        kestrel.Limits.RequestHeadersTimeout = PeerLimits.Headers;
        kestrel.Limits.KeepAliveTimeout = PeerLimits.Idle;
        kestrel.Listen(_listener.EndPoint, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.UseHttps(new TlsHandshakeCallbackOptions { HandshakeTimeout = PeerLimits.Handshake, OnConnection = OptionsAsync });
        });
    }

    private ValueTask<SslServerAuthenticationOptions> OptionsAsync(TlsHandshakeCallbackContext context)
    {
        var connection = context.Connection;
        return new(new SslServerAuthenticationOptions
        {
            ServerCertificateContext = _trust.Current.Context ?? throw new AuthenticationException("This host has no certificate."),
            ClientCertificateRequired = true,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,

            // A session that is taken up again would bring a certificate that nobody looks at.
            AllowTlsResume = false,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
            RemoteCertificateValidationCallback = (_, certificate, chain, _) => Accept(connection, certificate, chain),
        });
    }

    /// <summary>
    /// A stranger gets no further than here. Who has a certificate of the authority and is refused all the same is told why by the gate, over HTTP.
    /// </summary>
    private bool Accept(BaseConnectionContext connection, X509Certificate? shown, X509Chain? chain)
    {
        // The one that is given lives as long as the callback.
        var certificate = shown is null ? null : X509CertificateLoader.LoadCertificate(shown.GetRawCertData());
        var who = PeerVerifier.Verify(_trust.Current, certificate, chain?.ChainPolicy.ExtraStore, ofServer: false, _time.GetUtcNow());
        if (who.Verdict is PeerVerdict.NotOfAuthority or PeerVerdict.WrongPurpose or PeerVerdict.NoAuthority || (certificate is null && !_gate.IsOpenToGuests))
        {
            _refusals.Refused(who.Subject, (connection.RemoteEndPoint as IPEndPoint)?.Address.ToString() ?? "an unknown address", who.Reason);
            certificate?.Dispose();
            return false;
        }

        connection.Features.Set(new CallerCertificate(certificate));
        return true;
    }
}
