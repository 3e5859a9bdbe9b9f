using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>The images that checkpoints stand on: they are opened when a checkpoint is applied, so they must be what a drive's must be.</summary>
internal sealed class CheckpointDiskCheck : IImportCheck
{
    private const string Resolution = "Remove-VMSnapshot";

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var machine = facts.Machine;
        if (machine.Checkpoints.All.Count == 0)
        {
            yield break;
        }

        // The same image is not reported twice; of what the machine's own drives stand on the drives' check has said whether it is whole.
        var told = machine.Drives.Where(drive => drive.Kind == DriveKind.HardDisk).Select(drive => drive.Path).ToHashSet();
        var seen = machine.Drives.SelectMany(drive => drive.Path is { } path && facts.Disks.TryGetValue(path, out var disk) ? disk.Chain.Select(image => image.Path) : []).ToHashSet();
        var owners = facts.Plan.Request.Copy ? [] : ImageOwners.Of(facts.Machines, facts.RealPath);
        foreach (var checkpoint in machine.Checkpoints.All)
        {
            foreach (var path in MachinePaths.Disks(checkpoint.Machine).Where(path => told.Add(path)))
            {
                if (DiskRules.PlaceProblem(facts, path) is { } place)
                {
                    yield return On(place.Kind, place.Message);
                }
                else if (!facts.Disks.TryGetValue(path, out var disk) || disk.Info is not { } info)
                {
                    if (!seen.Contains(path))
                    {
                        yield return On(
                            IncompatibilityKind.AttachmentNotFound,
                            $"The image '{path}' of the checkpoint '{checkpoint.Name}' {(facts.FileExists(path) ? $"cannot be used: {disk?.Error?.Message}" : "does not exist")}.");
                    }
                }
                else if (DiskRules.FormatProblem(info) is { } format)
                {
                    yield return On(format.Kind, format.Message);
                }
                else if (owners.TryGetValue(facts.RealPath(path), out var owner))
                {
                    yield return On(IncompatibilityKind.DiskInUse, $"The image '{path}' of the checkpoint '{checkpoint.Name}' belongs to the virtual machine '{owner}'.");
                }
            }

            Incompatibility On(IncompatibilityKind kind, string message) => new(kind, message, Resolution, IncompatibleObject.Checkpoint, checkpoint.Id);
        }
    }
}
