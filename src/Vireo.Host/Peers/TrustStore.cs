using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Vireo.Host.Store;
using Vireo.Platform.Files;

namespace Vireo.Host.Peers;

/// <summary>
/// Keeps <c>trust.json</c>, and what it says in a form that can be used at once. A change is on disk when a call returns; readers see all of it or nothing.
/// </summary>
internal sealed class TrustStore
{
    private const int NewestVersion = 1;
    private readonly string _path;
    private readonly Lock _changing = new();
    private volatile TrustState _current;

    /// <summary>Reads the file below the host's state folder; a new host gets its identity here.</summary>
    /// <exception cref="StateFileException">It is damaged, or newer than this program.</exception>
    public TrustStore(string stateFolder)
    {
        _path = Path.Combine(stateFolder, "trust.json");
        AtomicFile.Sweep(_path);
        var file = JsonFile.Read(_path, StoreJson.Default.TrustFile, static file => file.FormatVersion, NewestVersion);
        if (file is null)
        {
            file = new TrustFile { HostId = Guid.NewGuid() };
            JsonFile.Write(_path, file, StoreJson.Default.TrustFile);
        }

        try
        {
            _current = new TrustState(file);
        }
        catch (CryptographicException damage)
        {
            throw new StateFileException(_path, $"it is damaged ({damage.Message})", damage);
        }
    }

    /// <summary>What holds now.</summary>
    public TrustState Current => _current;

    /// <summary>Called after each change, on the caller's thread.</summary>
    public Action? Changed { get; set; }

    /// <summary>Changes it; <paramref name="change"/> refuses by throwing.</summary>
    /// <exception cref="CryptographicException">A key or a certificate cannot be used; nothing has changed.</exception>
    public TrustState Change(Func<TrustFile, TrustFile> change)
    {
        TrustState after;
        lock (_changing)
        {
            var file = change(_current.File);
            if (ReferenceEquals(file, _current.File))
            {
                return _current;
            }

            after = new TrustState(file);
            JsonFile.Write(_path, file, StoreJson.Default.TrustFile);
            _current = after;
        }

        Changed?.Invoke();
        return after;
    }
}

/// <summary>What <c>trust.json</c> says. Immutable; certificates in it live as long as somebody uses it.</summary>
internal sealed class TrustState
{
    /// <summary>Reads keys and certificates.</summary>
    /// <exception cref="CryptographicException">One cannot be used, or key and certificate do not belong together.</exception>
    public TrustState(TrustFile file)
    {
        File = file;
        Authorities = file.Authority is null ? [] : PeerCertificates.Parse(file.Authority);
        if (file.Certificate is not null && file.Key is not null)
        {
            var chain = PeerCertificates.Parse(file.Certificate);
            using var key = Key(file.Key);
            try
            {
                Certificate = key is ECDsa curve ? chain[0].CopyWithPrivateKey(curve) : chain[0].CopyWithPrivateKey((RSA)key);
            }
            catch (ArgumentException mismatch)
            {
                throw new CryptographicException("the key is not that of the certificate", mismatch);
            }

            chain.RemoveAt(0);
            Context = SslStreamCertificateContext.Create(Certificate, chain, offline: true);
        }
    }

    /// <summary>As it is stored.</summary>
    public TrustFile File { get; }

    /// <summary>Identity of this host.</summary>
    public Guid HostId => File.HostId;

    /// <summary>The authority: roots, and perhaps what they have signed.</summary>
    public X509Certificate2Collection Authorities { get; }

    /// <summary>Own certificate with its key; null when there is none.</summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>The same with what is sent beside it.</summary>
    public SslStreamCertificateContext? Context { get; }

    /// <summary>The name that others look for in the own certificate.</summary>
    public string CertificateName => Certificate is null || PeerCertificates.Names(Certificate) is not [_, ..] names
        ? PeerProtocol.CertificateName(HostId)
        : names.FirstOrDefault(name => string.Equals(name, PeerProtocol.CertificateName(HostId), StringComparison.OrdinalIgnoreCase)) ?? names[0];

    /// <summary>Hosts that are trusted now.</summary>
    public IEnumerable<PeerRecord> Peers => File.Peers.Where(static peer => peer.Removed is null);

    // People bring keys of either kind; ours are on curves.
    private static AsymmetricAlgorithm Key(string pem)
    {
        try
        {
            return PeerCertificates.Key(pem);
        }
        catch (CryptographicException)
        {
            var rsa = RSA.Create();
            try
            {
                rsa.ImportFromPem(pem);
                return rsa;
            }
            catch (Exception damage) when (damage is ArgumentException or CryptographicException)
            {
                rsa.Dispose();
                throw new CryptographicException("the key is none that can be read (PEM, without a password)", damage);
            }
        }
    }
}
