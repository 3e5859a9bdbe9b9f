using System.Runtime.InteropServices;

namespace Vireo.Platform;

/// <summary>Error numbers of Linux that our code branches on (errno(3)), and their texts.</summary>
public static class Errno
{
    /// <summary>ENOENT.</summary>
    public const int NoEntry = 2;

    /// <summary>EINTR.</summary>
    public const int Interrupted = 4;

    /// <summary>EIO.</summary>
    public const int InputOutput = 5;

    /// <summary>ENXIO: no data behind the offset (lseek), no device, no reader.</summary>
    public const int NoSuchOffset = 6;

    /// <summary>EAGAIN.</summary>
    public const int TryAgain = 11;

    /// <summary>EACCES.</summary>
    public const int AccessDenied = 13;

    /// <summary>EEXIST.</summary>
    public const int Exists = 17;

    /// <summary>EXDEV: two files are on different file systems.</summary>
    public const int CrossDevice = 18;

    /// <summary>ENOTDIR: a part of the path is no folder.</summary>
    public const int NotFolder = 20;

    /// <summary>EISDIR.</summary>
    public const int IsFolder = 21;

    /// <summary>EINVAL.</summary>
    public const int InvalidArgument = 22;

    /// <summary>ENOTTY: the file does not know the request.</summary>
    public const int UnknownRequest = 25;

    /// <summary>EFBIG.</summary>
    public const int FileTooBig = 27;

    /// <summary>EBUSY.</summary>
    public const int Busy = 16;

    /// <summary>ENOSPC.</summary>
    public const int NoSpace = 28;

    /// <summary>EROFS.</summary>
    public const int ReadOnlyFileSystem = 30;

    /// <summary>ENOSYS.</summary>
    public const int NoSystemCall = 38;

    /// <summary>EOPNOTSUPP.</summary>
    public const int NotSupported = 95;

    /// <summary>EDQUOT.</summary>
    public const int QuotaExceeded = 122;

    /// <summary>The system's text for <paramref name="error"/>, without a full stop.</summary>
    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);
}
