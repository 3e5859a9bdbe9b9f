using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vireo.Control.Storage;

/// <summary>How the storage plane's control types look as JSON, generated at build time.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, UseStringEnumConverter = true, WriteIndented = false, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(DiskAttachment))]
[JsonSerializable(typeof(DiskStatus))]
[JsonSerializable(typeof(IReadOnlyList<DiskStatus>))]
[JsonSerializable(typeof(DiskMeter))]
[JsonSerializable(typeof(IReadOnlyList<DiskCounters>))]
[JsonSerializable(typeof(ChangeCheckpoint))]
[JsonSerializable(typeof(StartMirror))]
[JsonSerializable(typeof(StartMerge))]
[JsonSerializable(typeof(CompleteMirror))]
[JsonSerializable(typeof(CopyRate))]
[JsonSerializable(typeof(TakeSnapshot))]
[JsonSerializable(typeof(CopyStatus))]
[JsonSerializable(typeof(CreateImage))]
[JsonSerializable(typeof(ImagePath))]
[JsonSerializable(typeof(ParentFolders))]
[JsonSerializable(typeof(ImageWork))]
[JsonSerializable(typeof(ImageWorkRecord))]
[JsonSerializable(typeof(ImageInfo))]
[JsonSerializable(typeof(LayerSpecification))]
[JsonSerializable(typeof(LayerStatus))]
[JsonSerializable(typeof(StorageHealth))]
[JsonSerializable(typeof(StalledDisks))]
[JsonSerializable(typeof(ControlError))]
public sealed partial class StorageJson : JsonSerializerContext;
