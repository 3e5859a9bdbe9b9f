using Vireo.Commands.Services;
using Vireo.Control.Storage;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>The images of drives and checkpoints: there, whole, of a format and size that a drive can have, and nobody else's.</summary>
internal sealed class DiskCheck : IImportCheck
{
    private const int ManyParents = 32;
    private const long MaximumVhdBytes = 2040L << 30;
    private const long MaximumVhdxBytes = 64L << 40;
    private const string SetDisk = "Set-VMHardDiskDrive -Path, or Remove-VMHardDiskDrive";

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        foreach (var drive in facts.Machine.Drives.Where(drive => drive.Path is not null))
        {
            var found = drive.Kind == DriveKind.Dvd ? CheckMedium(facts, drive) : CheckDisk(facts, drive);
            foreach (var one in found)
            {
                yield return one;
            }
        }

        // Only what the machine's own drives do not stand on: the same image is not reported twice.
        var told = facts.Machine.Drives.SelectMany(drive => drive.Path is { } path && facts.Disks.TryGetValue(path, out var disk) ? disk.Chain.Select(image => image.Path).Append(path) : []).ToHashSet();
        foreach (var checkpoint in facts.Machine.Checkpoints.All)
        {
            foreach (var path in MachinePaths.Disks(checkpoint.Machine).Where(path => told.Add(path)))
            {
                if (!facts.Disks.TryGetValue(path, out var disk) || disk.Info is null)
                {
                    yield return new(
                        IncompatibilityKind.AttachmentNotFound, $"The image '{path}' of the checkpoint '{checkpoint.Name}' {(facts.FileExists(path) ? $"cannot be used: {disk?.Error?.Message}" : "does not exist")}.",
                        "Remove-VMSnapshot", IncompatibleObject.Checkpoint, checkpoint.Id);
                }
            }
        }
    }

    private static IEnumerable<Incompatibility> CheckMedium(ImportFacts facts, DriveConfiguration drive)
    {
        // Nothing but media: a configuration from elsewhere must not make files of this host readable in a guest.
        if (!facts.FileExists(drive.Path!) || !Path.GetExtension(drive.Path!).Equals(".iso", StringComparison.OrdinalIgnoreCase))
        {
            yield return new(
                IncompatibilityKind.RemovableMediaMissing, $"Could not find the medium '{drive.Path}'; the drive will be empty.", "Set-VMDvdDrive -Path", IncompatibleObject.Drive, drive.Id);
        }
    }

    private static IEnumerable<Incompatibility> CheckDisk(ImportFacts facts, DriveConfiguration drive)
    {
        var path = drive.Path!;
        if (path.StartsWith(@"\\.\", StringComparison.Ordinal) || path.StartsWith("/dev/", StringComparison.Ordinal) || path.Contains("PhysicalDrive", StringComparison.OrdinalIgnoreCase))
        {
            yield return On(IncompatibilityKind.PassthroughDiskMissing, $"The drive '{path}' was a physical disk of the source's host.", SetDisk);
            yield break;
        }

        if (!facts.FileExists(path))
        {
            yield return path.StartsWith(@"\\", StringComparison.Ordinal)
                ? On(IncompatibilityKind.SharePathUnmapped, $"The disk '{path}' is on a share that has no folder on this host.", "Set-VMHost -ParentFolder, or " + SetDisk)
                : On(IncompatibilityKind.VirtualDiskFileMissing, $"Could not find the disk '{path}'.", SetDisk);
            yield break;
        }

        if (Path.GetExtension(path).ToUpperInvariant() is not (".VHDX" or ".AVHDX" or ".VHD" or ".AVHD"))
        {
            yield return On(IncompatibilityKind.DiskFormatUnsupported, $"The disk '{path}' is neither VHDX nor VHD.", SetDisk);
            yield break;
        }

        foreach (var found in CheckUse(facts, drive).Concat(CheckImage(facts, drive)))
        {
            yield return found;
        }

        Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.Drive, drive.Id);
    }

    private static IEnumerable<Incompatibility> CheckUse(ImportFacts facts, DriveConfiguration drive)
    {
        if (facts.Machine.Drives.Any(other => other.Id != drive.Id && other.Path == drive.Path && other.Kind == DriveKind.HardDisk))
        {
            yield return new(IncompatibilityKind.DiskInUse, $"Two drives have the disk '{drive.Path}'.", SetDisk, IncompatibleObject.Drive, drive.Id);
        }

        if (facts.Plan.Request.Copy)
        {
            yield break;
        }

        var owner = facts.Machines.FirstOrDefault(machine => MachinePaths.Disks(machine).Contains(drive.Path));
        if (owner is not null)
        {
            yield return new(
                IncompatibilityKind.DiskInUse, $"The disk '{drive.Path}' belongs to the virtual machine '{owner.Name}'.", "Import-VM -Copy -GenerateNewId, or " + SetDisk, IncompatibleObject.Drive, drive.Id);
        }

        if (facts.Disks.TryGetValue(drive.Path!, out var disk) && !disk.IsWritable)
        {
            yield return new(IncompatibilityKind.DiskReadOnly, $"The disk '{drive.Path}' cannot be written to.", "Import-VM -Copy", IncompatibleObject.Drive, drive.Id);
        }
    }

    private static IEnumerable<Incompatibility> CheckImage(ImportFacts facts, DriveConfiguration drive)
    {
        var disk = facts.Disks.GetValueOrDefault(drive.Path!);
        if (disk?.Info is not { } info)
        {
            yield return Unusable(drive, disk?.Error);
            yield break;
        }

        if (info.InUse)
        {
            yield return On(IncompatibilityKind.DiskInUse, $"The disk '{info.Path}' is open in another program.", "");
        }

        var isVhdx = Path.GetExtension(info.Path).ToUpperInvariant() is ".VHDX" or ".AVHDX";
        if (info.Format != (isVhdx ? ImageFormat.Vhdx : ImageFormat.Vhd))
        {
            yield return On(IncompatibilityKind.DiskFormatUnsupported, $"The disk '{info.Path}' is not what its name says: it holds {info.Format}.", SetDisk);
        }

        if (info.SizeBytes <= 0 || info.SizeBytes > (info.Format == ImageFormat.Vhd ? MaximumVhdBytes : MaximumVhdxBytes))
        {
            yield return On(IncompatibilityKind.DiskCapacityLimit, $"The disk '{info.Path}' has {info.SizeBytes} bytes, which its format does not allow.", SetDisk);
        }

        if (info.LogicalSectorBytes is not (512 or 4096) || (drive.Bus == DriveBus.Ide && info.LogicalSectorBytes != 512))
        {
            yield return On(
                IncompatibilityKind.SectorSizeUnsupported, $"The disk '{info.Path}' has sectors of {info.LogicalSectorBytes} bytes, which the {(drive.Bus == DriveBus.Ide ? "IDE" : "SCSI")} controller does not have.",
                "Set-VMHardDiskDrive -ToControllerType SCSI");
        }

        if (disk.Chain.Count > ManyParents)
        {
            yield return On(IncompatibilityKind.ChainTooDeep, $"The disk '{info.Path}' stands on {disk.Chain.Count - 1} parents; each makes it slower.", "Merge-VHD");
        }

        Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.Drive, drive.Id);
    }

    private static Incompatibility Unusable(DriveConfiguration drive, Control.ControlError? error)
    {
        var (kind, resolution) = error?.ErrorId switch
        {
            "ParentNotFound" => (IncompatibilityKind.ParentDiskMissing, "Set-VHD -ParentPath"),
            "ParentMismatch" => (IncompatibilityKind.ParentIdMismatch, "Set-VHD -ParentPath -IgnoreIdMismatch, when it is the right one"),
            "ObjectInUse" => (IncompatibilityKind.DiskInUse, ""),
            "NotSupported" or "InvalidParameter" => (IncompatibilityKind.DiskFormatUnsupported, SetDisk),
            "OperationFailed" => (IncompatibilityKind.DiskHeaderCorrupt, "Test-VHD, then " + SetDisk),
            _ => (IncompatibilityKind.DiskInformationUnreadable, SetDisk),
        };
        return new(kind, $"The disk '{drive.Path}' cannot be used: {error?.Message ?? "it could not be looked at."}", resolution, IncompatibleObject.Drive, drive.Id);
    }
}
