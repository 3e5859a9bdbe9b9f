using Vireo.Host.Store;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>An export under way.</summary>
/// <param name="Id">Of this record.</param>
/// <param name="Folder">The hidden folder in which it is made.</param>
internal sealed record ExportRecord(Guid Id, string Folder);

/// <summary>
/// Exports under way, one file each in <c>exports</c>: <c>&lt;id&gt;.json</c> is there before the first file of the export, and until it has its name
/// or nothing of it is left.
/// </summary>
/// <param name="stateFolder">State folder of the host.</param>
internal sealed class ExportJournal(string stateFolder)
{
    private const string Ending = ".partial";
    private readonly string _folder = Path.Combine(stateFolder, "exports");

    /// <summary>Whether a path leads into an export that is not complete.</summary>
    public static bool IsPartial(string path) => path.Split('/').Any(static part => part.StartsWith('.') && part.EndsWith(Ending, StringComparison.Ordinal));

    /// <summary>Writes an export down that is about to be made beside its final place.</summary>
    public ExportRecord Begin(string final)
    {
        var id = Guid.NewGuid();
        var record = new ExportRecord(id, Path.Combine(Path.GetDirectoryName(final)!, $".{Path.GetFileName(final)}.{id:N}{Ending}"));
        JsonFile.Write(FileOf(id), record, StoreJson.Default.ExportRecord);
        return record;
    }

    /// <summary>Ends an export: what has not got its final name goes.</summary>
    public void End(ExportRecord record)
    {
        if (Directory.Exists(record.Folder))
        {
            Directory.Delete(record.Folder, recursive: true);
            AtomicFile.SyncFolder(Path.GetDirectoryName(record.Folder)!);
        }

        AtomicFile.Delete(FileOf(record.Id));
    }

    /// <summary>Ends what a host that died left. What cannot be ended, because its disk is away, is told and tried at the next start.</summary>
    public void Recover(Action<string> failed)
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        AtomicFile.SweepFolder(_folder);
        foreach (var file in Directory.EnumerateFiles(_folder, "*.json").ToList())
        {
            try
            {
                var record = JsonFile.Read(file, StoreJson.Default.ExportRecord, static _ => 1, 1)!;
                if (IsPartial(record.Folder))
                {
                    End(record with { Id = Guid.Parse(Path.GetFileNameWithoutExtension(file)) });
                }
            }
            catch (Exception error) when (error is StateFileException or IOException or UnauthorizedAccessException or FormatException)
            {
                failed($"What an interrupted export left could not be deleted yet ('{file}'): {error.Message}");
            }
        }
    }

    private string FileOf(Guid id) => Path.Combine(_folder, $"{id:D}.json");
}
