namespace Vireo.Smb;

/// <summary>Commands. [MS-SMB2] 2.2.1.2.</summary>
internal enum SmbCommand : ushort
{
    Negotiate = 0,
    SessionSetup = 1,
    LogOff = 2,
    TreeConnect = 3,
    TreeDisconnect = 4,
    Create = 5,
    Close = 6,
    Flush = 7,
    Read = 8,
    Write = 9,
    Lock = 10,
    Ioctl = 11,
    Cancel = 12,
    Echo = 13,
    QueryDirectory = 14,
    ChangeNotify = 15,
    QueryInfo = 16,
    SetInfo = 17,
    OplockBreak = 18,
}

/// <summary>Dialects that are spoken. [MS-SMB2] 2.2.3.</summary>
internal enum SmbDialect : ushort
{
    Smb300 = 0x0300,
    Smb302 = 0x0302,
    Smb311 = 0x0311,
}

/// <summary>Ciphers. [MS-SMB2] 2.2.3.1.2.</summary>
internal enum SmbCipherId : ushort
{
    None = 0,
    Aes128Ccm = 1,
    Aes128Gcm = 2,
}

/// <summary>Results of requests. [MS-ERREF] 2.3.1.</summary>
internal enum NtStatus : uint
{
    Success = 0,
    Pending = 0x00000103,
    BufferOverflow = 0x80000005,
    InvalidHandle = 0xC0000008,
    InvalidParameter = 0xC000000D,
    NoSuchFile = 0xC000000F,
    InvalidDeviceRequest = 0xC0000010,
    EndOfFile = 0xC0000011,
    MoreProcessingRequired = 0xC0000016,
    AccessDenied = 0xC0000022,
    ObjectNameInvalid = 0xC0000033,
    ObjectNameNotFound = 0xC0000034,
    ObjectNameCollision = 0xC0000035,
    ObjectPathInvalid = 0xC0000039,
    ObjectPathNotFound = 0xC000003A,
    ObjectPathSyntaxBad = 0xC000003B,
    SharingViolation = 0xC0000043,
    QuotaExceeded = 0xC0000044,
    FileLockConflict = 0xC0000054,
    DeletePending = 0xC0000056,
    NoSuchUser = 0xC0000064,
    WrongPassword = 0xC000006A,
    LogonFailure = 0xC000006D,
    AccountRestriction = 0xC000006E,
    PasswordExpired = 0xC0000071,
    AccountDisabled = 0xC0000072,
    DiskFull = 0xC000007F,
    MediaWriteProtected = 0xC00000A2,
    FileIsADirectory = 0xC00000BA,
    NotSupported = 0xC00000BB,
    NetworkNameDeleted = 0xC00000C9,
    BadNetworkName = 0xC00000CC,
    NotADirectory = 0xC0000103,
    FileClosed = 0xC0000128,
    UserSessionDeleted = 0xC0000203,
    InsufficientServerResources = 0xC0000205,
    AccountLockedOut = 0xC0000234,
    PathNotCovered = 0xC0000257,
    NetworkSessionExpired = 0xC000035C,

    /// <summary>Ours, and no server's: the connection ended before an answer came.</summary>
    ConnectionLost = 0xFFFF0001,

    /// <summary>Ours, and no server's: the answer made no sense.</summary>
    BadAnswer = 0xFFFF0002,
}
