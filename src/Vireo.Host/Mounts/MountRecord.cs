using Vireo.Host.Store;
using Vireo.Platform.Files;

namespace Vireo.Host.Mounts;

/// <summary>A mount as its file has it. Without a device it is being made or undone, and is undone when the host finds it so.</summary>
internal sealed record MountRecord
{
    /// <summary>The version that is written.</summary>
    public const int NewestVersion = 1;

    /// <summary>Version of the file's layout.</summary>
    public int FormatVersion { get; set; } = NewestVersion;

    /// <summary>Identity; also that of the disk in the storage plane.</summary>
    public required Guid Id { get; init; }

    /// <summary>The virtual hard disk.</summary>
    public required string Path { get; init; }

    /// <summary>Nothing is written to it.</summary>
    public bool ReadOnly { get; set; }

    /// <summary>The block device.</summary>
    public string? DevicePath { get; set; }

    /// <summary>Its number.</summary>
    public uint Number { get; set; }
}

/// <summary>Mounts on disk: one file each, <c>mounts/&lt;id&gt;.json</c>, there before the first step and until after the last.</summary>
/// <param name="stateFolder">State folder of the host.</param>
internal sealed class MountStore(string stateFolder)
{
    private readonly string _folder = Path.Combine(stateFolder, "mounts");

    /// <summary>Every mount.</summary>
    public IReadOnlyList<MountRecord> Load()
    {
        Directory.CreateDirectory(_folder);
        AtomicFile.SweepFolder(_folder);
        return
        [
            .. Directory.EnumerateFiles(_folder, "*.json").Where(file => Guid.TryParse(Path.GetFileNameWithoutExtension(file), out _))
                .Select(file => JsonFile.Read(file, StoreJson.Default.MountRecord, static record => record.FormatVersion, MountRecord.NewestVersion)!),
        ];
    }

    /// <summary>Creates or replaces a mount's file.</summary>
    public void Save(MountRecord record) => JsonFile.Write(File(record.Id), record, StoreJson.Default.MountRecord);

    /// <summary>Removes it.</summary>
    public void Remove(Guid id) => AtomicFile.Delete(File(id));

    private string File(Guid id) => Path.Combine(_folder, $"{id:D}.json");
}
