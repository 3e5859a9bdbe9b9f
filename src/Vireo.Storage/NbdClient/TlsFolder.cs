using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Vireo.Storage.NbdClient;

/// <summary>
/// The certificates of one side, as PEM files in a folder, named as libnbd, nbdkit and QEMU name them: <c>ca-cert.pem</c>, and
/// <c>client-cert.pem</c> with <c>client-key.pem</c> or <c>server-cert.pem</c> with <c>server-key.pem</c>. Both sides show a certificate, and
/// each believes only those that the authority in its folder signed; the system's authorities count for nothing.
/// </summary>
/// <remarks>Sessions are not kept to be resumed: certificates are often made for one use, and the runtime would keep a context of each for long.</remarks>
public sealed class TlsFolder : IDisposable
{
    private readonly X509Certificate2Collection _authorities = [];
    private readonly X509Certificate2 _own;

    private TlsFolder(X509Certificate2 own) => _own = own;

    /// <summary>Reads the files of a client or of a server.</summary>
    /// <exception cref="IOException">A file is missing or no certificate; the message names it.</exception>
    public static TlsFolder Load(string folder, bool isServer)
    {
        var side = isServer ? "server" : "client";
        var (authority, certificate, key) = (Path.Combine(folder, "ca-cert.pem"), Path.Combine(folder, $"{side}-cert.pem"), Path.Combine(folder, $"{side}-key.pem"));
        try
        {
            var loaded = new TlsFolder(X509Certificate2.CreateFromPemFile(certificate, key));
            loaded._authorities.ImportFromPemFile(authority);
            return loaded._authorities.Count > 0 ? loaded : throw new IOException($"The file '{authority}' holds no certificate; put the authority's there.");
        }
        catch (Exception exception) when (exception is CryptographicException or UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new IOException($"The certificates in '{folder}' (ca-cert.pem, {side}-cert.pem, {side}-key.pem) cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Encrypts the client's side of a connection.</summary>
    /// <exception cref="AuthenticationException">The server is not who it should be, or does not believe us.</exception>
    public async Task<SslStream> ConnectAsync(Stream stream, string hostName, CancellationToken cancellationToken)
    {
        var encrypted = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            var options = new SslClientAuthenticationOptions
            {
                TargetHost = hostName,
                ClientCertificates = [_own],
                AllowTlsResume = false,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(certificate, errors),
            };
            await encrypted.AuthenticateAsClientAsync(options, cancellationToken).ConfigureAwait(false);
            return encrypted;
        }
        catch
        {
            await encrypted.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Encrypts the server's side of a connection; a client without a certificate of the authority is refused.</summary>
    /// <param name="stream">The connection.</param>
    /// <param name="peer">A DNS name that the client's certificate must carry; null for any.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="AuthenticationException">The client is a stranger or not that peer, or speaks no TLS.</exception>
    public async Task<SslStream> AcceptAsync(Stream stream, string? peer, CancellationToken cancellationToken)
    {
        var encrypted = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            var options = new SslServerAuthenticationOptions
            {
                ServerCertificate = _own,
                AllowTlsResume = false,
                ClientCertificateRequired = true,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(certificate, errors) && (peer is null || Names(certificate!, peer)),
            };
            await encrypted.AuthenticateAsServerAsync(options, cancellationToken).ConfigureAwait(false);
            return encrypted;
        }
        catch
        {
            await encrypted.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.Dispose();
        foreach (var authority in _authorities)
        {
            authority.Dispose();
        }
    }

    private bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        using var peer = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return chain.Build(peer);
    }

    // The whole name, as it stands there: no patterns, and no subject, which anybody may read as a name.
    private static bool Names(X509Certificate certificate, string peer)
    {
        using var loaded = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        try
        {
            return loaded.Extensions.OfType<X509SubjectAlternativeNameExtension>()
                .SelectMany(static names => names.EnumerateDnsNames())
                .Contains(peer, StringComparer.OrdinalIgnoreCase);
        }
        catch (CryptographicException)
        {
            // Names that cannot be read are no names.
            return false;
        }
    }
}
