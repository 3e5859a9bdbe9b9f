namespace Vireo.Host.Peers;

/// <summary>
/// Content of <c>trust.json</c>: who this host is among hosts, and whom it believes. It is one file, readable by its owner only, because every step of trust
/// is one write of it: a key is never there without its certificate, nor a peer without the certificate that it was given.
/// </summary>
internal sealed record TrustFile
{
    /// <summary>Version of the layout.</summary>
    public int FormatVersion { get; set; } = 1;

    /// <summary>Identity of this host, for life.</summary>
    public required Guid HostId { get; init; }

    /// <summary>Certificates of the authority (PEM); null as long as this host trusts nobody.</summary>
    public string? Authority { get; set; }

    /// <summary>The authority's key (PEM), on the host that made the authority.</summary>
    public string? AuthorityKey { get; set; }

    /// <summary>Host that has the authority's key; null when that is no host.</summary>
    public Guid? AuthorityHost { get; set; }

    /// <summary>Certificate of this host, and those between it and the authority's (PEM).</summary>
    public string? Certificate { get; set; }

    /// <summary>Key of that certificate (PEM).</summary>
    public string? Key { get; set; }

    /// <summary>A join that was begun here, so that it can be repeated.</summary>
    public PendingJoin? Join { get; set; }

    /// <summary>Hosts that are trusted, and those that are no longer.</summary>
    public IReadOnlyList<PeerRecord> Peers { get; set; } = [];

    /// <summary>Invitations that somebody may still come with.</summary>
    public IReadOnlyList<InvitationRecord> Invitations { get; set; } = [];
}

/// <summary>Another host.</summary>
/// <param name="Id">Its identity; empty while a host that brought its own certificate has not said it.</param>
/// <param name="Name">Its name, as it said it.</param>
/// <param name="CertificateName">The name that its certificate must carry: that is how it is recognised.</param>
/// <param name="Addresses">Where it listens, <c>192.0.2.1:6600</c>, best first.</param>
/// <param name="Added">When it was trusted.</param>
internal sealed record PeerRecord(Guid Id, string Name, string CertificateName, IReadOnlyList<string> Addresses, DateTimeOffset Added)
{
    /// <summary>When it was removed; it is refused from then on.</summary>
    public DateTimeOffset? Removed { get; set; }

    /// <summary>Certificates that are valid from an earlier time are refused: they are of before it was removed and came again.</summary>
    public DateTimeOffset? CertificatesSince { get; set; }

    /// <summary>SHA-256 of the public key that it joined with; null when its certificate came from elsewhere.</summary>
    public string? KeyHash { get; set; }

    /// <summary>The certificate that it was given here (PEM), for a join that is repeated.</summary>
    public string? Issued { get; set; }
}

/// <summary>An invitation.</summary>
/// <param name="Id">Names it in the token.</param>
/// <param name="SecretHash">SHA-256 of the token's secret; the secret itself is kept by nobody but the guest.</param>
/// <param name="Expires">Until when it is good.</param>
internal sealed record InvitationRecord(Guid Id, string SecretHash, DateTimeOffset Expires)
{
    /// <summary>How long it is known after its end, to say that it ended.</summary>
    public static readonly TimeSpan Remembered = TimeSpan.FromDays(1);

    /// <summary>Who came with it; nobody else may then.</summary>
    public Guid? UsedBy { get; set; }
}

/// <summary>A join under way.</summary>
/// <param name="Invitation">The invitation.</param>
/// <param name="Key">Key made for it (PEM); the same when it is repeated, so that the other host knows that it is the same guest.</param>
internal sealed record PendingJoin(Guid Invitation, string Key);
