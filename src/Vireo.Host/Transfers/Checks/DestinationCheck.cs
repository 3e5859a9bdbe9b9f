using Vireo.Commands.Services;
using Vireo.Host.Store;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Where copies go: folders that can be written to, room, and no files in the way.</summary>
internal sealed class DestinationCheck : IImportCheck
{
    private const string OtherFolder = "Compare-VM -Copy with another -VhdDestinationPath, -VirtualMachinePath or -SnapshotFilePath";

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var layout = facts.Layout;
        var configuration = MachineStore.ConfigurationFile(layout.Machine);
        var targets = layout.Files.Select(file => file.Target).ToList();
        foreach (var target in targets.Concat(facts.Plan.Request.Copy ? [configuration] : []).Where(facts.FileExists))
        {
            yield return new(IncompatibilityKind.DestinationFileExists, $"The file '{target}' is where a copy should go.", OtherFolder);
        }

        var folders = targets.Append(configuration).Select(target => Path.GetDirectoryName(target)!).Distinct().ToList();
        foreach (var folder in folders)
        {
            if (facts.FolderProblem(folder) is { } problem)
            {
                yield return new(IncompatibilityKind.DestinationPathInvalid, $"The folder '{folder}' cannot be used: {problem}", OtherFolder);
            }
        }

        // Folders may share a file system: all that goes to one whose free space is the same number is counted together.
        foreach (var store in layout.Files.GroupBy(file => facts.FreeBytes(Path.GetDirectoryName(file.Target)!)))
        {
            var needed = store.Sum(file => file.Bytes);
            if (store.Key is { } free && needed > free)
            {
                yield return new(
                    IncompatibilityKind.DestinationSpace, $"The copies need {needed >> 20} MB in '{Path.GetDirectoryName(store.First().Target)}', and {free >> 20} MB are free.", OtherFolder);
            }
        }
    }
}
