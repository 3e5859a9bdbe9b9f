using System.Text.Json;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;
using Vireo.Machines.HyperV;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>What a configuration file says.</summary>
/// <param name="Machine">The machine; null when it cannot be read.</param>
/// <param name="Foreign">What it says when it is Hyper-V's; null when it is Vireo's own.</param>
/// <param name="Notes">What cannot be taken over, or why it cannot be read.</param>
internal sealed record ConfigurationRead(VirtualMachineConfiguration? Machine, ForeignMachine? Foreign, IReadOnlyList<Incompatibility> Notes)
{
    /// <summary>The file is Hyper-V's.</summary>
    public bool IsForeign => Foreign is not null;
}

/// <summary>Reads configuration files from elsewhere. What is in them is not trusted.</summary>
internal static class ConfigurationReader
{
    private const long MaximumBytes = 32L << 20;

    /// <summary>Reads a file; a file that cannot be read is an answer, not an error.</summary>
    public static ConfigurationRead Read(string path)
    {
        byte[] content;
        try
        {
            content = RegularFile.ReadAllBytes(path, MaximumBytes);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return Unreadable(path, refused.Message);
        }

        try
        {
            return Path.GetExtension(path).ToUpperInvariant() switch
            {
                ".JSON" => ReadOwn(path, content),
                ".XML" => ReadForeign(path, XmlSettings.Parse(content)),
                ".VMCX" => ReadForeign(path, BinarySettings.Parse(content)),
                _ => Unreadable(path, "its name does not end in .json, .xml or .vmcx"),
            };
        }
        catch (Exception damage) when (damage is JsonException or SettingsFormatException)
        {
            return Unreadable(path, damage.Message);
        }
    }

    private static ConfigurationRead ReadOwn(string path, byte[] content)
    {
        var version = JsonSerializer.Deserialize(content, ImportJson.Default.FormatProbe)?.FormatVersion;
        if (version > VirtualMachineConfiguration.CurrentFormatVersion)
        {
            return new(null, null, [new(
                IncompatibilityKind.ConfigurationVersionTooNew,
                $"The configuration '{path}' was written by a newer version of Vireo (layout {version}, this version knows {VirtualMachineConfiguration.CurrentFormatVersion}); update this host.",
                Object: IncompatibleObject.None)]);
        }

        var machine = JsonSerializer.Deserialize(content, CompleteJson.Machine);
        return machine is null ? Unreadable(path, "it is empty")
            : ConfigurationSanity.Problem(machine) is { } problem ? Unreadable(path, problem)
            : new(machine, null, []);
    }

    private static ConfigurationRead ReadForeign(string path, SettingsNode root)
    {
        var read = ForeignMachine.Read(root, File.GetLastWriteTimeUtc(path));
        if (read.IsCheckpoint)
        {
            return Unreadable(path, "it is that of a checkpoint; the machine's own has the checkpoint with it");
        }

        return new(read.Machine, read, [.. read.Notes.Select(note => ForeignNotes.Of(note, path))]);
    }

    private static ConfigurationRead Unreadable(string path, string reason) => new(null, null, [new(
        IncompatibilityKind.ConfigurationUnreadable, $"The configuration '{path}' cannot be read: {reason}.", Object: IncompatibleObject.None)]);
}
