namespace Vireo.Smb;

/// <summary>Rights to an open file. [MS-SMB2] 2.2.13.1.1.</summary>
[Flags]
public enum SmbAccess : uint
{
    /// <summary>FILE_READ_DATA.</summary>
    ReadData = 0x1,

    /// <summary>FILE_WRITE_DATA.</summary>
    WriteData = 0x2,

    /// <summary>FILE_READ_ATTRIBUTES.</summary>
    ReadAttributes = 0x80,

    /// <summary>FILE_WRITE_ATTRIBUTES.</summary>
    WriteAttributes = 0x100,

    /// <summary>DELETE: also to give it another name.</summary>
    Delete = 0x10000,
}

/// <summary>What others may do meanwhile. [MS-SMB2] 2.2.13.</summary>
[Flags]
public enum SmbSharing : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Read.</summary>
    Read = 1,

    /// <summary>Write.</summary>
    Write = 2,

    /// <summary>Remove or rename.</summary>
    Delete = 4,
}

/// <summary>Whether the file has to be there. [MS-SMB2] 2.2.13.</summary>
public enum SmbDisposition : uint
{
    /// <summary>It has to.</summary>
    Open = 1,

    /// <summary>It must not.</summary>
    Create = 2,
}

/// <summary>How a file is opened. [MS-SMB2] 2.2.13.</summary>
[Flags]
public enum SmbOpenOptions : uint
{
    /// <summary>As it comes.</summary>
    None = 0,

    /// <summary>FILE_WRITE_THROUGH: a write is answered when it is durable.</summary>
    WriteThrough = 0x2,

    /// <summary>FILE_NON_DIRECTORY_FILE.</summary>
    NoFolder = 0x40,
}

/// <summary>How a file is opened.</summary>
/// <param name="Access">Rights.</param>
/// <param name="Shared">What others may do meanwhile: the server refuses whoever wants more, and refuses us when somebody does more already.</param>
/// <param name="Disposition">Whether it has to be there.</param>
/// <param name="Options">How.</param>
public sealed record SmbOpen(SmbAccess Access, SmbSharing Shared, SmbDisposition Disposition = SmbDisposition.Open, SmbOpenOptions Options = SmbOpenOptions.NoFolder);
