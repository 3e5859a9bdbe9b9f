using System.Globalization;

namespace Vireo.Host.Peers;

/// <summary>The protocol between hosts: HTTPS with a certificate on both sides, JSON, and a version that both sides speak.</summary>
internal static class PeerProtocol
{
    /// <summary>Versions that this program speaks, in ascending order.</summary>
    public static readonly IReadOnlyList<int> Supported = [1];

    /// <summary>Port where hosts listen for each other, unless another is set.</summary>
    public const int DefaultPort = 6600;

    /// <summary>Header of each request with the version that it is made in.</summary>
    public const string VersionHeader = "Vireo-Protocol";

    /// <summary>Media type of a streamed answer: an object a line, see <see cref="PeerLines"/>.</summary>
    public const string LinesMediaType = "application/x-ndjson";

    /// <summary>The name in the certificate of a host: it belongs to the host's identity, not to its name or address, which may change.</summary>
    public static string CertificateName(Guid host) => $"{host:D}.vireo.internal";

    /// <summary>For people: <c>1</c>, or <c>1, 2 and 3</c>.</summary>
    public static string Describe(IReadOnlyList<int> versions)
    {
        ArgumentNullException.ThrowIfNull(versions);
        var words = versions.Select(static version => version.ToString(CultureInfo.InvariantCulture)).ToList();
        return words switch
        {
            [] => "none",
            [var only] => only,
            _ => $"{string.Join(", ", words.Take(words.Count - 1))} and {words[^1]}",
        };
    }
}

/// <summary>How much a host takes from another one, which may be anybody until its certificate was seen.</summary>
internal static class PeerLimits
{
    /// <summary>Connections at once.</summary>
    public const int Connections = 512;

    /// <summary>Connections at once from one address.</summary>
    public const int ConnectionsFromOneAddress = 64;

    /// <summary>Body of a request, and of an answer; also a line of a streamed one.</summary>
    public const int BodyBytes = 4 << 20;

    /// <summary>Body of a request of somebody who is not trusted yet.</summary>
    public const int GuestBodyBytes = 16 << 10;

    /// <summary>Addresses of one peer.</summary>
    public const int Addresses = 32;

    /// <summary>Longest name.</summary>
    public const int NameCharacters = 253;

    /// <summary>Peers of one host.</summary>
    public const int Peers = 1_000;

    /// <summary>Certificates in PEM, with those between.</summary>
    public const int PemCharacters = 32 << 10;

    /// <summary>To encrypt a connection.</summary>
    public static readonly TimeSpan Handshake = TimeSpan.FromSeconds(15);

    /// <summary>To send the head of a request.</summary>
    public static readonly TimeSpan Headers = TimeSpan.FromSeconds(15);

    /// <summary>A connection that nobody uses.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromMinutes(2);

    /// <summary>To connect to one address.</summary>
    public static readonly TimeSpan Connect = TimeSpan.FromSeconds(10);

    /// <summary>To answer, where nothing else is said.</summary>
    public static readonly TimeSpan Answer = TimeSpan.FromMinutes(1);

    /// <summary>A streamed answer that has nothing to say says so this often.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(5);

    /// <summary>A streamed answer that is silent for so long has broken off.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);
}
