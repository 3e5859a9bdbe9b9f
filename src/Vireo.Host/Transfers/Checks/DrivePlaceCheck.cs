using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers.Checks;

/// <summary>Where drives are: controllers and places that the machine has, each with one drive.</summary>
internal sealed class DrivePlaceCheck : IImportCheck
{
    /// <inheritdoc/>
    public IEnumerable<Incompatibility> Check(ImportFacts facts)
    {
        var machine = facts.Machine;
        foreach (var drive in machine.Drives)
        {
            var bus = drive.Bus == DriveBus.Ide ? "IDE" : "SCSI";
            var command = drive.Kind == DriveKind.Dvd ? "Set-VMDvdDrive" : "Set-VMHardDiskDrive";
            if (drive.Bus == DriveBus.Ide && machine.Generation == 2)
            {
                yield return On(
                    IncompatibilityKind.IdeOnGeneration2, $"The drive {Describe(drive)} is on the IDE controller, which a generation 2 virtual machine does not have.",
                    drive.Kind == DriveKind.Dvd ? "Remove-VMDvdDrive, then Add-VMDvdDrive" : "Set-VMHardDiskDrive -ToControllerType SCSI");
            }
            else if (!DriveRules.HasPlace(machine, drive))
            {
                yield return On(
                    IncompatibilityKind.ControllerLimit, $"The drive {Describe(drive)} is at location {drive.ControllerLocation} of {bus} controller {drive.ControllerNumber}, which the virtual machine does not have.",
                    $"{command} -ToControllerNumber -ToControllerLocation");
            }

            if (machine.Drives.TakeWhile(other => other.Id != drive.Id).Any(other => (other.Bus, other.ControllerNumber, other.ControllerLocation) == (drive.Bus, drive.ControllerNumber, drive.ControllerLocation)))
            {
                yield return On(
                    IncompatibilityKind.ControllerSlotConflict, $"Location {drive.ControllerLocation} of {bus} controller {drive.ControllerNumber} has two drives; {Describe(drive)} is one of them.",
                    $"{command} -ToControllerLocation");
            }

            Incompatibility On(IncompatibilityKind kind, string message, string resolution) => new(kind, message, resolution, IncompatibleObject.Drive, drive.Id);
        }

        var scsi = machine.Drives.Where(drive => drive.Bus == DriveBus.Scsi).ToList();
        if (machine.DeviceModel == DeviceModel.Emulated && scsi.Count > DriveRules.EmulatedLocations)
        {
            yield return new(
                IncompatibilityKind.ControllerLimit, $"The virtual machine '{machine.Name}' has {scsi.Count} drives on SCSI controllers; emulated ones have room for {DriveRules.EmulatedLocations} together.",
                "Set-VM -DeviceModel Synthetic, or Remove-VMHardDiskDrive", IncompatibleObject.Drive, scsi[^1].Id);
        }

        var disks = machine.Drives.Where(drive => drive.Kind == DriveKind.HardDisk).ToList();
        if (machine.Generation == 1 && disks.Count > 0 && disks.All(drive => drive.Bus != DriveBus.Ide))
        {
            yield return new(
                IncompatibilityKind.BootDiskNotOnIde, $"None of the disks of '{machine.Name}' is on the IDE controller, from which a generation 1 virtual machine starts.",
                "Set-VMHardDiskDrive -ToControllerType IDE", IncompatibleObject.Drive, disks[0].Id);
        }
    }

    private static string Describe(DriveConfiguration drive) => drive.Path is { } path ? $"'{path}'" : "without a medium";
}
