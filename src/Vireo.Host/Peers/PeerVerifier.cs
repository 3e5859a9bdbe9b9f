using System.Security.Cryptography.X509Certificates;

namespace Vireo.Host.Peers;

/// <summary>Why a host is believed, or not.</summary>
internal enum PeerVerdict
{
    /// <summary>It is.</summary>
    Trusted,

    /// <summary>It showed no certificate.</summary>
    NoCertificate,

    /// <summary>This host itself trusts nobody yet.</summary>
    NoAuthority,

    /// <summary>Another authority signed its certificate, or none.</summary>
    NotOfAuthority,

    /// <summary>Its certificate is valid no longer, or not yet.</summary>
    Expired,

    /// <summary>Its certificate is for something else.</summary>
    WrongPurpose,

    /// <summary>Its certificate is good, but it is no peer of this host.</summary>
    NotAuthorized,

    /// <summary>It was a peer, and was removed.</summary>
    Removed,
}

/// <summary>Who a caller, or whoever answered, is.</summary>
/// <param name="Verdict">Whether it is believed.</param>
/// <param name="Peer">The peer, also when it was removed.</param>
/// <param name="Subject">What its certificate calls itself, for people; it may be a lie.</param>
internal sealed record PeerVerification(PeerVerdict Verdict, PeerRecord? Peer, string Subject)
{
    /// <summary>The reason in the middle of a sentence.</summary>
    public string Reason => Verdict switch
    {
        PeerVerdict.Trusted => "it is trusted",
        PeerVerdict.NoCertificate => "it showed no certificate",
        PeerVerdict.NoAuthority => "this host trusts no other host yet",
        PeerVerdict.NotOfAuthority => "its certificate is not from the authority of this host",
        PeerVerdict.Expired => "its certificate is expired, or not valid yet",
        PeerVerdict.WrongPurpose => "its certificate is not for this end of a connection between hosts",
        PeerVerdict.NotAuthorized => "it is no peer of this host",
        _ => "it was removed from the peers of this host",
    };
}

/// <summary>
/// Says who a certificate belongs to, and whether that host is believed: the chain ends at our authority (the system's authorities count for nothing), the time
/// and the purpose are right, and a name in it is the one that a peer is known by.
/// </summary>
internal static class PeerVerifier
{
    private const int LongestSubject = 100;
    private static readonly TimeSpan s_clocksDiffer = TimeSpan.FromMinutes(5);

    /// <summary>Looks at a certificate and at what came with it.</summary>
    /// <param name="trust">Whom this host believes.</param>
    /// <param name="certificate">The certificate; null when none was shown.</param>
    /// <param name="between">Certificates that were sent with it.</param>
    /// <param name="ofServer">It was shown by the side that answers.</param>
    /// <param name="now">Now.</param>
    public static PeerVerification Verify(TrustState trust, X509Certificate2? certificate, X509Certificate2Collection? between, bool ofServer, DateTimeOffset now)
    {
        if (certificate is null)
        {
            return new PeerVerification(PeerVerdict.NoCertificate, null, "nobody");
        }

        var subject = Printable(PeerCertificates.Names(certificate) is [_, ..] names ? string.Join(", ", names.Take(3)) : certificate.Subject);
        var verdict = VerifyChain(trust.Authorities, certificate, between, ofServer, now);
        return verdict == PeerVerdict.Trusted ? Authorize(trust, certificate, subject, now) : new PeerVerification(verdict, null, subject);
    }

    /// <summary>Whether a certificate that was verified when the connection was made is still believed.</summary>
    public static PeerVerification Authorize(TrustState trust, X509Certificate2 certificate, DateTimeOffset now) => Authorize(
        trust, certificate, Printable(string.Join(", ", PeerCertificates.Names(certificate).Take(3))), now);

    /// <summary>Whether the authority signed a certificate, for this end of a connection.</summary>
    public static PeerVerdict VerifyChain(X509Certificate2Collection authorities, X509Certificate2 certificate, X509Certificate2Collection? between, bool ofServer, DateTimeOffset now)
    {
        if (authorities.Count == 0)
        {
            return PeerVerdict.NoAuthority;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;

        // A certificate that was made this moment may be of the future for a host whose clock is a little behind.
        var begins = certificate.NotBefore.ToUniversalTime();
        chain.ChainPolicy.VerificationTime = begins > now.UtcDateTime && begins - now.UtcDateTime < s_clocksDiffer ? begins : now.UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(PeerCertificates.Purpose(ofServer));
        if (between is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(between);
        }

        if (chain.Build(certificate))
        {
            return PeerVerdict.Trusted;
        }

        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, static (all, one) => all | one.Status);
        return (status & ~(X509ChainStatusFlags.NotTimeValid | X509ChainStatusFlags.NotTimeNested)) == 0 ? PeerVerdict.Expired
            : (status & ~(X509ChainStatusFlags.NotValidForUsage | X509ChainStatusFlags.NotTimeValid)) == 0 ? PeerVerdict.WrongPurpose
            : PeerVerdict.NotOfAuthority;
    }

    private static PeerVerification Authorize(TrustState trust, X509Certificate2 certificate, string subject, DateTimeOffset now)
    {
        if (now.UtcDateTime > certificate.NotAfter.ToUniversalTime())
        {
            return new PeerVerification(PeerVerdict.Expired, null, subject);
        }

        var names = PeerCertificates.Names(certificate);
        var known = trust.File.Peers.Where(peer => names.Contains(peer.CertificateName, StringComparer.OrdinalIgnoreCase)).ToList();
        if (known.FirstOrDefault(static peer => peer.Removed is null) is { } peer)
        {
            return peer.CertificatesSince is { } since && certificate.NotBefore.ToUniversalTime() < since.UtcDateTime
                ? new PeerVerification(PeerVerdict.Removed, peer, peer.Name)
                : new PeerVerification(PeerVerdict.Trusted, peer, peer.Name);
        }

        return known is [var removed, ..]
            ? new PeerVerification(PeerVerdict.Removed, removed, removed.Name)
            : new PeerVerification(PeerVerdict.NotAuthorized, null, subject);
    }

    /// <summary>What a stranger calls itself, harmless for a terminal and of bounded length.</summary>
    public static string Printable(string text) =>
        string.Concat(text.Take(LongestSubject).Select(static letter => letter is >= ' ' and <= '~' ? letter : '?'));
}
