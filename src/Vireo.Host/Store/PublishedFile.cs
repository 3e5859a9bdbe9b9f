using Vireo.Platform.Files;

namespace Vireo.Host.Store;

/// <summary>A file that an import or a move made, and its final name. Under that name somebody else's may be by now.</summary>
/// <param name="Path">The name.</param>
/// <param name="Identity">The file.</param>
internal sealed record PublishedFile(string Path, FileIdentity Identity)
{
    /// <summary>Whether what has the name is the file that was made.</summary>
    public bool IsThere => FileIdentity.TryRead(Path) == Identity;

    /// <summary>Gives a whole file its final name, never over another one.</summary>
    /// <exception cref="IOException">Somebody was faster.</exception>
    public void TakeFrom(string partial)
    {
        try
        {
            File.Move(partial, Path, overwrite: false);
        }
        catch (IOException) when (System.IO.Path.Exists(Path))
        {
            throw Taken(Path);
        }
    }

    /// <summary>The file of a name, as it is now.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public static PublishedFile Of(string path, string made) =>
        new(path, FileIdentity.TryRead(made) ?? throw new IOException($"The file '{made}' is gone; somebody deleted it."));

    /// <summary>The name is somebody else's.</summary>
    public static IOException Taken(string path) => new($"The file '{path}' exists already.");
}
