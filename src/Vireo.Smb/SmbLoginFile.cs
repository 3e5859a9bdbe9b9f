using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vireo.Smb;

/// <summary>
/// The logins of this host at file servers, kept in a file that only its owner may read: <c>{"version":1,"servers":[{"server":"fs1","user":"FS1\\vireo",
/// "password":"..."}]}</c>. It is read each time a connection is made, so that a change counts at once. A login with <c>share</c> goes before one without.
/// </summary>
/// <param name="path">The file.</param>
public sealed class SmbLoginFile(string path) : ISmbLogins
{
    private const int Version = 1;
    private const long LongestBytes = 1 << 20;

    /// <inheritdoc/>
    public SmbLogin Find(string server, string share)
    {
        if (!File.Exists(path))
        {
            throw Missing(server);
        }

        if ((File.GetUnixFileMode(path) & (UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
        {
            throw new SmbException(SmbErrorKind.LoginMissing, $"the file '{path}' with the passwords may be read or written by others than its owner; take that away (chmod 600)");
        }

        var entries = Read();
        var entry = entries.FirstOrDefault(one => IsOf(one, server) && string.Equals(one.Share, share, StringComparison.OrdinalIgnoreCase))
            ?? entries.FirstOrDefault(one => IsOf(one, server) && one.Share is null)
            ?? throw Missing(server);
        if (string.IsNullOrEmpty(entry.User) || entry.Password is null || entry.User.Length > 256 || entry.Password.Length > 256)
        {
            throw new SmbException(SmbErrorKind.LoginMissing, $"the login for '{server}' in '{path}' lacks a user or a password");
        }

        var at = entry.User.IndexOf('\\', StringComparison.Ordinal);
        return new SmbLogin(entry.User[(at + 1)..], at < 0 ? "" : entry.User[..at], entry.Password, entry.Encrypt);
    }

    private static bool IsOf(SmbLoginEntry entry, string server) => string.Equals(entry.Server, server, StringComparison.OrdinalIgnoreCase);

    private IReadOnlyList<SmbLoginEntry> Read()
    {
        try
        {
            if (new FileInfo(path).Length <= LongestBytes
                && JsonSerializer.Deserialize(File.ReadAllBytes(path), SmbLoginJson.Default.SmbLoginList) is { Version: Version, Servers: { } servers } && servers.All(static one => one is not null))
            {
                return servers;
            }
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            // The text of the exception may hold a part of the file, so it goes nowhere.
        }

        throw new SmbException(SmbErrorKind.LoginMissing, $"the file '{path}' with the logins of this host cannot be read, or is not of version {Version}");
    }

    private SmbException Missing(string server) => new(SmbErrorKind.LoginMissing, $"this host has no login for the server '{server}'; put one into '{path}'");
}

/// <summary>Where logins come from.</summary>
public interface ISmbLogins
{
    /// <summary>The login for a share.</summary>
    /// <exception cref="SmbException">There is none.</exception>
    SmbLogin Find(string server, string share);
}

/// <summary>The file.</summary>
internal sealed record SmbLoginList(int Version, IReadOnlyList<SmbLoginEntry>? Servers);

/// <summary>A login in the file.</summary>
internal sealed record SmbLoginEntry(string? Server, string? Share, string? User, string? Password, bool Encrypt = false);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(SmbLoginList))]
internal sealed partial class SmbLoginJson : JsonSerializerContext;
