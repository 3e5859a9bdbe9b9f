using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;

namespace Vireo.Machines.Running;

/// <summary>What was being done with a process when its record was written.</summary>
public enum MachineIntent
{
    /// <summary>Nothing: its guest runs or is paused.</summary>
    None,

    /// <summary>A cold start; its guest has not run.</summary>
    Starting,

    /// <summary>A saved state is being read; its guest has not run.</summary>
    Restoring,

    /// <summary>Its guest is about to run; from here on it is not undone.</summary>
    Running,

    /// <summary>Its state is being written to a file.</summary>
    Saving,

    /// <summary>Its guest stands still for a checkpoint, and goes on.</summary>
    Checkpoint,

    /// <summary>Its memory is being sent to another host; its guest goes on here.</summary>
    Departing,

    /// <summary>Its guest stands still while it is handed to another host: whether it goes on here is for that host to say.</summary>
    Leaving,
}

/// <summary>
/// What is written down of a running process, beside its run folder, so that whoever comes after us finds it again: which process it is,
/// what it was started from and what was under way. Not in the folder: there the process itself may write.
/// </summary>
internal sealed record MachineRecord
{
    public const int CurrentFormatVersion = 1;

    public int FormatVersion { get; set; } = CurrentFormatVersion;

    /// <summary>The process; null in the moment before it is started.</summary>
    public ProcessIdentity? Process { get; set; }

    /// <summary>Its trusted platform module; null when it has none.</summary>
    public ProcessIdentity? Tpm { get; set; }

    public required DateTimeOffset StartedAt { get; init; }

    public required VirtualMachineConfiguration Configuration { get; init; }

    public required MachineRuntimePlan Plan { get; init; }

    public required DeviceSlots Slots { get; init; }

    public required string CommandLine { get; init; }

    public IReadOnlyList<string> ControlGroupFolders { get; set; } = [];

    public MachineIntent Intent { get; set; }

    /// <summary>File of the saved state that is being written.</summary>
    public string? SavingTo { get; set; }

    /// <summary>The guest was paused when saving began.</summary>
    public bool WasPaused { get; set; }

    /// <summary>Reads the record of <paramref name="runFolder"/>; null when there is none or it cannot be understood.</summary>
    public static MachineRecord? Read(string runFolder)
    {
        var path = PathOf(runFolder);
        try
        {
            var record = File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), MachineJson.Default.MachineRecord) : null;
            return record?.FormatVersion == CurrentFormatVersion ? record : null;
        }
        catch (Exception exception) when (exception is JsonException or IOException)
        {
            // Left by another version. The process, if any, is then found by its command line.
            return null;
        }
    }

    /// <summary>Writes it.</summary>
    public void Write() => AtomicFile.Write(PathOf(Plan.RunFolder), JsonSerializer.SerializeToUtf8Bytes(this, MachineJson.Default.MachineRecord));

    /// <summary>Deletes it.</summary>
    public static void Delete(string runFolder) => AtomicFile.Delete(PathOf(runFolder));

    private static string PathOf(string runFolder) => $"{runFolder}.json";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(MachineRecord))]
[JsonSerializable(typeof(SavedStateHeader))]
internal sealed partial class MachineJson : JsonSerializerContext;
