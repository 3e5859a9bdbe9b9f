namespace Vireo.Host.Transfers;

/// <summary>
/// Finds files by names whose capitals may differ, because Windows does not tell them from small letters. Each folder is read once, and no more folders
/// and names than <see cref="MaximumFolders"/> and <see cref="MaximumNames"/>: which ones is said by configurations from elsewhere.
/// </summary>
internal sealed class FolderNames
{
    /// <summary>Most folders that are read; in others a name must be written exactly.</summary>
    public const int MaximumFolders = 256;

    /// <summary>Most names that are read of one folder.</summary>
    public const int MaximumNames = 100_000;

    private readonly Dictionary<string, Dictionary<string, string>> _folders = new(StringComparer.Ordinal);

    /// <summary>Folders that were read.</summary>
    public int Count => _folders.Count;

    /// <summary>The file of a path, or one whose name differs in capitals; null when there is none.</summary>
    public string? Find(string path)
    {
        if (File.Exists(path))
        {
            return path;
        }

        return Path.GetDirectoryName(path) is { Length: > 0 } folder && NamesOf(folder) is { } names ? names.GetValueOrDefault(Path.GetFileName(path)) : null;
    }

    private Dictionary<string, string>? NamesOf(string folder)
    {
        if (_folders.TryGetValue(folder, out var names))
        {
            return names;
        }

        if (_folders.Count >= MaximumFolders || !Directory.Exists(folder))
        {
            return null;
        }

        names = new(StringComparer.OrdinalIgnoreCase);
        try
        {
            foreach (var file in Directory.EnumerateFiles(folder).Take(MaximumNames))
            {
                names.TryAdd(Path.GetFileName(file), file);
            }
        }
        catch (Exception away) when (away is IOException or UnauthorizedAccessException)
        {
            // What cannot be listed has only the names that are written exactly.
        }

        return _folders[folder] = names;
    }
}
