using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.History;
using Vireo.Platform.Testing;

namespace Vireo.Host.Peers;

/// <summary>
/// The side of trust that answers: lets a host in that comes with an invitation, tells trusted hosts of each other, renews their certificates. Everything that a guest says is
/// checked; what is written down is written in one step, before the answer.
/// </summary>
/// <param name="trust">Whom this host believes.</param>
/// <param name="settings">Settings and facts of this host.</param>
/// <param name="addresses">Where this host listens, for others.</param>
/// <param name="refusals">Where refusals are told.</param>
/// <param name="events">Events.</param>
/// <param name="time">Clock.</param>
internal sealed class GuestBook(TrustStore trust, IHostSettings settings, Func<IReadOnlyList<string>> addresses, RefusalLog refusals, EventLog events, TimeProvider time)
{
    /// <summary>Called when somebody was let in.</summary>
    public Action? Joined { get; set; }

    /// <summary>Lets a host in. The same host may come again with the same invitation and key, and gets the same answer: its first try may have been cut short.</summary>
    /// <exception cref="CommandException">It is not let in.</exception>
    public JoinAnswer Join(JoinRequest request, IPAddress? from)
    {
        var where = (from is { IsIPv4MappedToIPv6: true } ? from.MapToIPv4() : from)?.ToString() ?? "an unknown address";
        JoinAnswer? answer = null;
        var isNew = false;
        try
        {
            CheckShape(request);
            trust.Change(file =>
            {
                var after = Admit(file, request, where, out var peer, out isNew);
                answer = new JoinAnswer(
                    peer.Issued, Self(), file.AuthorityHost,
                    [.. file.Peers.Where(other => other.Removed is null && other.Id != peer.Id && other.Id != Guid.Empty).Select(Describe)]);
                return after;
            });
        }
        catch (CommandException refused)
        {
            refusals.Refused(PeerVerifier.Printable(request.Name), where, refused.Message.TrimEnd('.'));
            throw;
        }

        CrashPoint.Hit("peers.join.admitted");
        if (isNew)
        {
            events.Write("PeerJoined", $"The host '{request.Name}' at {where} came with an invitation and is trusted.", null);
            Joined?.Invoke();
        }

        return answer!;
    }

    /// <summary>All that this host trusts, or has trusted, itself included.</summary>
    public MembersAnswer Members() => new([Self(), .. trust.Current.File.Peers.Where(static peer => peer.Id != Guid.Empty).Select(Describe)]);

    /// <summary>A new certificate for a trusted host.</summary>
    /// <exception cref="CommandException">This host cannot sign, or the request is none.</exception>
    public RenewAnswer Renew(PeerHost peer, RenewRequest request)
    {
        RenewAnswer? answer = null;
        trust.Change(file =>
        {
            var known = file.Peers.First(candidate => candidate.Id == peer.Id && candidate.Removed is null);
            var key = ParseKey(request.Request);
            var issued = Sign(file, key, known.Id, known.Name, known.CertificatesSince);
            answer = new RenewAnswer(issued);
            return file with { Peers = [.. file.Peers.Select(other => ReferenceEquals(other, known) ? known with { KeyHash = PeerCertificates.HashOf(key), Issued = issued } : other)] };
        });
        events.Write("PeerCertificateRenewed", $"The host '{peer.Name}' was given a new certificate.", null);
        return answer!;
    }

    /// <summary>A certificate for a host, signed with the authority's key.</summary>
    /// <exception cref="CommandException">The key is not here.</exception>
    public string Sign(TrustFile file, PublicKey key, Guid host, string name, DateTimeOffset? since)
    {
        if (file.AuthorityKey is null || file.Authority is null)
        {
            throw new CommandException(
                "NotTheAuthority", ErrorCategory.InvalidOperation,
                $"The host '{settings.Facts.Name}' cannot sign certificates: the key of the authority is elsewhere. Let the host be invited where 'vireo trust' says 'authority'.", settings.Facts.Name);
        }

        using var authority = PeerCertificates.Parse(file.Authority)[0];
        using var authorityKey = PeerCertificates.Key(file.AuthorityKey);
        using var certificate = PeerCertificates.Issue(key, authority, authorityKey, host, name, since, time.GetUtcNow(), PeerCertificates.HostLife);
        return certificate.ExportCertificatePem();
    }

    /// <summary>This host, as others are told of it.</summary>
    public MemberAnswer Self() => new(trust.Current.HostId, settings.Facts.Name, trust.Current.CertificateName, addresses());

    private static MemberAnswer Describe(PeerRecord peer) => new(peer.Id, peer.Name, peer.CertificateName, peer.Addresses)
    {
        Removed = peer.Removed is not null,
        CertificatesSince = peer.CertificatesSince,
    };

    private TrustFile Admit(TrustFile file, JoinRequest request, string where, out PeerRecord peer, out bool isNew)
    {
        var invitation = Find(file, request);
        var (certificateName, key) = request.Request is { } asked
            ? (PeerProtocol.CertificateName(request.HostId), ParseKey(asked))
            : (OwnCertificate(request), null);
        var keyHash = key is null ? null : PeerCertificates.HashOf(key);
        bool IsSameName(PeerRecord peer) => string.Equals(peer.CertificateName, certificateName, StringComparison.OrdinalIgnoreCase);
        var same = file.Peers.Where(candidate => candidate.Id == request.HostId || IsSameName(candidate)).ToList();
        var known = same.FirstOrDefault(static candidate => candidate.Removed is null);
        var isKnown = known is not null && known.Id == request.HostId && IsSameName(known) && (keyHash is null || known.KeyHash == keyHash);
        if (invitation.UsedBy is { } user)
        {
            isNew = false;
            peer = user == request.HostId && isKnown
                ? known!
                : throw Refused("InvitationUsed", "The invitation was used already, and it is good for one host. 'vireo trust invite' makes another one.");
            return file;
        }

        if (request.HostId == file.HostId || string.Equals(certificateName, trust.Current.CertificateName, StringComparison.OrdinalIgnoreCase))
        {
            throw Refused("InvalidParameter", "This is the same host, or has its certificate: a host cannot join itself.");
        }

        if (known is not null && !isKnown)
        {
            throw Refused(
                "ResourceExists",
                $"A host with this identity or certificate is trusted already, as '{known.Name}', and this is another one or has lost its key. 'vireo trust remove {known.Name}' on '{settings.Facts.Name}' makes room for it.");
        }

        if (same.Count == 0 && file.Peers.Count >= PeerLimits.Peers)
        {
            throw Refused("QuotaExceeded", $"The host '{settings.Facts.Name}' knows {PeerLimits.Peers} hosts, which is as many as it can.");
        }

        // Certificates of before a removal stay refused: the new one begins when it is given, and no earlier one counts.
        DateTimeOffset? since = key is null ? null : known is null && same.Count > 0 ? Seconds(time.GetUtcNow()) : known?.CertificatesSince;
        peer = new PeerRecord(request.HostId, request.Name, certificateName, Addresses(request, where), time.GetUtcNow())
        {
            KeyHash = keyHash ?? known?.KeyHash,
            CertificatesSince = since,
            Issued = key is null ? known?.Issued : Sign(file, key, request.HostId, request.Name, since),
        };
        isNew = true;
        var joined = peer;
        return file with
        {
            Peers = [.. file.Peers.Except(same), joined],
            Invitations = [.. file.Invitations.Select(other => other.Id == invitation.Id ? other with { UsedBy = request.HostId } : other)],
        };
    }

    private InvitationRecord Find(TrustFile file, JoinRequest request)
    {
        var invitation = file.Invitations.FirstOrDefault(candidate => candidate.Id == request.Invitation);
        Span<byte> secret = stackalloc byte[InvitationToken.SecretBytes];
        var isRight = Convert.FromHexString(request.Secret, secret, out _, out var written) == System.Buffers.OperationStatus.Done && written == secret.Length
            && invitation is not null && CryptographicOperations.FixedTimeEquals(SHA256.HashData(secret), Convert.FromHexString(invitation.SecretHash));
        if (!isRight)
        {
            throw Refused("InvitationUnknown", $"The host '{settings.Facts.Name}' has made no such invitation, or it is expired. 'vireo trust invite' there makes another one.");
        }

        return invitation!.Expires > time.GetUtcNow()
            ? invitation
            : throw Refused("InvitationExpired", $"The invitation expired at {invitation.Expires:u}. 'vireo trust invite' on the host '{settings.Facts.Name}' makes another one.");
    }

    private static void CheckShape(JoinRequest request)
    {
        if (request.HostId == Guid.Empty || request.Name.Length is 0 or > PeerLimits.NameCharacters || request.Name.Any(static letter => letter is <= ' ' or > '~')
            || request.Port is < 1 or > 65_535 || request.Addresses.Count > PeerLimits.Addresses || request.Addresses.Any(static address => !IPAddress.TryParse(address, out _))
            || request.Request is null == request.Certificate is null)
        {
            throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, "The request to join is not what the protocol of hosts says.");
        }
    }

    /// <summary>The name in the certificate of a host that has one of the authority already.</summary>
    private string OwnCertificate(JoinRequest request)
    {
        try
        {
            var chain = PeerCertificates.Parse(request.Certificate!);
            using var own = chain[0];
            var verdict = PeerVerifier.VerifyChain(trust.Current.Authorities, own, chain, ofServer: true, time.GetUtcNow());
            return verdict == PeerVerdict.Trusted && PeerCertificates.Names(own) is [_, ..] names
                ? names.FirstOrDefault(name => string.Equals(name, PeerProtocol.CertificateName(request.HostId), StringComparison.OrdinalIgnoreCase)) ?? names[0]
                : throw Refused("CertificateRefused", $"The certificate of the host '{PeerVerifier.Printable(request.Name)}' is not from the authority of the host '{settings.Facts.Name}', or not good for this.");
        }
        catch (CryptographicException damage)
        {
            throw Refused("CertificateRefused", $"The certificate of the host '{PeerVerifier.Printable(request.Name)}' cannot be read: {damage.Message}.");
        }
    }

    private static PublicKey ParseKey(string request)
    {
        try
        {
            return PeerCertificates.ParseRequest(request);
        }
        catch (CryptographicException damage)
        {
            throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The certificate that is asked for cannot be made: {damage.Message}.");
        }
    }

    private static List<string> Addresses(JoinRequest request, string where)
    {
        // Where it came from is where it can be found, most of all.
        var all = IPAddress.TryParse(where, out var seen) ? new List<IPAddress> { seen } : [];
        all.AddRange(request.Addresses.Select(IPAddress.Parse));
        return [.. all.Distinct().Select(address => new IPEndPoint(address, request.Port).ToString())];
    }

    // Times in certificates are whole seconds.
    private static DateTimeOffset Seconds(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());

    private static CommandException Refused(string id, string message) => new(id, ErrorCategory.PermissionDenied, message);
}
