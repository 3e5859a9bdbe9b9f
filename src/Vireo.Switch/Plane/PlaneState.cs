using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Control.Switching;
using Vireo.Platform.Files;

namespace Vireo.Switch.Plane;

/// <summary>What the plane needs to come back alone.</summary>
/// <param name="Version">Of this format; a newer one is refused.</param>
/// <param name="Switches">Every switch.</param>
/// <param name="Ports">Every port.</param>
internal sealed record PlaneState(int Version, IReadOnlyList<SwitchRecord> Switches, IReadOnlyList<PortSpecification> Ports)
{
    /// <summary>The version this program writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Reads the state; an empty one where there is no file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged or comes from a newer version.</exception>
    public static PlaneState Load(string path)
    {
        if (!File.Exists(path))
        {
            return new PlaneState(CurrentVersion, [], []);
        }

        PlaneState? state;
        try
        {
            state = JsonSerializer.Deserialize(File.ReadAllBytes(path), PlaneJson.Default.PlaneState);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"The file '{path}' is damaged: {exception.Message} Restore it, or remove it to begin without switches.", exception);
        }

        return state is { Version: <= CurrentVersion }
            ? state
            : throw new InvalidDataException($"The file '{path}' was written by a newer version of Vireo; run that version, or remove the file to begin without switches.");
    }

    /// <summary>Replaces the file.</summary>
    public void Save(string path) => AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this, PlaneJson.Default.PlaneState));
}

/// <summary>A switch, and what was decided about it once.</summary>
/// <param name="Switch">What was asked for.</param>
/// <param name="NatSubnet">Network behind the address translation, in prefix notation.</param>
/// <param name="Failures">Extensions that were cut off.</param>
internal sealed record SwitchRecord(SwitchSpecification Switch, string? NatSubnet, IReadOnlyList<Extensions.ExtensionFailure>? Failures = null);

/// <summary>How the plane's files look.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(PlaneState))]
[JsonSerializable(typeof(Extensions.StalledExtension))]
[JsonSerializable(typeof(List<Extensions.Deaths.PlaneDeath>))]
[JsonSerializable(typeof(IReadOnlyDictionary<Guid, IReadOnlyList<PortAclStatistics>>))]
[JsonSerializable(typeof(Nat.DnsmasqRecord))]
internal sealed partial class PlaneJson : JsonSerializerContext;
