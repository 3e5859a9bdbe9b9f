using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Control.Storage;
using Vireo.Platform.Files;

namespace Vireo.Storage.Plane;

/// <summary>A disk that should be open, with the layers that were asked for.</summary>
/// <param name="Attachment">The disk.</param>
/// <param name="Layers">From the image upwards; without those that the plane always adds.</param>
/// <param name="Change">What is being done to it, for a plane that is killed in the middle.</param>
/// <param name="TlsAddress">Where it was served to other hosts, so that they find it there again.</param>
public sealed record DiskRecord(DiskAttachment Attachment, IReadOnlyList<LayerSpecification> Layers, DiskChange? Change = null, string? TlsAddress = null);

/// <summary>A disk that was closed when the target of its mirror had everything: for whoever asks again, because the answer was lost.</summary>
/// <param name="Disk">As it was then.</param>
/// <param name="Copy">The mirror.</param>
public sealed record HandedOverDisk(DiskStatus Disk, CopyStatus Copy);

/// <summary>What the plane needs to come back alone, as a file.</summary>
/// <param name="Version">2. An older file is upgraded, a newer one refused.</param>
/// <param name="Disks">Disks that should be open.</param>
/// <param name="Parents">Where parents are looked for; null for nowhere but where images say.</param>
/// <param name="HandedOver">The last disks that went on elsewhere, the oldest first; without those that are open again.</param>
public sealed record StorageState(
    int Version, IReadOnlyList<DiskRecord> Disks, IReadOnlyList<ParentFolder>? Parents = null, IReadOnlyList<HandedOverDisk>? HandedOver = null)
{
    /// <summary>The version that is written.</summary>
    public const int CurrentVersion = 2;

    /// <summary>Reads the file; an empty state when there is none.</summary>
    /// <exception cref="InvalidDataException">The file is damaged or of a newer version.</exception>
    public static StorageState Load(string path)
    {
        if (!File.Exists(path))
        {
            return new StorageState(CurrentVersion, []);
        }

        try
        {
            var state = JsonSerializer.Deserialize(File.ReadAllBytes(path), StorageStateJson.Default.StorageState)
                ?? throw new InvalidDataException($"The state file '{path}' is empty; remove it to start without disks.");
            return state.Version <= CurrentVersion
                ? state
                : throw new InvalidDataException($"The state file '{path}' has version {state.Version}, written by a newer Vireo; this one reads up to {CurrentVersion}.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"The state file '{path}' cannot be read: {exception.Message} Remove it to start without disks.", exception);
        }
    }

    /// <summary>Replaces the file, atomically.</summary>
    /// <exception cref="IOException">The file system refused; the old file is untouched.</exception>
    public void Save(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, StorageStateJson.Default.StorageState));
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, WriteIndented = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(StorageState))]
internal sealed partial class StorageStateJson : JsonSerializerContext;
