namespace Vireo.Disks.Operations;

/// <summary>How a bulk copy was done.</summary>
public enum CopyMethod
{
    /// <summary>There was nothing to copy.</summary>
    None,

    /// <summary>The storage shares the bytes between both files until one is written (XFS, Btrfs).</summary>
    Reflink,

    /// <summary>The system, or the server that both files are on, copied (copy_file_range).</summary>
    CopyFileRange,

    /// <summary>The file server that both files are on copied (SMB, FSCTL_SRV_COPYCHUNK).</summary>
    ServerSide,

    /// <summary>Read and written by this program.</summary>
    ReadWrite,
}

/// <summary>What a copy did.</summary>
/// <param name="Method">The best that was possible for any part.</param>
/// <param name="CopiedBytes">Bytes of data; holes and zeros are not among them.</param>
/// <param name="OffloadedBytes">How many of them the storage copied.</param>
public readonly record struct CopyResult(CopyMethod Method, long CopiedBytes, long OffloadedBytes);
