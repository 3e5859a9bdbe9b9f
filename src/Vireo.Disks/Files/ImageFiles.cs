using Vireo.Platform.Files;

namespace Vireo.Disks.Files;

/// <summary>Paths of images: of this system's files, and of files on shares (<c>\\server\share\file</c>). What the class library does for the first, for both.</summary>
public static class ImageFiles
{
    /// <summary>Opens the file of an image.</summary>
    /// <param name="path">File, block device, or file on a share.</param>
    /// <param name="readOnly">Shared lock, no writing.</param>
    /// <param name="takeLock">False only to look at an image that may be in use.</param>
    /// <exception cref="ImageException">Not there, not allowed, in use.</exception>
    public static IImageFile Open(string path, bool readOnly, bool takeLock = true) =>
        UncPath.IsUnc(path) ? SmbImageFile.Open(path, readOnly, takeLock) : SystemImageFile.Open(path, readOnly, takeLock);

    /// <summary>Makes a new, empty file that gets its name when it is published.</summary>
    /// <exception cref="ImageException">The system refused.</exception>
    public static INewImageFile CreateUnpublished(string path) => UncPath.IsUnc(path) ? SmbImageFile.CreateUnpublished(path) : SystemImageFile.CreateUnpublished(path);

    /// <summary>The path from the root on, without detours.</summary>
    public static string Full(string path) => UncPath.IsUnc(path) ? path : Path.GetFullPath(path);

    /// <summary>Whether both mean the same file, as far as their text tells.</summary>
    public static bool AreSame(string one, string other) => string.Equals(Key(one), Key(other), StringComparison.Ordinal);

    /// <summary>What is the same for all spellings of a path.</summary>
    public static string Key(string path) => UncPath.IsUnc(path) ? path.ToUpperInvariant() : Path.GetFullPath(path);

    /// <summary>Whether something has the name. Where a server cannot be asked the answer is yes: whoever opens it learns why.</summary>
    public static bool Exists(string path)
    {
        if (!UncPath.IsUnc(path))
        {
            return Path.Exists(path);
        }

        try
        {
            return SmbImageFile.Exists(path);
        }
        catch (ImageException exception)
        {
            return exception.Kind == ImageErrorKind.IoError;
        }
    }

    /// <summary>Removes a file, durably where the system can; one that is not there is removed already.</summary>
    /// <exception cref="ImageException">A server refused.</exception>
    public static void Delete(string path)
    {
        if (UncPath.IsUnc(path))
        {
            SmbImageFile.Delete(path);
        }
        else
        {
            AtomicFile.Delete(path);
        }
    }
}
