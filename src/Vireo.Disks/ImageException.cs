namespace Vireo.Disks;

/// <summary>What callers may branch on when an image cannot be opened or made.</summary>
public enum ImageErrorKind
{
    /// <summary>The file is not there.</summary>
    NotFound,

    /// <summary>A file of that name is there already.</summary>
    AlreadyExists,

    /// <summary>The system does not let us.</summary>
    AccessDenied,

    /// <summary>Somebody else has the image open in a way that conflicts.</summary>
    InUse,

    /// <summary>The image's structures contradict the format or each other.</summary>
    Corrupt,

    /// <summary>The image is well formed, but of a kind or version that is not supported.</summary>
    Unsupported,

    /// <summary>A parameter is outside what the format allows.</summary>
    InvalidParameter,

    /// <summary>The file system is full.</summary>
    NoSpace,

    /// <summary>The storage below failed.</summary>
    IoError,

    /// <summary>The parent of a differencing image was not found.</summary>
    ParentMissing,

    /// <summary>The parent of a differencing image is not the one it was made from.</summary>
    IdentityMismatch,
}

/// <summary>An image cannot be opened, made or closed. The message is one sentence that names the file, the place and what to do.</summary>
public sealed class ImageException : Exception
{
    /// <summary>An error about the whole file.</summary>
    public ImageException(ImageErrorKind kind, string path, string message, Exception? inner = null)
        : base(message, inner)
    {
        Kind = kind;
        Path = path;
    }

    private ImageException(ImageErrorKind kind, string path, long offsetBytes, string message)
        : base(message)
    {
        Kind = kind;
        Path = path;
        OffsetBytes = offsetBytes;
    }

    /// <summary>What callers may branch on.</summary>
    public ImageErrorKind Kind { get; }

    /// <summary>The image file.</summary>
    public string Path { get; }

    /// <summary>Where in the file the structure lies that is wrong, if the error is about one.</summary>
    public long? OffsetBytes { get; }

    /// <summary>The structure at <paramref name="offsetBytes"/> is damaged.</summary>
    public static ImageException Corrupt(string path, long offsetBytes, string what) =>
        new(ImageErrorKind.Corrupt, path, offsetBytes, $"The image '{path}' is corrupt at offset {offsetBytes}: {what}.");

    /// <summary>A call on the image file failed with <paramref name="status"/>.</summary>
    public static ImageException Failed(string path, string operation, BlockStatus status) =>
        status == BlockStatus.NoSpace
            ? new(ImageErrorKind.NoSpace, path, $"There is no space left to {operation} '{path}'; free some and try again.")
            : new(ImageErrorKind.IoError, path, $"The storage failed to {operation} '{path}'; check the disk it is on.");
}
