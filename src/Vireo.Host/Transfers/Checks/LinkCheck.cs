using Vireo.Commands.Services;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;

namespace Vireo.Host.Transfers.Checks;

/// <summary>
/// Saved memory, firmware variables and keys lie in the machine's folder under names that nobody chose. A link there would have the guest read, or the
/// host write, a file that belongs to somebody else.
/// </summary>
internal sealed class LinkCheck : IImportCheck
{
    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var below = facts.RealPath(facts.Plan.SourceFolder).TrimEnd('/') + "/";
        foreach (var file in Files(facts).Distinct().Where(facts.FileExists))
        {
            if (facts.RealPath(file) is var real && !real.StartsWith(below, StringComparison.Ordinal))
            {
                yield return new(
                    IncompatibilityKind.FileOutsideFolder, $"'{file}' leads out of the folder of the virtual machine '{facts.Machine.Name}', to '{real}'.", "Put the file itself where the link is, or remove the link.");
            }
        }
    }

    private static IEnumerable<string> Files(ImportFacts facts)
    {
        var machine = facts.Layout.Machine;
        var copied = facts.Layout.Files.Where(file => file.Manner == CopyManner.State).Select(file => file.Source);
        return facts.Plan.Request.Copy ? copied : copied
            .Concat([MachineStore.SavedStateFile(machine), MachineStore.FirmwareFile(machine), MachineStore.TpmFile(machine)])
            .Concat(machine.Checkpoints.All.SelectMany(one => new[] { CheckpointFiles.State(machine, one.Id), CheckpointFiles.Firmware(machine, one.Id), CheckpointFiles.Tpm(machine, one.Id) }));
    }
}
