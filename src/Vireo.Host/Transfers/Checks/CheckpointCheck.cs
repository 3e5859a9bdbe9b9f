using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Checkpoints: one tree, not too many.</summary>
internal sealed class CheckpointCheck : IImportCheck
{
    private const int MaximumCheckpoints = 50;

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var (machine, tree) = (facts.Machine, facts.Machine.Checkpoints);
        if (tree.All.Count == 0)
        {
            yield break;
        }

        yield return new(IncompatibilityKind.CheckpointPresent, $"The virtual machine '{machine.Name}' has {tree.All.Count} checkpoint(s); they are imported with it.");
        if (tree.All.Count > MaximumCheckpoints)
        {
            yield return new(
                IncompatibilityKind.CheckpointLimit, $"The virtual machine '{machine.Name}' has {tree.All.Count} checkpoints; it can have {MaximumCheckpoints}.", "Remove-VMSnapshot", IncompatibleObject.Checkpoint, tree.All[0].Id);
        }

        foreach (var one in tree.All.Where(one => !ReachesRoot(tree, one)))
        {
            yield return new(
                IncompatibilityKind.CheckpointTreeBroken, $"The checkpoint '{one.Name}' stands on one that is not there, or on itself.", "Remove-VMSnapshot", IncompatibleObject.Checkpoint, one.Id);
        }
    }

    private static bool ReachesRoot(CheckpointTreeConfiguration tree, CheckpointConfiguration one)
    {
        var at = one;
        for (var steps = 0; steps <= tree.All.Count; steps++)
        {
            if (at.ParentId is not { } parent)
            {
                return true;
            }

            if (tree.All.FirstOrDefault(other => other.Id == parent) is not { } next)
            {
                return false;
            }

            at = next;
        }

        return false;
    }
}
