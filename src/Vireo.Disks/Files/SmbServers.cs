using Vireo.Platform.Files;
using Vireo.Smb;

namespace Vireo.Disks.Files;

/// <summary>The file servers that this process may talk to. Set once, when it begins.</summary>
public static class SmbServers
{
    /// <summary>Where logins are found. A server without one is never spoken to, whatever path an image names.</summary>
    public static ISmbLogins Logins { get; set; } = new SmbLoginFile("/var/lib/vireo/smb.json");

    /// <summary>How long requests wait for a connection that was lost, before they fail.</summary>
    internal static TimeSpan ReconnectPatience { get; } = TimeSpan.FromSeconds(30);

    internal static SmbOptions Options { get; } = new(TimeProvider.System);

    /// <summary>Reads a path.</summary>
    /// <exception cref="ImageException">It is none.</exception>
    internal static UncPath Parse(string path) =>
        UncPath.TryParse(path, out var unc, out var problem)
            ? unc
            : throw new ImageException(ImageErrorKind.InvalidParameter, path, $"The path '{path}' is not one of a file on a share: {problem}.");

    /// <summary>Connects to the share of a path.</summary>
    /// <exception cref="SmbException">No login, no server, no share.</exception>
    internal static SmbShare Connect(UncPath path, ulong previousSession = 0) => SmbShare.Connect(path, Logins.Find(path.Server, path.Share), Options, previousSession);

    /// <summary>The error of an image on a share.</summary>
    internal static ImageException Refused(string path, SmbException exception)
    {
        var (kind, advice) = exception.Kind switch
        {
            SmbErrorKind.LoginMissing => (ImageErrorKind.AccessDenied, ""),
            SmbErrorKind.LoginRefused => (ImageErrorKind.AccessDenied, "; check the login of this host for it"),
            SmbErrorKind.AccessDenied => (ImageErrorKind.AccessDenied, "; check the permissions of share and file"),
            SmbErrorKind.NoShare or SmbErrorKind.NotFound => (ImageErrorKind.NotFound, "; check the path"),
            SmbErrorKind.FolderMissing => (ImageErrorKind.NotFound, "; make it first"),
            SmbErrorKind.AlreadyExists => (ImageErrorKind.AlreadyExists, "; choose another path or remove it first"),
            SmbErrorKind.InUse => (ImageErrorKind.InUse, ", perhaps on another host; close it there and try again"),
            SmbErrorKind.NoSpace => (ImageErrorKind.NoSpace, "; free some space and try again"),
            SmbErrorKind.IsFolder => (ImageErrorKind.InvalidParameter, ", not an image"),
            _ => (ImageErrorKind.IoError, ""),
        };
        return new(kind, path, $"The file '{path}' cannot be used: {exception.Message}{advice}.", exception);
    }
}
