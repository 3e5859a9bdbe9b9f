using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Where drives may be, and which files they may hold.</summary>
public static class DriveRules
{
    private const int IdeControllers = 2;
    private const int IdeLocations = 2;
    private const int ScsiLocations = 64;
    /// <summary>Places of emulated SCSI controllers together.</summary>
    public const int EmulatedLocations = 6;

    /// <summary>Every problem with the places of a machine's drives.</summary>
    public static IEnumerable<string> Problems(VirtualMachineConfiguration c)
    {
        foreach (var drive in c.Drives)
        {
            if (drive.Bus == DriveBus.Ide && c.Generation == 2)
            {
                yield return "A generation 2 virtual machine has no IDE controller; use the SCSI controller.";
            }
            else if (drive.ControllerNumber < 0 || drive.ControllerNumber >= Controllers(c, drive.Bus))
            {
                yield return $"There is no {Name(drive.Bus)} controller number {drive.ControllerNumber} in the virtual machine '{c.Name}'.";
            }
            else if (drive.ControllerLocation < 0 || drive.ControllerLocation >= Locations(drive.Bus))
            {
                yield return $"{Name(drive.Bus)} controllers have locations 0 to {Locations(drive.Bus) - 1}; {drive.ControllerLocation} is none of them.";
            }
        }

        if (c.DeviceModel == DeviceModel.Emulated && c.Drives.Count(drive => drive.Bus == DriveBus.Scsi) > EmulatedLocations)
        {
            yield return $"Emulated SCSI controllers have room for {EmulatedLocations} drives together; give the virtual machine synthetic devices when its guest has the drivers (Set-VM -DeviceModel Synthetic).";
        }

        foreach (var place in c.Drives.GroupBy(drive => (drive.Bus, drive.ControllerNumber, drive.ControllerLocation)).Where(place => place.Count() > 1))
        {
            yield return $"Location {place.Key.ControllerLocation} of {Name(place.Key.Bus)} controller {place.Key.ControllerNumber} is taken already in the virtual machine '{c.Name}'.";
        }
    }

    /// <summary>Whether the machine has the controller and the location of a drive.</summary>
    public static bool HasPlace(VirtualMachineConfiguration c, DriveConfiguration drive) =>
        drive.ControllerNumber >= 0 && drive.ControllerNumber < Controllers(c, drive.Bus) && drive.ControllerLocation >= 0 && drive.ControllerLocation < Locations(drive.Bus);

    /// <summary>First free place on a bus, optionally on one controller; null when all are taken.</summary>
    public static (int Controller, int Location)? FreePlace(VirtualMachineConfiguration c, DriveBus bus, int? controller)
    {
        for (var number = controller ?? 0; number < (controller is null ? Controllers(c, bus) : controller + 1); number++)
        {
            for (var location = 0; location < Locations(bus); location++)
            {
                if (!c.Drives.Any(drive => drive.Bus == bus && drive.ControllerNumber == number && drive.ControllerLocation == location))
                {
                    return (number, location);
                }
            }
        }

        return null;
    }

    /// <summary>Throws unless the drive's image is there, can be read, and is needed by nobody else: no other drive, no checkpoint.</summary>
    public static async Task RequireUsableAsync(CommandContext context, DriveConfiguration drive)
    {
        var path = drive.Path!;
        if (!DiskFiles.MayExist(path))
        {
            throw Errors.Invalid($"The file '{path}' does not exist.", path);
        }

        if (drive.Kind == DriveKind.Dvd)
        {
            return;
        }

        _ = DiskPaths.FormatOf(path);
        var machines = context.Service<IMachines>().All;
        if (DiskUse.OfDrive(machines, path, drive.Id) is { } owner)
        {
            throw InUse($"The disk '{path}' is attached to the virtual machine '{owner.Name}' already; a disk belongs to one machine.", path);
        }

        if ((DiskUse.OfCheckpoint(machines, path) ?? DiskUse.OfChain(machines, path)) is { } user)
        {
            throw InUse($"The disk '{path}' is part of checkpoints of the virtual machine '{user.Name}', which need it as it is; make a differencing disk on it (New-VHD -ParentPath) or remove the checkpoints.", path);
        }

        // Opening it finds what the name cannot tell: corruption, a missing parent, another program that holds it.
        _ = await context.Service<IImages>().InspectAsync(path, context.Cancellation);
    }

    private static CommandException InUse(string message, string path) => new("ObjectInUse", ErrorCategory.ResourceBusy, message, path);

    private static int Controllers(VirtualMachineConfiguration c, DriveBus bus) => bus == DriveBus.Ide ? (c.Generation == 1 ? IdeControllers : 0) : c.ScsiControllers;

    private static int Locations(DriveBus bus) => bus == DriveBus.Ide ? IdeLocations : ScsiLocations;

    private static string Name(DriveBus bus) => bus == DriveBus.Ide ? "IDE" : "SCSI";
}
