using System.Collections.Concurrent;
using Vireo.Host.Store;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mobility;

/// <summary>
/// Moves of storage under way, one file each in <c>moves</c>: <c>&lt;id&gt;.json</c> is there before the first file of the move is made, and until
/// nothing of it is left where it should not be.
/// </summary>
/// <param name="stateFolder">State folder of the host.</param>
internal sealed class StorageMoveJournal(string stateFolder)
{
    private readonly string _folder = Path.Combine(stateFolder, "moves");
    private readonly ConcurrentDictionary<Guid, StorageMoveRecord> _records = new();

    /// <summary>Reads what a host that ended left; what cannot be read is told and left alone.</summary>
    public void Load(Action<string> failed)
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        AtomicFile.SweepFolder(_folder);
        foreach (var file in Directory.EnumerateFiles(_folder, "*.json"))
        {
            try
            {
                var record = JsonFile.Read(file, StoreJson.Default.StorageMoveRecord, static _ => 1, 1)!;
                _records[record.Id] = record;
            }
            catch (Exception error) when (error is StateFileException or IOException or UnauthorizedAccessException)
            {
                failed($"What an interrupted move of storage left cannot be found ('{file}'): {error.Message}");
            }
        }
    }

    /// <summary>The moves of a machine, oldest first as far as that matters: all but one have counted already.</summary>
    public IReadOnlyList<StorageMoveRecord> Of(Guid machine) => _records.IsEmpty ? [] : [.. _records.Values.Where(record => record.MachineId == machine)];

    /// <summary>Writes a move down as it is now.</summary>
    public StorageMoveRecord Write(StorageMoveRecord record)
    {
        JsonFile.Write(FileOf(record.Id), record, StoreJson.Default.StorageMoveRecord);
        return _records[record.Id] = record;
    }

    /// <summary>
    /// Writes down that a copy is about to be made, and makes its folder. A copy takes hours, and all the while anybody may make a file of the name that
    /// it is to have: so it is made under a name of the move's own.
    /// </summary>
    /// <returns>The record, and the name under which to make the copy.</returns>
    /// <exception cref="IOException">There is a file already: it is somebody else's.</exception>
    public (StorageMoveRecord Record, string Partial) Copying(StorageMoveRecord record, string path)
    {
        var partial = Path.Combine(Path.GetDirectoryName(path)!, $".{record.Id:N}.{record.Partial.Count}.partial{Path.GetExtension(path)}");
        return (WithFolders(record with { Partial = [.. record.Partial, partial] }, path), partial);
    }

    /// <summary>Writes down that the configuration is about to be made at its new place. Asking again changes nothing.</summary>
    /// <exception cref="IOException">There is one: it is somebody else's.</exception>
    public StorageMoveRecord Configuring(StorageMoveRecord record, string path) =>
        record.MadeConfiguration == path ? record : WithFolders(record with { MadeConfiguration = path }, path);

    /// <summary>Makes the folder of an image that is about to be made.</summary>
    /// <exception cref="IOException">There is a file already: it is somebody else's.</exception>
    public StorageMoveRecord Creating(StorageMoveRecord record, string path) => WithFolders(record, path);

    /// <summary>
    /// An image was made under its name. When power fails before this an empty one is left over; the other way round somebody else's could be removed.
    /// </summary>
    public StorageMoveRecord Created(StorageMoveRecord record, string path) => Write(record with { MadeImages = [.. record.MadeImages, PublishedFile.Of(path, path)] });

    /// <summary>A copy is whole: it gets its name, never over another one.</summary>
    /// <exception cref="IOException">Somebody was faster.</exception>
    public StorageMoveRecord Copied(StorageMoveRecord record, string path, string partial, bool isImage)
    {
        var made = PublishedFile.Of(path, partial);
        var noted = Write(isImage ? record with { MadeImages = [.. record.MadeImages, made] } : record with { MadeFiles = [.. record.MadeFiles, made] });
        CrashPoint.Hit("host.move.noted");
        made.TakeFrom(partial);
        return noted;
    }

    private StorageMoveRecord WithFolders(StorageMoveRecord record, string path)
    {
        if (Path.Exists(path))
        {
            throw PublishedFile.Taken(path);
        }

        var missing = new Stack<string>();
        for (var folder = Path.GetDirectoryName(path); folder is not null && !Directory.Exists(folder); folder = Path.GetDirectoryName(folder))
        {
            missing.Push(folder);
        }

        var noted = Write(record with { MadeFolders = [.. record.MadeFolders, .. missing] });
        foreach (var folder in missing)
        {
            Directory.CreateDirectory(folder);
        }

        return noted;
    }

    /// <summary>Makes everything under the names that were written down durable.</summary>
    public static void Sync(StorageMoveRecord record)
    {
        foreach (var folder in record.MadeFolders.Select(folder => Path.GetDirectoryName(folder)!)
            .Concat(record.MadeImages.Concat(record.MadeFiles).Select(file => file.Path).Append(record.MadeConfiguration).OfType<string>().Select(file => Path.GetDirectoryName(file)!)).Distinct())
        {
            AtomicFile.SyncFolder(folder);
        }
    }

    /// <summary>Forgets a move.</summary>
    public void End(Guid id)
    {
        AtomicFile.Delete(FileOf(id));
        _records.TryRemove(id, out _);
    }

    private string FileOf(Guid id) => Path.Combine(_folder, $"{id:D}.json");
}
