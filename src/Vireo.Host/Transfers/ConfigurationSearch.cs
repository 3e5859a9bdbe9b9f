using Vireo.Commands.Support;
using Vireo.Host.Store;

namespace Vireo.Host.Transfers;

/// <summary>Finds the configuration files of machines: <c>&lt;id&gt;.json</c> of Vireo, <c>.xml</c> and <c>.vmcx</c> of Hyper-V.</summary>
internal static class ConfigurationSearch
{
    /// <summary>Folder of checkpoints' files.</summary>
    public const string CheckpointFolder = "Snapshots";

    private const int MaximumDepth = 10;
    private const int MaximumFiles = 10_000;

    /// <summary>What is below a folder, or the file itself.</summary>
    /// <exception cref="Commands.Framework.CommandException">Nothing is there.</exception>
    public static IReadOnlyList<string> Find(string path)
    {
        var full = Path.GetFullPath(path);
        if (File.Exists(full))
        {
            return [full];
        }

        if (!Directory.Exists(full))
        {
            throw Errors.Invalid($"The path '{path}' does not exist.", path);
        }

        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = MaximumDepth, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };
        var found = Directory.EnumerateFiles(full, "*", options)
            .Where(IsConfiguration)
            .Take(MaximumFiles)
            .GroupBy(file => Path.ChangeExtension(file, null), StringComparer.OrdinalIgnoreCase)
            .Select(Newest)
            .Order(StringComparer.Ordinal)
            .ToList();
        return found.Count > 0 ? found : throw Errors.NotFound($"There is no configuration of a virtual machine below '{path}' (<id>.json, <id>.xml or <id>.vmcx).", path);
    }

    private static bool IsConfiguration(string file)
    {
        var folder = Path.GetFileName(Path.GetDirectoryName(file));
        return Guid.TryParse(Path.GetFileNameWithoutExtension(file), out _)
            && !ExportJournal.IsPartial(file)
            && !Is(folder, CheckpointFolder)
            && Path.GetExtension(file).ToUpperInvariant() switch
            {
                // The host keeps other files of such names elsewhere.
                ".JSON" => Is(folder, MachineStore.ConfigurationFolder),
                ".XML" or ".VMCX" => true,
                _ => false,
            };
    }

    // A machine of Hyper-V that was registered where it lies has both.
    private static string Newest(IEnumerable<string> files) =>
        files.OrderBy(file => Path.GetExtension(file).ToUpperInvariant() switch { ".JSON" => 0, ".VMCX" => 1, _ => 2 }).First();

    private static bool Is(string? name, string wanted) => string.Equals(name, wanted, StringComparison.OrdinalIgnoreCase);
}
