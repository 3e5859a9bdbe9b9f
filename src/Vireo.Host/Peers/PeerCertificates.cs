using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Vireo.Host.Peers;

/// <summary>
/// Makes the keys and certificates of hosts (RFC 5280): ECDSA on P-256, SHA-256. An authority signs hosts and nothing below them; a host's certificate is good
/// for both ends of a connection and names the host's identity.
/// </summary>
internal static class PeerCertificates
{
    /// <summary>Life of an authority.</summary>
    public static readonly TimeSpan AuthorityLife = TimeSpan.FromDays(20 * 365);

    /// <summary>Life of a host's certificate.</summary>
    public static readonly TimeSpan HostLife = TimeSpan.FromDays(365);

    /// <summary>A host's certificate is replaced when it has no more than this left.</summary>
    public static readonly TimeSpan RenewBefore = TimeSpan.FromDays(120);

    // Clocks of hosts differ a little.
    private static readonly TimeSpan s_backdating = TimeSpan.FromHours(1);

    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1"; // id-kp-serverAuth
    private const string ClientPurpose = "1.3.6.1.5.5.7.3.2"; // id-kp-clientAuth
    private const string EllipticCurve = "1.2.840.10045.2.1"; // id-ecPublicKey
    private const string P256 = "1.2.840.10045.3.1.7"; // prime256v1
    private const int SerialBytes = 16;

    /// <summary>Purposes that a certificate needs at the two ends of a connection.</summary>
    public static Oid Purpose(bool ofServer) => new(ofServer ? ServerPurpose : ClientPurpose);

    /// <summary>A new key.</summary>
    public static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>A key that was kept.</summary>
    /// <exception cref="CryptographicException">It is none.</exception>
    public static ECDsa Key(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception damage) when (damage is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new CryptographicException("it is no key on an elliptic curve", damage);
        }
    }

    /// <summary>An authority that has signed itself.</summary>
    public static X509Certificate2 NewAuthority(ECDsa key, string name, DateTimeOffset now, TimeSpan life)
    {
        var request = new CertificateRequest(Subject(name), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var generator = X509SignatureGenerator.CreateForECDsa(key);
        return request.Create(request.SubjectName, generator, now - s_backdating, now + life, Serial());
    }

    /// <summary>Certificate of a host for a key that only it has.</summary>
    /// <param name="publicKey">Its key.</param>
    /// <param name="authority">Who signs.</param>
    /// <param name="authorityKey">With what.</param>
    /// <param name="host">Identity of the host.</param>
    /// <param name="name">Its name; for people and for other programs, which may look for it.</param>
    /// <param name="since">It is valid from a little earlier than now, but not from before this.</param>
    /// <param name="now">Now.</param>
    /// <param name="life">Until when.</param>
    public static X509Certificate2 Issue(
        PublicKey publicKey, X509Certificate2 authority, ECDsa authorityKey, Guid host, string name, DateTimeOffset? since, DateTimeOffset now, TimeSpan life)
    {
        var request = new CertificateRequest(Subject(name), publicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));

        // An elliptic curve encrypts no key, but QEMU's credentials ask for the flag.
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([Purpose(ofServer: true), Purpose(ofServer: false)], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(publicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(PeerProtocol.CertificateName(host));
        if (IsHostName(name) && name != PeerProtocol.CertificateName(host))
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        var end = now + life;
        var last = new DateTimeOffset(authority.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        return request.Create(
            authority.SubjectName, X509SignatureGenerator.CreateForECDsa(authorityKey), since > now - s_backdating ? since.Value : now - s_backdating, end < last ? end : last, Serial());
    }

    /// <summary>Asks for a certificate: proves that the key is the caller's, and says nothing else, because the authority would not believe it.</summary>
    public static string Request(ECDsa key) => new CertificateRequest(Subject("host"), key, HashAlgorithmName.SHA256).CreateSigningRequestPem();

    /// <summary>The key of a request (PKCS #10), of which nothing else is believed.</summary>
    /// <exception cref="CryptographicException">It is no request, is not signed by its key, or has a key of another kind.</exception>
    public static PublicKey ParseRequest(ReadOnlySpan<char> pem)
    {
        CertificateRequest request;
        try
        {
            if (pem.Length > PeerLimits.PemCharacters)
            {
                throw new CryptographicException("it is too long");
            }

            request = CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.Default);
        }
        catch (Exception damage) when (damage is ArgumentException or CryptographicException or NotSupportedException)
        {
            throw new CryptographicException("it is no certification request", damage);
        }

        using var key = request.PublicKey.Oid.Value == EllipticCurve ? request.PublicKey.GetECDsaPublicKey() : null;
        return key is not null && key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == P256
            ? request.PublicKey
            : throw new CryptographicException("its key is not on the curve P-256");
    }

    /// <summary>SHA-256 of a public key, to tell it from others.</summary>
    public static string HashOf(PublicKey key) => Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));

    /// <summary>Certificates in PEM, the first one first.</summary>
    /// <exception cref="CryptographicException">There is none, or one is damaged.</exception>
    public static X509Certificate2Collection Parse(string pem)
    {
        var found = new X509Certificate2Collection();
        try
        {
            if (pem.Length > PeerLimits.PemCharacters)
            {
                throw new CryptographicException("it is too long");
            }

            found.ImportFromPem(pem);
        }
        catch (ArgumentException damage)
        {
            throw new CryptographicException("it is no certificate in PEM", damage);
        }

        return found.Count > 0 ? found : throw new CryptographicException("it holds no certificate in PEM");
    }

    /// <summary>Names that a certificate is for; none when the extension is damaged.</summary>
    public static IReadOnlyList<string> Names(X509Certificate2 certificate)
    {
        try
        {
            return [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(static extension => extension.EnumerateDnsNames())];
        }
        catch (CryptographicException)
        {
            return [];
        }
    }

    /// <summary>SHA-256 of a certificate.</summary>
    public static byte[] Fingerprint(X509Certificate2 certificate) => certificate.GetCertHash(HashAlgorithmName.SHA256);

    /// <summary>Whether a name can stand in a certificate as a name of a host (RFC 1123).</summary>
    public static bool IsHostName(string name) =>
        name.Length is > 0 and <= PeerLimits.NameCharacters && !IPAddress.TryParse(name, out _)
        && name.Split('.').All(static label => label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter == '-'));

    private static X500DistinguishedName Subject(string name)
    {
        // CN is at most 64 characters (RFC 5280 A.1); what counts is in the subject's alternative names.
        var builder = new X500DistinguishedNameBuilder();
        builder.AddCommonName(name.Length > 64 ? name[..64] : name);
        return builder.Build();
    }

    private static byte[] Serial()
    {
        // Positive, and unguessable (CA/Browser Forum 7.1: at least 64 bits).
        var serial = RandomNumberGenerator.GetBytes(SerialBytes);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x01);
        return serial;
    }
}
