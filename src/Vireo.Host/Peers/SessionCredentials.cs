using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Vireo.Platform.Files;

namespace Vireo.Host.Peers;

/// <summary>
/// Certificates for one piece of work between two hosts, as the programs of others want them: QEMU's <c>tls-creds-x509</c> and the storage plane's NBD read them from a
/// folder. Both hosts make their own for the work, tell each other <see cref="Authority"/> over the peers' endpoint, and write the folder with the other's: so exactly the
/// two are let in, whoever else has a certificate of the hosts' authority, and a key that leaks opens nothing once the work is over. The key of the host itself goes
/// nowhere.
/// </summary>
internal sealed class SessionCredentials : IDisposable
{
    /// <summary>Certificates of the two authorities.</summary>
    public const string AuthorityFile = "ca-cert.pem";

    // The work of a week ends long before; the folder's end is what really ends it.
    private static readonly TimeSpan s_life = TimeSpan.FromDays(30);
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;
    private const UnixFileMode GroupFile = OwnerFile | UnixFileMode.GroupRead;
    private const UnixFileMode GroupFolder = OwnerFolder | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;

    private readonly ECDsa _key;
    private readonly X509Certificate2 _certificate;

    private SessionCredentials(Guid host, ECDsa key, X509Certificate2 authority, X509Certificate2 certificate)
    {
        _key = key;
        _certificate = certificate;
        HostName = PeerProtocol.CertificateName(host);
        Authority = authority.ExportCertificatePem();
    }

    /// <summary>Who signed the own certificate (PEM): what the other host is told. Its key is gone already.</summary>
    public string Authority { get; }

    /// <summary>The name in the own certificate, which the other host looks for: QEMU's <c>tls-hostname</c>, and the storage plane's.</summary>
    public string HostName { get; }

    /// <summary>Makes credentials.</summary>
    /// <param name="host">Identity of this host.</param>
    /// <param name="now">Now.</param>
    public static SessionCredentials Create(Guid host, DateTimeOffset now)
    {
        using var authorityKey = PeerCertificates.NewKey();
        using var authority = PeerCertificates.NewAuthority(authorityKey, $"Vireo session of {host:D}", now, s_life);
        var key = PeerCertificates.NewKey();
        var certificate = PeerCertificates.Issue(new PublicKey(key), authority, authorityKey, host, PeerProtocol.CertificateName(host), null, now, s_life);
        return new SessionCredentials(host, key, authority, certificate);
    }

    /// <summary>The name that another host's certificate of such a session carries.</summary>
    public static string HostNameOf(PeerHost peer) => PeerProtocol.CertificateName(peer.Id);

    /// <summary>
    /// Writes <c>ca-cert.pem</c>, <c>server-cert.pem</c>, <c>server-key.pem</c>, <c>client-cert.pem</c> and <c>client-key.pem</c> into a new folder that nobody else may read.
    /// Who writes it deletes it: <see cref="Delete"/>.
    /// </summary>
    /// <param name="folder">The folder; one that is there is replaced.</param>
    /// <param name="otherAuthority">What the other host said its <see cref="Authority"/> is.</param>
    /// <param name="group">Group that the reading process runs as, which may read and not write; only the host's own user may when null.</param>
    /// <exception cref="CryptographicException">What the other host said is no authority.</exception>
    /// <exception cref="IOException">The file system refused.</exception>
    public void Write(string folder, string otherAuthority, int? group = null)
    {
        using var other = ParseAuthority(otherAuthority);
        Delete(folder);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        Directory.CreateDirectory(folder, OwnerFolder);
        var certificate = _certificate.ExportCertificatePem() + "\n";
        var key = _key.ExportPkcs8PrivateKeyPem() + "\n";
        Write(folder, AuthorityFile, $"{Authority}\n{other.ExportCertificatePem()}\n", group);
        foreach (var side in new[] { "server", "client" })
        {
            Write(folder, $"{side}-cert.pem", certificate, group);
            Write(folder, $"{side}-key.pem", key, group);
        }

        if (group is { } readers)
        {
            FileOwner.SetGroup(folder, readers);
            File.SetUnixFileMode(folder, GroupFolder);
        }
    }

    /// <summary>Deletes such a folder, if it is there.</summary>
    public static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What another host says is its authority for the work: one certificate of an authority, and nothing that QEMU would not take.</summary>
    /// <exception cref="CryptographicException">It is something else.</exception>
    public static X509Certificate2 ParseAuthority(string pem)
    {
        var found = PeerCertificates.Parse(pem);
        return found is [var only] && only.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault()?.CertificateAuthority == true
            && only.SubjectName.RawData.AsSpan().SequenceEqual(only.IssuerName.RawData)
            ? only
            : throw new CryptographicException("it is not one certificate of an authority");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _key.Dispose();
        _certificate.Dispose();
    }

    private static void Write(string folder, string name, string content, int? group)
    {
        var path = Path.Combine(folder, name);
        using (var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerFile }))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(content));
        }

        if (group is { } readers)
        {
            FileOwner.SetGroup(path, readers);
            File.SetUnixFileMode(path, GroupFile);
        }
    }
}
