using System.Collections.Concurrent;
using Vireo.Host.Store;
using Vireo.Platform.Files;

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

    /// <summary>Writes down that a file is about to be made, and makes its folder. Asking again changes nothing.</summary>
    /// <exception cref="IOException">There is one of that name: it is somebody else's.</exception>
    public StorageMoveRecord Making(StorageMoveRecord record, string path, bool isImage)
    {
        if (record.MadeImages.Contains(path) || record.MadeFiles.Contains(path))
        {
            // It is made again: whoever began to may have died.
            return record;
        }

        if (Path.Exists(path))
        {
            throw new IOException($"The file '{path}' exists already.");
        }

        var missing = new Stack<string>();
        for (var folder = Path.GetDirectoryName(path); folder is not null && !Directory.Exists(folder); folder = Path.GetDirectoryName(folder))
        {
            missing.Push(folder);
        }

        var noted = Write(record with
        {
            MadeImages = isImage ? [.. record.MadeImages, path] : record.MadeImages,
            MadeFiles = isImage ? record.MadeFiles : [.. record.MadeFiles, path],
            MadeFolders = [.. record.MadeFolders, .. missing],
        });
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
            .Concat(record.MadeImages.Concat(record.MadeFiles).Select(file => Path.GetDirectoryName(file)!)).Distinct())
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
