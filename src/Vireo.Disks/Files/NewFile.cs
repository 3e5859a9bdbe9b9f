using Vireo.Platform.Files;

namespace Vireo.Disks.Files;

/// <summary>What is checked before a new file is made.</summary>
internal static class NewFile
{
    /// <summary>Refuses a path whose folder is missing, or that is taken.</summary>
    /// <exception cref="ImageException">It is one.</exception>
    public static void Check(string path)
    {
        if (UncPath.IsUnc(path))
        {
            if (SmbImageFile.Exists(path))
            {
                throw new ImageException(ImageErrorKind.AlreadyExists, path, $"The file '{path}' exists already; choose another path or remove it first.");
            }

            return;
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
        {
            throw new ImageException(ImageErrorKind.NotFound, path, $"The folder '{folder}' does not exist; make it first.");
        }

        if (Path.Exists(path))
        {
            throw new ImageException(ImageErrorKind.AlreadyExists, path, $"The file '{path}' exists already; choose another path or remove it first.");
        }
    }
}
