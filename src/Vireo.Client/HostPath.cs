namespace Vireo.Client;

/// <summary>Paths of files on a host, which is a Linux machine, as people from Windows write them.</summary>
public static class HostPath
{
    /// <summary>
    /// One sentence that says what to write instead of a path of Windows, or null for any other path. To Linux <c>C:\disks\a.vhdx</c> is a
    /// fine name for a file, so that nothing else would refuse it.
    /// </summary>
    public static string? Refusal(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.StartsWith(@"\\.\", StringComparison.Ordinal)
            ? $"'{path}' is a device or named pipe of Windows; name a Unix socket or file of the host, for example /run/web1.sock."
            : path.Length >= 3 && char.IsAsciiLetter(path[0]) && path[1] == ':' && path[2] is '\\' or '/'
            ? $"'{path}' is a path of Windows, and the host runs Linux; write a path such as {Suggestion(path)}."
            : null;
    }

    private static string Suggestion(string path) => "/srv/" + path[3..].Replace('\\', '/').TrimStart('/');
}
