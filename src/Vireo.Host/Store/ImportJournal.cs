using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Store;

/// <summary>What an import under way has made; found at a start, it is undone unless the machine is registered.</summary>
/// <param name="Files">Files that were made, or are about to be, under names that nobody else gives.</param>
/// <param name="Folders">Folders that were made for them, parents first.</param>
/// <param name="Original">A copy of the configuration that was there before, which comes back; null when there was none.</param>
/// <param name="Published">Files that have got their final names, or were about to; null is none.</param>
/// <param name="Id">Of the import, by which its registration is told from an older one of the same machine.</param>
/// <param name="IsShared">The configuration is another host's as long as the import does not count.</param>
internal sealed record ImportIntent(
    IReadOnlyList<string> Files, IReadOnlyList<string> Folders, string? Original, IReadOnlyList<PublishedFile>? Published = null, Guid? Id = null, bool IsShared = false);

/// <summary>
/// Writes down each file of an import before it is made. A copy takes hours, and all the while anybody may make a file of the name that the copy is to
/// have: so it is made under a name of the import's own, and gets its final one when it is whole and nobody has it.
/// </summary>
internal sealed class ImportJournal
{
    private readonly string _intentFile;
    private readonly string _configuration;
    private readonly List<string> _files = [];
    private readonly List<PublishedFile> _published = [];
    private readonly List<string> _folders = [];
    private readonly string? _original;
    private readonly bool _isShared;

    /// <summary>Of this import.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    /// <summary>Begins one.</summary>
    public ImportJournal(string intentFile, string configuration, string? original, bool isShared = false)
    {
        _isShared = isShared;
        _intentFile = intentFile;
        _configuration = configuration;
        _original = original;
        NoteFolders(configuration);
        Write();
        MakeFolders();
    }

    /// <summary>A file is about to be made; its folder is made now.</summary>
    /// <returns>The name under which it is to be made, beside its final one and with the same ending.</returns>
    /// <exception cref="IOException">There is a file already.</exception>
    public string Making(string path)
    {
        if (Path.Exists(path))
        {
            throw PublishedFile.Taken(path);
        }

        NoteFolders(path);
        var partial = Path.Combine(Path.GetDirectoryName(path)!, $".{Id:N}.{_files.Count}.partial{Path.GetExtension(path)}");
        _files.Add(partial);
        Write();
        MakeFolders();
        return partial;
    }

    /// <summary>The file is whole: it gets its final name, never over another one.</summary>
    /// <exception cref="IOException">Somebody was faster.</exception>
    public void Made(string path, string partial)
    {
        var published = PublishedFile.Of(path, partial);
        _published.Add(published);
        Write();
        CrashPoint.Hit("host.import.noted");
        published.TakeFrom(partial);
    }

    /// <summary>Makes everything under the names that were written down durable.</summary>
    public void Sync()
    {
        foreach (var folder in _folders.SelectMany(folder => new[] { folder, Path.GetDirectoryName(folder)! }).Concat(_files.Select(file => Path.GetDirectoryName(file)!)).Distinct())
        {
            AtomicFile.SyncFolder(folder);
        }
    }

    /// <summary>Takes back what an import has made; what somebody else has put under one of its names stays.</summary>
    public static void Undo(string configuration, ImportIntent intent)
    {
        // Before the others: as long as those are there, their numbers are nobody else's.
        foreach (var file in (intent.Published ?? []).Where(file => file.IsThere))
        {
            AtomicFile.Delete(file.Path);
        }

        foreach (var file in intent.Files)
        {
            AtomicFile.Sweep(file);
            AtomicFile.Delete(file);
        }

        if (!intent.IsShared)
        {
            RestoreConfiguration(configuration, intent);
        }

        foreach (var folder in intent.Folders.Reverse().Where(folder => Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any()))
        {
            Directory.Delete(folder);
        }
    }

    private static void RestoreConfiguration(string configuration, ImportIntent intent)
    {
        AtomicFile.Sweep(configuration);
        if (intent.Original is not { } original)
        {
            AtomicFile.Delete(configuration);
        }
        else if (File.Exists(original))
        {
            AtomicFile.Copy(original, configuration);
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

    private void Write() => JsonFile.Write(
        _intentFile, new CreationIntent(_configuration, null, new ImportIntent([.. _files], [.. _folders], _original, [.. _published], Id, _isShared)), StoreJson.Default.CreationIntent);
}
