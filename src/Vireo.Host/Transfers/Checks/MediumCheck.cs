using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Media of DVD and floppy drives, now and at checkpoints: what is none leaves its drive empty.</summary>
internal sealed class MediumCheck : IImportCheck
{
    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var told = new HashSet<string>();
        foreach (var drive in facts.Machine.Drives.Where(drive => IsLost(drive)))
        {
            told.Add(drive.Path!);
            yield return new(
                IncompatibilityKind.RemovableMediaMissing, $"Could not find the medium '{drive.Path}'; the drive will be empty.", "Set-VMDvdDrive -Path", IncompatibleObject.Drive, drive.Id);
        }

        if (LostFloppy(facts.Machine) is { } floppy)
        {
            told.Add(floppy);
            yield return new(
                IncompatibilityKind.RemovableMediaMissing, $"Could not find a floppy disk of its own '{floppy}' (.vfd, up to 2.88 MB); the drive will be empty.", "Set-VMFloppyDiskDrive -Path");
        }

        foreach (var checkpoint in facts.Machine.Checkpoints.All)
        {
            foreach (var path in checkpoint.Machine.Drives.Where(IsLost).Select(drive => drive.Path).Append(LostFloppy(checkpoint.Machine)).OfType<string>().Where(told.Add))
            {
                yield return new(
                    IncompatibilityKind.RemovableMediaMissing, $"Could not find the medium '{path}' of the checkpoint '{checkpoint.Name}'; the drive will be empty.", "", IncompatibleObject.Checkpoint, checkpoint.Id);
            }
        }

        bool IsLost(DriveConfiguration drive) => drive is { Kind: DriveKind.Dvd, Path: { } path } && ImportedMedia.Dvd(facts, path) is null;
        string? LostFloppy(VirtualMachineConfiguration machine) => machine is { Generation: 1, FloppyPath: { } path } && ImportedMedia.Floppy(facts, path) is null ? path : null;
    }
}
