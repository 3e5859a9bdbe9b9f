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

        var rooted = Rooted(tree);
        foreach (var one in tree.All.Where(one => !rooted.Contains(one.Id)))
        {
            yield return new(
                IncompatibilityKind.CheckpointTreeBroken, $"The checkpoint '{one.Name}' stands on one that is not there, or on itself.", "Remove-VMSnapshot", IncompatibleObject.Checkpoint, one.Id);
        }
    }

    // Those that lead to one without a parent. Each is looked at once, however long the chains are.
    private static HashSet<Guid> Rooted(CheckpointTreeConfiguration tree)
    {
        var children = tree.All.Where(one => one.ParentId is not null).ToLookup(one => one.ParentId!.Value, one => one.Id);
        var rooted = new HashSet<Guid>();
        for (var left = new Stack<Guid>(tree.All.Where(one => one.ParentId is null).Select(one => one.Id)); left.TryPop(out var id);)
        {
            if (rooted.Add(id))
            {
                foreach (var child in children[id])
                {
                    left.Push(child);
                }
            }
        }

        return rooted;
    }
}
