using Vireo.Commands.Services;
using Vireo.Control.Storage;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>The images of hard disk drives: there, whole, of a format and size that a drive can have, and nobody else's.</summary>
internal sealed class DiskCheck : IImportCheck
{
    private const int ManyParents = 32;
    private const long MaximumVhdBytes = 2040L << 30;
    private const long MaximumVhdxBytes = 64L << 40;
    private const string SetDisk = "Set-VMHardDiskDrive -Path, or Remove-VMHardDiskDrive";

    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var owners = facts.Plan.Request.Copy ? [] : ImageOwners.Of(facts.Machines, facts.RealPath);
        return facts.Machine.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }).SelectMany(drive => CheckDisk(facts, drive, owners));
    }

    private static IEnumerable<Incompatibility> CheckDisk(ImportFacts facts, DriveConfiguration drive, Dictionary<string, string> owners)
    {
        var path = drive.Path!;
        if (drive.PhysicalDisk is not null)
        {
            if (facts.PhysicalDiskProblem(drive) is { } problem)
            {
                yield return On(IncompatibilityKind.PassthroughDiskMissing, problem, "Set-VMHardDiskDrive -DiskNumber, or Remove-VMHardDiskDrive");
            }
            else if (facts.Machines.Concat([facts.Machine]).SelectMany(machine => machine.Drives.Select(other => (machine.Name, Drive: other)))
                .FirstOrDefault(other => other.Drive.Id != drive.Id && other.Drive is { PhysicalDisk: not null, Path: { } held } && facts.RealPath(held) == facts.RealPath(path)) is { Drive: not null } owner)
            {
                yield return On(IncompatibilityKind.DiskInUse, $"The physical disk '{path}' belongs to the virtual machine '{owner.Name}'.", "Set-VMHardDiskDrive -DiskNumber, or Remove-VMHardDiskDrive");
            }

            yield break;
        }

        if (DiskRules.PlaceProblem(facts, path) is { } place)
        {
            yield return On(place.Kind, place.Message, SetDisk);
            yield break;
        }

        if (!facts.FileExists(path))
        {
            yield return path.StartsWith(@"\\", StringComparison.Ordinal)
                ? On(IncompatibilityKind.SharePathUnmapped, $"The disk '{path}' is on a share that has no folder on this host.", "Set-VMHost -ParentFolder, or " + SetDisk)
                : On(IncompatibilityKind.VirtualDiskFileMissing, $"Could not find the disk '{path}'.", SetDisk);
            yield break;
        }

        foreach (var found in CheckUse(facts, drive, owners).Concat(CheckImage(facts, drive)))
        {
            yield return found;
        }

        Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.Drive, drive.Id);
    }

    private static IEnumerable<Incompatibility> CheckUse(ImportFacts facts, DriveConfiguration drive, Dictionary<string, string> owners)
    {
        if (facts.Machine.Drives.Any(other => other.Id != drive.Id && other.Path == drive.Path && other.Kind == DriveKind.HardDisk))
        {
            yield return new(IncompatibilityKind.DiskInUse, $"Two drives have the disk '{drive.Path}'.", SetDisk, IncompatibleObject.Drive, drive.Id);
        }

        if (facts.Plan.Request.Copy)
        {
            yield break;
        }

        if (owners.TryGetValue(facts.RealPath(drive.Path!), out var owner))
        {
            yield return new(
                IncompatibilityKind.DiskInUse, $"The disk '{drive.Path}' belongs to the virtual machine '{owner}'.", "Import-VM -Copy -GenerateNewId, or " + SetDisk, IncompatibleObject.Drive, drive.Id);
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

        if (DiskRules.FormatProblem(info) is { } format)
        {
            yield return On(format.Kind, format.Message, SetDisk);
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
