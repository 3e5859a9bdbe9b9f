namespace Vireo.Smb;

/// <summary>What callers may branch on when a server refuses.</summary>
public enum SmbErrorKind
{
    /// <summary>No server answered, or it went away.</summary>
    Unreachable,

    /// <summary>What came is no SMB 3, or not of this session.</summary>
    Protocol,

    /// <summary>The server does not know the account, or another password.</summary>
    LoginRefused,

    /// <summary>There is no login for the server.</summary>
    LoginMissing,

    /// <summary>The server has no such share.</summary>
    NoShare,

    /// <summary>No file of that name.</summary>
    NotFound,

    /// <summary>No folder for the file.</summary>
    FolderMissing,

    /// <summary>A file of that name is there already.</summary>
    AlreadyExists,

    /// <summary>The account may not.</summary>
    AccessDenied,

    /// <summary>Somebody else has the file open in a way that conflicts.</summary>
    InUse,

    /// <summary>The share is full.</summary>
    NoSpace,

    /// <summary>It is a folder.</summary>
    IsFolder,

    /// <summary>Anything else.</summary>
    Failed,
}

/// <summary>A file server refused something. The message is a clause that says why, for a sentence that names the file.</summary>
public sealed class SmbException(SmbErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What callers may branch on.</summary>
    public SmbErrorKind Kind { get; } = kind;

    /// <summary>What a server's status means.</summary>
    internal static SmbException Of(NtStatus status) => status switch
    {
        NtStatus.ConnectionLost => new(SmbErrorKind.Unreachable, "the connection to the server was lost"),
        NtStatus.BadAnswer => new(SmbErrorKind.Protocol, "what the server answered makes no sense"),
        NtStatus.LogonFailure or NtStatus.WrongPassword or NtStatus.NoSuchUser => new(SmbErrorKind.LoginRefused, "the server does not accept the user name and the password"),
        NtStatus.AccountDisabled or NtStatus.AccountRestriction or NtStatus.AccountLockedOut or NtStatus.PasswordExpired =>
            new(SmbErrorKind.LoginRefused, "the server does not let the account in at the moment: it is disabled, locked, or its password has expired"),
        NtStatus.BadNetworkName => new(SmbErrorKind.NoShare, "the server has no share of that name"),
        NtStatus.PathNotCovered => new(SmbErrorKind.Failed, "it lies in a distributed file system (DFS); name the server and the share that it is really on"),
        NtStatus.ObjectNameNotFound or NtStatus.NoSuchFile or NtStatus.DeletePending => new(SmbErrorKind.NotFound, "it does not exist"),
        NtStatus.ObjectPathNotFound or NtStatus.NotADirectory => new(SmbErrorKind.FolderMissing, "its folder does not exist"),
        NtStatus.ObjectNameCollision => new(SmbErrorKind.AlreadyExists, "it exists already"),
        NtStatus.AccessDenied or NtStatus.MediaWriteProtected => new(SmbErrorKind.AccessDenied, "the server does not allow it to the account"),
        NtStatus.SharingViolation or NtStatus.FileLockConflict => new(SmbErrorKind.InUse, "it is in use by another program"),
        NtStatus.DiskFull or NtStatus.QuotaExceeded => new(SmbErrorKind.NoSpace, "the share is full"),
        NtStatus.FileIsADirectory => new(SmbErrorKind.IsFolder, "it is a folder"),
        NtStatus.ObjectNameInvalid or NtStatus.ObjectPathInvalid or NtStatus.ObjectPathSyntaxBad => new(SmbErrorKind.Failed, "the server does not accept the name"),
        _ => new(SmbErrorKind.Failed, $"the server answered with the status 0x{(uint)status:X8}"),
    };
}
