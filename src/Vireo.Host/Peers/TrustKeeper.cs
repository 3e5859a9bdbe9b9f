using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.History;

namespace Vireo.Host.Peers;

/// <summary>
/// Keeps trust alive: renews the own certificate long before it ends, and follows the host that has the authority's key: whom that one lets in, or removes, this one
/// does too. Whom an administrator removed here stays removed here.
/// </summary>
internal sealed class TrustKeeper : IAsyncDisposable
{
    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_warnBefore = TimeSpan.FromDays(30);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private readonly TrustStore _trust;
    private readonly IHostSettings _settings;
    private readonly PeerConnector _connector;
    private readonly GuestBook _guests;
    private readonly EventLog _events;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ending = new();
    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private readonly HashSet<Task> _background = [];
    private string _told = "";

    /// <summary>Makes the keeper; <see cref="RunAsync"/> is its work.</summary>
    public TrustKeeper(TrustStore trust, IHostSettings settings, PeerConnector connector, GuestBook guests, EventLog events, TimeProvider time)
    {
        _trust = trust;
        _settings = settings;
        _connector = connector;
        _guests = guests;
        _events = events;
        _time = time;
    }

    /// <summary>Looks after it until the host ends.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(s_betweenLooks, _time);
        do
        {
            await LookAsync(stopping);
        }
        while (await timer.WaitForNextTickAsync(stopping));
    }

    /// <summary>One look: what is due is done, and what cannot be done is told.</summary>
    public async Task LookAsync(CancellationToken cancellation)
    {
        try
        {
            var remembered = _time.GetUtcNow() - InvitationRecord.Remembered;
            _trust.Change(file => file.Invitations.Any(invitation => invitation.Expires <= remembered)
                ? file with { Invitations = [.. file.Invitations.Where(invitation => invitation.Expires > remembered)] }
                : file);
            if (_trust.Current.Certificate is { } own && own.NotAfter.ToUniversalTime() - _time.GetUtcNow().UtcDateTime < PeerCertificates.RenewBefore)
            {
                await RenewAsync(cancellation);
            }

            await RefreshAsync(cancellation);
            _told = "";
        }
        catch (CommandException error)
        {
            // It is tried again in an hour; the certificate lasts for months.
            Tell("PeersNotFollowed", $"The hosts' trust could not be looked after, and is again in an hour: {error.Message}");
        }
    }

    /// <summary>Gets a new certificate, with a new key.</summary>
    /// <exception cref="CommandException">Who signs is elsewhere, and does not answer or refuses.</exception>
    public async Task RenewAsync(CancellationToken cancellation)
    {
        var state = _trust.Current;
        if (state.Certificate is null)
        {
            throw PeerErrors.NoTrust();
        }

        if (state.File.AuthorityKey is null && state.File.AuthorityHost is null)
        {
            var left = state.Certificate.NotAfter.ToUniversalTime() - _time.GetUtcNow().UtcDateTime;
            if (left > s_warnBefore)
            {
                return;
            }

            throw new CommandException(
                "CertificateExpires", ErrorCategory.InvalidOperation,
                $"The certificate that was brought to this host ends at {state.Certificate.NotAfter.ToUniversalTime():u}; 'vireo trust use' brings a new one.");
        }

        using var key = PeerCertificates.NewKey();
        string certificate;
        if (state.File.AuthorityKey is not null)
        {
            certificate = _guests.Sign(state.File, new PublicKey(key), state.HostId, _settings.Facts.Name, null);
        }
        else
        {
            using var authority = await ConnectAsync(state, cancellation);
            certificate = (await authority.PostAsync(PeerGate.RenewPath, new RenewRequest(PeerCertificates.Request(key)), PeerJson.Default.RenewRequest, PeerJson.Default.RenewAnswer, cancellation)).Certificate;
        }

        try
        {
            _trust.Change(file =>
            {
                var after = file with { Certificate = certificate, Key = key.ExportPkcs8PrivateKeyPem() };
                var renewed = new TrustState(after);
                return PeerVerifier.VerifyChain(renewed.Authorities, renewed.Certificate!, null, ofServer: true, _time.GetUtcNow()) == PeerVerdict.Trusted
                    && PeerCertificates.Names(renewed.Certificate!).Contains(PeerProtocol.CertificateName(file.HostId), StringComparer.OrdinalIgnoreCase)
                    ? after
                    : throw new CryptographicException("it is not for this host");
            });
        }
        catch (CryptographicException damage)
        {
            throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The new certificate cannot be used: {damage.Message}. The old one stays.");
        }

        _events.Write("CertificateRenewed", $"This host has a new certificate, until {_trust.Current.Certificate!.NotAfter.ToUniversalTime():u}.", null);
    }

    /// <summary>Asks the host that has the authority's key whom it trusts.</summary>
    /// <exception cref="CommandException">It does not answer, or refuses.</exception>
    public async Task RefreshAsync(CancellationToken cancellation)
    {
        var state = _trust.Current;
        if (state.File.AuthorityHost is not { } holder || holder == state.HostId || state.Certificate is null)
        {
            return;
        }

        await _refreshing.WaitAsync(cancellation);
        try
        {
            using var authority = await ConnectAsync(state, cancellation);
            var answer = await authority.GetAsync(PeerGate.MembersPath, PeerJson.Default.MembersAnswer, cancellation);
            _trust.Change(file => Merge(file, answer, _time.GetUtcNow()));
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>Asks in the background, because somebody said that there is something new.</summary>
    public void RefreshSoon() => Start(RefreshAsync);

    /// <summary>
    /// Tells the hosts that this one trusts that there is something new, in the background. Who cannot be told finds out within the hour.
    /// </summary>
    public void TellOthers()
    {
        var state = _trust.Current;
        if (state.File.AuthorityKey is null)
        {
            return;
        }

        foreach (var peer in state.Peers)
        {
            Start(async cancellation =>
            {
                using var connection = await _connector.ConnectAsync(peer.CertificateName, cancellation);
                await connection.PostAsync(PeerGate.RefreshPath, new RenewRequest(""), PeerJson.Default.RenewRequest, cancellation);
            });
        }
    }

    /// <summary>What this host knows of others, with what another one says; unchanged when there is nothing new.</summary>
    internal static TrustFile Merge(TrustFile file, MembersAnswer answer, DateTimeOffset now)
    {
        var peers = file.Peers.ToList();
        var isChanged = false;
        foreach (var member in answer.Members.OfType<MemberAnswer>().Take(PeerLimits.Peers).Where(member => member.Id != file.HostId && member.Id != Guid.Empty && PeerCertificates.IsHostName(member.CertificateName)))
        {
            var name = PeerVerifier.Printable(member.Name);
            var at = peers.FindIndex(peer => peer.Id == member.Id);
            var known = at < 0 ? null : peers[at];
            if (known is null && (member.Removed || peers.Exists(peer => string.Equals(peer.CertificateName, member.CertificateName, StringComparison.OrdinalIgnoreCase))))
            {
                continue;
            }

            var addresses = member.Addresses.Where(static address => System.Net.IPEndPoint.TryParse(address, out _)).Distinct().Take(PeerLimits.Addresses).ToList();
            var after = known is null
                ? new PeerRecord(member.Id, name.Length > 0 ? name : member.CertificateName, member.CertificateName, addresses, now) { CertificatesSince = member.CertificatesSince }
                : known with
                {
                    Name = name.Length > 0 ? name : known.Name,
                    Addresses = known.Addresses.SequenceEqual(addresses) || addresses.Count == 0 ? known.Addresses : addresses,
                    CertificatesSince = member.CertificatesSince ?? known.CertificatesSince,

                    // Whom the authority let in again is trusted again, unless it was removed here after that.
                    Removed = member.Removed ? known.Removed ?? now : known.Removed < member.CertificatesSince ? null : known.Removed,
                };
            if (known is null)
            {
                peers.Add(after);
                isChanged = true;
            }
            else if (after != known)
            {
                peers[at] = after;
                isChanged = true;
            }
        }

        return isChanged ? file with { Peers = peers } : file;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        Task[] left;
        lock (_background)
        {
            left = [.. _background];
        }

        await Task.WhenAll(left);
        _ending.Dispose();
        _refreshing.Dispose();
    }

    private Task<PeerConnection> ConnectAsync(TrustState state, CancellationToken cancellation)
    {
        var holder = state.Peers.FirstOrDefault(peer => peer.Id == state.File.AuthorityHost) ?? throw new CommandException(
            "NotTheAuthority", ErrorCategory.InvalidOperation, "The host that has the authority's key is trusted no longer; join another one: 'vireo trust leave', then 'vireo trust join'.");
        return _connector.ConnectAsync(holder.CertificateName, cancellation);
    }

    private void Tell(string kind, string message)
    {
        if (message != _told)
        {
            _told = message;
            _events.Write(kind, message, null);
        }
    }

    private void Start(Func<CancellationToken, Task> work)
    {
        lock (_background)
        {
            if (_ending.IsCancellationRequested)
            {
                return;
            }

            var task = Task.Run(async () =>
            {
                using var patience = new CancellationTokenSource(s_patience, _time);
                using var both = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token, patience.Token);
                try
                {
                    await work(both.Token);
                }
                catch (Exception error) when (error is CommandException or OperationCanceledException)
                {
                    // A host that is away, or does not listen, asks by itself within the hour.
                }
            });
            _background.Add(task);
            _ = task.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private void Forget(Task task)
    {
        lock (_background)
        {
            _background.Remove(task);
        }
    }
}
