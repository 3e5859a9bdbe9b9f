using Vireo.Platform.Files;

namespace Vireo.Host.Store;

/// <summary>What an import under way has made; found at a start, it is undone unless the machine is registered.</summary>
/// <param name="Files">Files that were made, or are about to be; nobody else's.</param>
/// <param name="Folders">Folders that were made for them, parents first.</param>
/// <param name="Original">A copy of the configuration that was there before, which comes back; null when there was none.</param>
internal sealed record ImportIntent(IReadOnlyList<string> Files, IReadOnlyList<string> Folders, string? Original);

/// <summary>Writes down each file of an import before it is made.</summary>
internal sealed class ImportJournal
{
    private readonly string _intentFile;
    private readonly string _configuration;
    private readonly List<string> _files = [];
    private readonly List<string> _folders = [];
    private readonly string? _original;

    /// <summary>Begins one.</summary>
    public ImportJournal(string intentFile, string configuration, string? original)
    {
        _intentFile = intentFile;
        _configuration = configuration;
        _original = original;
        NoteFolders(configuration);
        Write();
        MakeFolders();
    }

    /// <summary>A file is about to be made; its folder is made now.</summary>
    public void Making(string path)
    {
        if (File.Exists(path))
        {
            // Somebody was faster. It is theirs, and the copy will refuse.
            throw new IOException($"The file '{path}' exists already.");
        }

        NoteFolders(path);
        _files.Add(path);
        Write();
        MakeFolders();
    }

    /// <summary>Makes everything under the names that were written down durable.</summary>
    public void Sync()
    {
        foreach (var folder in _folders.SelectMany(folder => new[] { folder, Path.GetDirectoryName(folder)! }).Concat(_files.Select(file => Path.GetDirectoryName(file)!)).Distinct())
        {
            AtomicFile.SyncFolder(folder);
        }
    }

    /// <summary>Takes back what an import has made.</summary>
    public static void Undo(string configuration, ImportIntent intent)
    {
        foreach (var file in intent.Files)
        {
            AtomicFile.Sweep(file);
            AtomicFile.Delete(file);
        }

        AtomicFile.Sweep(configuration);
        if (intent.Original is { } original)
        {
            if (File.Exists(original))
            {
                AtomicFile.Copy(original, configuration);
            }
        }
        else
        {
            AtomicFile.Delete(configuration);
        }

        foreach (var folder in intent.Folders.Reverse().Where(folder => Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()))
        {
            Directory.Delete(folder);
        }
    }

    private void NoteFolders(string path)
    {
        var missing = new Stack<string>();
        for (var folder = Path.GetDirectoryName(path); folder is not null && !Directory.Exists(folder) && !_folders.Contains(folder); folder = Path.GetDirectoryName(folder))
        {
            missing.Push(folder);
        }

        _folders.AddRange(missing);
    }

    private void MakeFolders()
    {
        foreach (var folder in _folders)
        {
            Directory.CreateDirectory(folder);
        }
    }

    private void Write() => JsonFile.Write(_intentFile, new CreationIntent(_configuration, null, new ImportIntent([.. _files], [.. _folders], _original)), StoreJson.Default.CreationIntent);
}
