using Vireo.Commands.Services;
using Vireo.Host.Machines.Checkpoints;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Saved memory: there, and something that this host can continue.</summary>
internal sealed class SavedStateCheck : IImportCheck
{
    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var (plan, machine) = (facts.Plan, facts.Machine);
        if (machine.HasSavedState && plan.IsForeign)
        {
            yield return new(
                IncompatibilityKind.SavedStateVersion, $"The memory of '{machine.Name}' was saved by Hyper-V and cannot be continued here; without it the guest starts as after a power cut.", "Remove-VMSavedState");
        }
        else if (machine.HasSavedState)
        {
            var file = Path.Combine(Path.GetDirectoryName(plan.Request.Path)!, $"{plan.SourceId:D}.state");
            if (!facts.FileExists(file))
            {
                yield return new(IncompatibilityKind.SavedStateMissing, $"The virtual machine '{machine.Name}' is saved, and its memory '{file}' is missing.", "Remove-VMSavedState");
            }
            else if (facts.StateProblem(file) is { } problem)
            {
                yield return new(IncompatibilityKind.SavedStateVersion, $"The saved memory of '{machine.Name}' cannot be continued: {problem}", "Remove-VMSavedState");
            }
        }

        var source = machine with { SnapshotFileLocation = plan.SourceSnapshots };
        foreach (var checkpoint in machine.Checkpoints.All.Where(one => one.HasState))
        {
            var old = plan.Identities.FirstOrDefault(pair => pair.Value == checkpoint.Id).Key;
            var file = CheckpointFiles.State(source, old == Guid.Empty ? checkpoint.Id : old);
            if (!facts.FileExists(file))
            {
                yield return new(
                    IncompatibilityKind.SavedStateMissing, $"The memory '{file}' of the checkpoint '{checkpoint.Name}' is missing.", "Remove-VMSavedState -VMSnapshot", IncompatibleObject.Checkpoint, checkpoint.Id);
            }
        }
    }
}
