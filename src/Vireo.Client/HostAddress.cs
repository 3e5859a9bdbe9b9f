namespace Vireo.Client;

/// <summary>
/// Where a host answers: a Unix socket on this machine, or HTTP(S) on another. The host of this version listens on its socket only; an
/// address of another machine is for a gateway of one's own before such a socket.
/// </summary>
public sealed record HostAddress
{
    /// <summary>Port of a host that is named without one.</summary>
    public const int DefaultPort = 8446;

    private const string DefaultSocket = "/run/vireo/host.sock";

    private HostAddress(string name, string? socketPath, Uri? url)
    {
        Name = name;
        SocketPath = socketPath;
        Url = url;
    }

    /// <summary>For messages.</summary>
    public string Name { get; }

    /// <summary>The socket of a local host.</summary>
    public string? SocketPath { get; }

    /// <summary>The address of a remote one.</summary>
    public Uri? Url { get; }

    /// <summary>Where the host's consoles are: beside the socket of its administrators is one for everybody.</summary>
    public HostAddress ForConsoles() => SocketPath is { } path ? new(Name, Path.Combine(Path.GetDirectoryName(path) ?? "", "console.sock"), null) : this;

    /// <summary>The host on this machine.</summary>
    /// <param name="root">Its root folder; <c>VIREO_ROOT</c>, then the system's host, when null.</param>
    public static HostAddress Local(string? root = null)
    {
        root ??= Environment.GetEnvironmentVariable("VIREO_ROOT");
        return new HostAddress(".", string.IsNullOrEmpty(root) ? DefaultSocket : Path.Combine(Path.GetFullPath(root), "run", "host.sock"), null);
    }

    /// <summary>
    /// What <c>-ComputerName</c> means: <c>.</c>, <c>localhost</c> and this machine's name are the local host; <c>unix:/path</c> is a
    /// socket; anything else is a remote host, as a name, <c>name:port</c> or a whole URL.
    /// </summary>
    /// <param name="text">What was given.</param>
    /// <param name="root">Root folder of the local host, as in <see cref="Local"/>.</param>
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static HostAddress Parse(string? text, string? root = null)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new FormatException("The name of a host is empty; give one, or '.' for this machine.");
        }

        if (text is "." || string.Equals(text, "localhost", StringComparison.OrdinalIgnoreCase)
            || string.Equals(text, Environment.MachineName, StringComparison.OrdinalIgnoreCase))
        {
            return Local(root);
        }

        if (text.StartsWith("unix:", StringComparison.OrdinalIgnoreCase))
        {
            var path = text["unix:".Length..];
            return path.StartsWith('/') ? new HostAddress(text, path, null) : throw new FormatException($"'{text}' names no socket; write 'unix:' and the whole path of one.");
        }

        var full = text.Contains("://", StringComparison.Ordinal) ? text : $"https://{text}";
        if (!Uri.TryCreate(full, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            throw new FormatException($"'{text}' is not the name of a host; give a name, name:port, or a URL that starts with https://.");
        }

        if (full != text && !NamesPort(text))
        {
            url = new UriBuilder(url) { Port = DefaultPort }.Uri;
        }

        return new HostAddress(text, null, url);
    }

    /// <summary>Whether <c>name:port</c> or <c>[address]:port</c> says a port. The URL does not tell: it takes 443 for no port.</summary>
    private static bool NamesPort(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon > text.LastIndexOf(']') && colon < text.Length - 1;
    }
}
