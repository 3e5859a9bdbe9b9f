using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.History;
using Vireo.Platform.Testing;

namespace Vireo.Host.Peers;

/// <summary>
/// What an administrator does about trust: invites a host, joins one, removes one, brings certificates of an authority that exists. Each step is one write of
/// <c>trust.json</c>; what is cut short is repeated with the same command.
/// </summary>
internal sealed class TrustService
{
    /// <summary>How long an invitation may be good.</summary>
    public static readonly TimeSpan LongestInvitation = TimeSpan.FromDays(1);

    private readonly TrustStore _trust;
    private readonly IHostSettings _settings;
    private readonly PeerEndpoint _endpoint;
    private readonly EventLog _events;
    private readonly TimeProvider _time;

    /// <summary>Makes the service.</summary>
    public TrustService(TrustStore trust, IHostSettings settings, PeerEndpoint endpoint, EventLog events, TimeProvider time)
    {
        _trust = trust;
        _settings = settings;
        _endpoint = endpoint;
        _events = events;
        _time = time;
    }

    /// <summary>Called when a host was removed.</summary>
    public Action? Removed { get; set; }

    /// <summary>Ends of the invitations that nobody has come with yet.</summary>
    public IReadOnlyList<DateTimeOffset> OpenInvitations =>
        [.. _trust.Current.File.Invitations.Where(invitation => invitation.UsedBy is null && invitation.Expires > _time.GetUtcNow()).Select(static invitation => invitation.Expires)];

    /// <summary>
    /// Makes an invitation: text for the administrator of the other host. The first one makes an authority as well. The host listens for guests when this returns.
    /// </summary>
    /// <param name="life">How long it is good.</param>
    /// <param name="address">The address that the guest is to come to; chosen when null.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="CommandException">This host cannot let anybody in, or cannot be listened at.</exception>
    public async Task<InvitationToken> InviteAsync(TimeSpan life, string? address, CancellationToken cancellation)
    {
        if (life <= TimeSpan.Zero || life > LongestInvitation)
        {
            throw new CommandException("InvalidParameter", ErrorCategory.InvalidArgument, $"An invitation is good for a minute at least, and {LongestInvitation.TotalHours:0} hours at most.");
        }

        IPAddress? chosen = null;
        if (address is not null && !IPAddress.TryParse(address, out chosen))
        {
            throw new CommandException("InvalidParameter", ErrorCategory.InvalidArgument, $"'{address}' is no IP address; say one that this host has.", address);
        }

        EnsureCanInvite();
        var id = Guid.NewGuid();
        var secret = RandomNumberGenerator.GetBytes(InvitationToken.SecretBytes);
        var expires = DateTimeOffset.FromUnixTimeSeconds((_time.GetUtcNow() + life).ToUnixTimeSeconds());
        var invitation = new InvitationRecord(id, Convert.ToHexStringLower(SHA256.HashData(secret)), expires);
        var state = _trust.Change(file => WithAuthority(file) with { Invitations = [.. file.Invitations.Where(other => other.Expires + InvitationRecord.Remembered > _time.GetUtcNow()), invitation] });
        CrashPoint.Hit("peers.invite.stored");
        var troubles = await _endpoint.ApplyAsync(cancellation);
        var places = (chosen is null ? _endpoint.Addresses : [chosen]).Select(place => new IPEndPoint(place, _settings.Current.PeerPort)).ToList();
        if (troubles.Count > 0 || places.Count == 0)
        {
            throw new CommandException(
                "OperationFailed", ErrorCategory.ResourceUnavailable,
                troubles.Count > 0 ? string.Join(' ', troubles) : "This host has no address in the networks that were chosen for migration; 'Get-VMMigrationNetwork' shows these.");
        }

        _events.Write("PeerInvited", $"A host may join with an invitation until {expires:u}.", null);
        return new InvitationToken(id, secret, PeerCertificates.Fingerprint(state.Authorities[0]), state.CertificateName, expires, places);
    }

    /// <summary>Joins the host that made an invitation: afterwards the two trust each other. A join that was cut short is repeated with the same invitation.</summary>
    /// <param name="text">The invitation.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>The host that was joined.</returns>
    /// <exception cref="CommandException">It was not.</exception>
    public async Task<PeerRecord> JoinAsync(string text, CancellationToken cancellation)
    {
        InvitationToken token;
        try
        {
            token = InvitationToken.Parse(text);
        }
        catch (FormatException damage)
        {
            throw new CommandException("InvalidParameter", ErrorCategory.InvalidArgument, damage.Message);
        }

        if (token.Expires <= _time.GetUtcNow())
        {
            throw new CommandException("InvitationExpired", ErrorCategory.PermissionDenied, $"The invitation expired at {token.Expires:u} by the clock of this host. 'vireo trust invite' on the other host makes another one.");
        }

        var before = _trust.Current;
        var isMember = before.Certificate is not null && before.Authorities.Any(authority => PeerCertificates.Fingerprint(authority).AsSpan().SequenceEqual(token.Authority));
        if (!isMember && (before.Peers.Any() || (before.Certificate is not null && before.File.AuthorityKey is null)))
        {
            throw new CommandException(
                "OtherAuthority", ErrorCategory.InvalidOperation,
                "This host belongs to another authority than the one that invites. Invite the other host from here, or let this one forget its authority and all hosts that it trusts with 'vireo trust leave'.");
        }

        var pending = isMember ? null : Begin(token);
        CrashPoint.Hit("peers.join.begun");
        var (authority, place) = await FindAuthorityAsync(token, cancellation);
        var answer = await AskAsync(token, authority, place, pending, cancellation);
        CrashPoint.Hit("peers.join.answered");
        var peer = Store(answer, authority, place, pending);
        CrashPoint.Hit("peers.join.stored");
        _events.Write("PeerJoined", $"This host joined the host '{peer.Name}' at {place} and trusts it.", null);
        await _endpoint.ApplyAsync(cancellation);
        return peer;
    }

    /// <summary>Trusts a host no longer, from now on: what it has under way is ended.</summary>
    /// <exception cref="CommandException">There is none of that name.</exception>
    public PeerRecord Remove(string name)
    {
        PeerRecord? removed = null;
        _trust.Change(file =>
        {
            removed = PeerConnector.Find(_trust.Current, name) ?? throw PeerErrors.Unknown(name);
            return file with { Peers = [.. file.Peers.Select(peer => ReferenceEquals(peer, removed) ? peer with { Removed = _time.GetUtcNow(), Issued = null } : peer)] };
        });
        _events.Write("PeerRemoved", $"The host '{removed!.Name}' is trusted no longer.", null);
        Removed?.Invoke();
        return removed;
    }

    /// <summary>Forgets the authority, all hosts and all invitations: as if this host had never trusted anybody. Its identity stays.</summary>
    public async Task LeaveAsync(CancellationToken cancellation)
    {
        _trust.Change(static file => new TrustFile { HostId = file.HostId });
        _events.Write("PeersForgotten", "This host has forgotten its authority, and trusts no other host.", null);
        await _endpoint.ApplyAsync(cancellation);
    }

    /// <summary>Uses certificates of an authority that exists already; its hosts are invited and join as others do, and nobody is given a certificate.</summary>
    /// <param name="authority">Certificates of the authority (PEM).</param>
    /// <param name="certificate">Certificate of this host, and those between (PEM).</param>
    /// <param name="key">Its key (PEM, without a password).</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="CommandException">They do not belong together, or cannot be used for this.</exception>
    public async Task UseAsync(string authority, string certificate, string key, CancellationToken cancellation)
    {
        try
        {
            _trust.Change(file =>
            {
                if (file.AuthorityKey is not null && file.Peers.Any(static peer => peer.Removed is null))
                {
                    throw new CommandException(
                        "OtherAuthority", ErrorCategory.InvalidOperation, "This host has an authority of its own that other hosts believe; 'vireo trust leave' forgets it and them.");
                }

                var after = file with { Authority = authority, AuthorityKey = null, AuthorityHost = null, Certificate = certificate, Key = key, Join = null };
                var state = new TrustState(after);
                foreach (var ofServer in new[] { true, false })
                {
                    var verdict = PeerVerifier.VerifyChain(state.Authorities, state.Certificate!, PeerCertificates.Parse(certificate), ofServer, _time.GetUtcNow());
                    if (verdict != PeerVerdict.Trusted)
                    {
                        throw Unusable(verdict switch
                        {
                            PeerVerdict.Expired => "it is expired, or not valid yet",
                            PeerVerdict.WrongPurpose => $"it is not for the {(ofServer ? "server" : "client")}'s end of a connection (extended key usage)",
                            _ => "the authority did not sign it; give the certificates between in the same file, after it",
                        });
                    }
                }

                return PeerCertificates.Names(state.Certificate!).Count > 0 ? after : throw Unusable("it names no host (subject alternative name)");
            });
        }
        catch (CryptographicException damage)
        {
            throw Unusable(damage.Message);
        }

        _events.Write("CertificateChanged", "This host uses a certificate that was brought to it.", null);
        await _endpoint.ApplyAsync(cancellation);
    }

    private static CommandException Unusable(string why) => new("CertificateRefused", ErrorCategory.InvalidArgument, $"The certificate cannot be used: {why}.");

    private void EnsureCanInvite()
    {
        var file = _trust.Current.File;
        if (file.Authority is not null && file.AuthorityKey is null && file.AuthorityHost is { } holder)
        {
            var name = file.Peers.FirstOrDefault(peer => peer.Id == holder)?.Name ?? holder.ToString("D");
            throw new CommandException(
                "NotTheAuthority", ErrorCategory.InvalidOperation, $"The key of the authority is on the host '{name}': invite from there. Hosts that join there come to know this one too.", name);
        }
    }

    /// <summary>An authority, and the own certificate, where there are none.</summary>
    private TrustFile WithAuthority(TrustFile file)
    {
        if (file.Authority is not null)
        {
            return file;
        }

        var now = _time.GetUtcNow();
        using var authorityKey = PeerCertificates.NewKey();
        using var authority = PeerCertificates.NewAuthority(authorityKey, $"Vireo authority of {_settings.Facts.Name}", now, PeerCertificates.AuthorityLife);
        using var key = PeerCertificates.NewKey();
        using var certificate = PeerCertificates.Issue(new PublicKey(key), authority, authorityKey, file.HostId, _settings.Facts.Name, null, now, PeerCertificates.HostLife);
        return file with
        {
            Authority = authority.ExportCertificatePem(),
            AuthorityKey = authorityKey.ExportPkcs8PrivateKeyPem(),
            AuthorityHost = file.HostId,
            Certificate = certificate.ExportCertificatePem(),
            Key = key.ExportPkcs8PrivateKeyPem(),
        };
    }

    /// <summary>The key is on disk before anybody hears of it.</summary>
    private PendingJoin Begin(InvitationToken token)
    {
        var state = _trust.Change(file =>
        {
            if (file.Join?.Invitation == token.Invitation)
            {
                return file;
            }

            using var key = PeerCertificates.NewKey();
            return file with { Join = new PendingJoin(token.Invitation, key.ExportPkcs8PrivateKeyPem()) };
        });
        return state.File.Join!;
    }

    /// <summary>Asks whoever answers for the authority's certificate: it is the right one when its fingerprint is that of the invitation.</summary>
    private async Task<(string Authority, IPEndPoint Place)> FindAuthorityAsync(InvitationToken token, CancellationToken cancellation)
    {
        var nobody = new TrustState(new TrustFile { HostId = _trust.Current.HostId });
        CommandException? worst = null;
        var silent = new List<string>();
        foreach (var place in token.Addresses)
        {
            try
            {
                using var connection = PeerConnection.AsGuest(new PeerTarget(place.ToString(), place, null), nobody, PeerProtocol.Supported[^1], _time, isBlind: true);
                var answer = await connection.GetAsync(PeerGate.AuthorityPath, PeerJson.Default.AuthorityAnswer, cancellation, PeerLimits.Handshake);
                foreach (var certificate in PeerCertificates.Parse(answer.Certificates))
                {
                    if (PeerCertificates.Fingerprint(certificate).AsSpan().SequenceEqual(token.Authority))
                    {
                        return (certificate.ExportCertificatePem(), place);
                    }
                }

                worst ??= PeerErrors.NotTrusted(
                    place.ToString(), place.ToString(), "its authority is not the one of the invitation. Somebody else answers there, or the host has got another authority since; make another invitation");
            }
            catch (CryptographicException)
            {
                worst ??= PeerErrors.NotTrusted(place.ToString(), place.ToString(), "what it says its authority is, is none");
            }
            catch (CommandException error) when (error.ErrorId is "PeerUnreachable")
            {
                silent.Add($"{place}: {error.InnerException?.Message ?? error.Message}");
            }
            catch (CommandException error) when (error.ErrorId is "PeerConnectionLost" or "PeerNotTrusted")
            {
                worst ??= new CommandException(
                    "InvitationUnknown", ErrorCategory.PermissionDenied, $"What answers at {place} lets no guest in: the invitation is no longer open there, or it is no Vireo host. 'vireo trust invite' there makes another one.", place.ToString(), error);
            }
            catch (CommandException error)
            {
                worst ??= error;
            }
        }

        throw worst ?? new CommandException(
            "PeerUnreachable", ErrorCategory.ConnectionError,
            $"The host that made the invitation does not answer ({string.Join("; ", silent)}). Is it running, is the invitation still open, and does a firewall let the port through? 'vireo trust invite --address ADDRESS' chooses another address.");
    }

    private async Task<JoinAnswer> AskAsync(InvitationToken token, string authority, IPEndPoint place, PendingJoin? pending, CancellationToken cancellation)
    {
        var host = new PeerRecord(Guid.Empty, place.ToString(), token.CertificateName, [], default);
        var believed = new TrustState(new TrustFile { HostId = _trust.Current.HostId, Authority = authority, Peers = [host] });
        string? request = null;
        if (pending is not null)
        {
            using var key = PeerCertificates.Key(pending.Key);
            request = PeerCertificates.Request(key);
        }

        using var connection = PeerConnection.AsGuest(new PeerTarget(place.ToString(), place, host), believed, PeerProtocol.Supported[^1], _time, isBlind: false);
        return await connection.PostAsync(
            PeerGate.JoinPath,
            new JoinRequest(
                token.Invitation, Convert.ToHexStringLower(token.Secret), _trust.Current.HostId, _settings.Facts.Name, _settings.Current.PeerPort,
                [.. _endpoint.Addresses.Take(PeerLimits.Addresses).Select(static address => address.ToString())], request, pending is null ? _trust.Current.File.Certificate : null),
            PeerJson.Default.JoinRequest, PeerJson.Default.JoinAnswer, cancellation);
    }

    private PeerRecord Store(JoinAnswer answer, string authority, IPEndPoint place, PendingJoin? pending)
    {
        PeerRecord? joined = null;
        try
        {
            _trust.Change(file =>
            {
                var members = answer.Members.OfType<MemberAnswer>().Take(PeerLimits.Peers).Prepend(answer.Host).Where(member => member.Id != file.HostId && member is { Removed: false } && PeerCertificates.IsHostName(member.CertificateName));
                var peers = members.Select(member => Record(member, member.Id == answer.Host.Id ? place : null)).DistinctBy(static peer => peer.Id).ToList();
                joined = peers.FirstOrDefault(peer => peer.Id == answer.Host.Id) ?? throw new CryptographicException("the host that was joined did not say who it is");
                var after = file with
                {
                    Join = null,
                    Peers = [.. file.Peers.Where(old => !peers.Exists(peer => peer.Id == old.Id || string.Equals(peer.CertificateName, old.CertificateName, StringComparison.OrdinalIgnoreCase))), .. peers],
                };
                if (pending is null)
                {
                    return after;
                }

                after = after with { Authority = authority, AuthorityKey = null, AuthorityHost = answer.AuthorityHost, Certificate = answer.Certificate ?? "", Key = pending.Key };
                var state = new TrustState(after);
                return PeerVerifier.VerifyChain(state.Authorities, state.Certificate!, null, ofServer: false, _time.GetUtcNow()) == PeerVerdict.Trusted
                    && PeerCertificates.Names(state.Certificate!).Contains(PeerProtocol.CertificateName(file.HostId), StringComparer.OrdinalIgnoreCase)
                    ? after
                    : throw new CryptographicException("the certificate that it made is not for this host");
            });
        }
        catch (CryptographicException damage)
        {
            throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The host at {place} let this one in, but its answer cannot be used: {damage.Message}.");
        }

        return joined!;
    }

    private PeerRecord Record(MemberAnswer member, IPEndPoint? place)
    {
        var addresses = member.Addresses.Where(static address => IPEndPoint.TryParse(address, out _)).Prepend(place?.ToString()).OfType<string>();
        var name = PeerVerifier.Printable(member.Name);
        return new PeerRecord(member.Id, name.Length > 0 ? name : member.CertificateName, member.CertificateName, [.. addresses.Distinct().Take(PeerLimits.Addresses)], _time.GetUtcNow())
        {
            CertificatesSince = member.CertificatesSince,
        };
    }
}
