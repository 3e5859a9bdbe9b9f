using System.Globalization;

namespace Vireo.Storage.NbdClient;

/// <summary>
/// Where an NBD server is, from its URI (NetworkBlockDevice/nbd, doc/uri.md): <c>nbd://host:port/export</c>,
/// <c>nbd+unix:///export?socket=PATH</c>, and <c>nbds</c>, <c>nbds+unix</c> for TLS with <c>?tls-certificates=FOLDER&amp;tls-hostname=NAME</c>.
/// </summary>
/// <param name="Host">Name or number, or null for a Unix socket.</param>
/// <param name="Port">TCP port.</param>
/// <param name="SocketPath">Unix socket, or null for TCP.</param>
/// <param name="ExportName">Export, often empty.</param>
/// <param name="IsTls">Whether the connection is encrypted; a server that cannot is refused.</param>
/// <param name="CertificateFolder">Folder with <c>ca-cert.pem</c>, <c>client-cert.pem</c> and <c>client-key.pem</c>; only with TLS.</param>
/// <param name="TlsHostName">The name that the server's certificate must have.</param>
public sealed record NbdAddress(string? Host, int Port, string? SocketPath, string ExportName, bool IsTls, string? CertificateFolder, string TlsHostName)
{
    /// <summary>The port that is registered for NBD.</summary>
    public const int DefaultPort = 10809;

    private const int LongestNameBytes = 4096;

    /// <summary>Whether a path is the URI of an NBD server.</summary>
    public static bool IsNbd(string path) =>
        path.StartsWith("nbd:", StringComparison.Ordinal) || path.StartsWith("nbds:", StringComparison.Ordinal)
        || path.StartsWith("nbd+unix:", StringComparison.Ordinal) || path.StartsWith("nbds+unix:", StringComparison.Ordinal);

    /// <summary>Reads a URI.</summary>
    /// <exception cref="FormatException">It is none, or lacks something; the message says what.</exception>
    public static NbdAddress Parse(string uri)
    {
        if (!IsNbd(uri) || !Uri.TryCreate(uri, UriKind.Absolute, out var parsed))
        {
            throw new FormatException($"'{uri}' is no address of an NBD server; write nbd://HOST/EXPORT, nbds://HOST/EXPORT or nbd+unix:///EXPORT?socket=PATH");
        }

        var query = parsed.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2))
            .GroupBy(pair => pair[0], StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => Uri.UnescapeDataString(group.Last().ElementAtOrDefault(1) ?? string.Empty), StringComparer.Ordinal);
        if (query.Keys.FirstOrDefault(key => key is not ("socket" or "tls-certificates" or "tls-hostname")) is { } unknown)
        {
            throw new FormatException($"'{uri}' has the part '{unknown}', which is not known; there are socket, tls-certificates and tls-hostname");
        }

        var isUnix = parsed.Scheme.EndsWith("+unix", StringComparison.Ordinal);
        var isTls = parsed.Scheme.StartsWith("nbds", StringComparison.Ordinal);
        var socket = query.GetValueOrDefault("socket");
        if (isUnix != (socket is { Length: > 0 }) || (!isUnix && parsed.Host.Length == 0))
        {
            throw new FormatException($"'{uri}' needs {(isUnix ? "?socket=PATH" : "a host and no socket")}");
        }

        var folder = query.GetValueOrDefault("tls-certificates");
        if (isTls != (folder is { Length: > 0 }))
        {
            throw new FormatException(isTls ? $"'{uri}' needs ?tls-certificates=FOLDER to recognise the server by" : $"'{uri}' has certificates but no TLS; write nbds instead of nbd");
        }

        var export = Uri.UnescapeDataString(parsed.AbsolutePath.TrimStart('/'));
        return export.Length <= LongestNameBytes / 4
            ? new NbdAddress(
                isUnix ? null : parsed.IdnHost,
                parsed.Port > 0 ? parsed.Port : DefaultPort,
                socket,
                export,
                isTls,
                folder,
                query.GetValueOrDefault("tls-hostname") ?? (isUnix ? "localhost" : parsed.IdnHost))
            : throw new FormatException($"'{uri}' has an export name of {export.Length.ToString(CultureInfo.InvariantCulture)} characters, more than {LongestNameBytes / 4}");
    }

    /// <summary>For messages: without the folder of certificates.</summary>
    public override string ToString()
    {
        var scheme = IsTls ? "nbds" : "nbd";
        return SocketPath is null
            ? string.Create(CultureInfo.InvariantCulture, $"{scheme}://{Host}:{Port}/{ExportName}")
            : $"{scheme}+unix:///{ExportName}?socket={SocketPath}";
    }
}
