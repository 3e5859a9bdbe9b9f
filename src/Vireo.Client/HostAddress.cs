namespace Vireo.Client;

/// <summary>Where a host answers: a Unix socket on this machine, or HTTP(S) on another.</summary>
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
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static HostAddress Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        if (text is "." || string.Equals(text, "localhost", StringComparison.OrdinalIgnoreCase)
            || string.Equals(text, Environment.MachineName, StringComparison.OrdinalIgnoreCase))
        {
            return Local();
        }

        if (text.StartsWith("unix:", StringComparison.OrdinalIgnoreCase))
        {
            return new HostAddress(text, text["unix:".Length..], null);
        }

        var full = text.Contains("://", StringComparison.Ordinal) ? text : $"https://{text}";
        if (!Uri.TryCreate(full, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            throw new FormatException($"'{text}' is not the name of a host; give a name, name:port, or a URL that starts with https://.");
        }

        if (!text.Contains("://", StringComparison.Ordinal) && url.IsDefaultPort)
        {
            url = new UriBuilder(url) { Port = DefaultPort }.Uri;
        }

        return new HostAddress(text, null, url);
    }
}
