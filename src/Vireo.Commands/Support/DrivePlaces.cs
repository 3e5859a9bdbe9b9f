using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Finds drives by their place.</summary>
public static class DrivePlaces
{
    /// <summary>Drives of a kind whose place agrees with everything that is given.</summary>
    public static IEnumerable<DriveConfiguration> Select(
        VirtualMachineConfiguration c, DriveKind kind, ControllerType? bus, int? controller, int? location) => c.Drives
        .Where(drive => drive.Kind == kind
            && (bus is null || drive.Bus == ToBus(bus.Value))
            && (controller is null || drive.ControllerNumber == controller)
            && (location is null || drive.ControllerLocation == location))
        .OrderBy(drive => drive.Bus).ThenBy(drive => drive.ControllerNumber).ThenBy(drive => drive.ControllerLocation);

    /// <summary>The one drive at a place.</summary>
    public static DriveConfiguration Single(VirtualMachineConfiguration c, DriveKind kind, ControllerType? bus, int? controller, int? location)
    {
        var found = Select(c, kind, bus, controller, location).ToList();
        var what = kind == DriveKind.HardDisk ? "hard disk drive" : "DVD drive";
        return found.Count switch
        {
            1 => found[0],
            0 => throw Errors.Invalid($"The virtual machine '{c.Name}' has no {what} at that place.", c.Name),
            _ => throw Errors.Invalid($"The virtual machine '{c.Name}' has {found.Count} {what}s that fit; say which with -ControllerNumber and -ControllerLocation.", c.Name),
        };
    }

    /// <summary>The drive of the machine that an object stands for.</summary>
    public static DriveConfiguration OfObject(VirtualMachineConfiguration c, Drive drive) =>
        c.Drives.FirstOrDefault(candidate => candidate.Id == drive.PartId() && candidate.Kind == (drive is DvdDrive ? DriveKind.Dvd : DriveKind.HardDisk))
        ?? throw Errors.Invalid($"The virtual machine '{c.Name}' has no drive '{drive.Name}' any more.", drive.Id);

    /// <summary>The bus of a controller type.</summary>
    public static DriveBus ToBus(ControllerType type) => type == ControllerType.IDE ? DriveBus.Ide : DriveBus.Scsi;

    /// <summary>
    /// Where a new drive goes: the place that was asked for, or the first free one. Without a bus the original's rule holds: IDE first
    /// on generation 1, SCSI otherwise, and SCSI while a machine runs, since IDE takes no drives then.
    /// </summary>
    public static (DriveBus Bus, int Controller, int Location) ForNew(
        VirtualMachineConfiguration c, bool running, ControllerType? bus, int? controller, int? location)
    {
        IEnumerable<DriveBus> candidates = bus is { } given ? [ToBus(given)]
            : c.Generation == 1 && !running ? [DriveBus.Ide, DriveBus.Scsi]
            : [DriveBus.Scsi];
        foreach (var candidate in candidates)
        {
            if (controller is { } number && location is { } place)
            {
                return (candidate, number, place);
            }

            if (location is { } wanted)
            {
                return (candidate, controller ?? 0, wanted);
            }

            if (DriveRules.FreePlace(c, candidate, controller) is var (freeController, freeLocation))
            {
                return (candidate, freeController, freeLocation);
            }
        }

        throw Errors.Invalid($"The virtual machine '{c.Name}' has no free place for another drive on that controller.", c.Name);
    }

    /// <summary>
    /// Throws unless a drive can be plugged in or pulled now: any drive of a machine that is off, and drives on the SCSI controller of one
    /// that runs. A saved machine's memory knows its disks; they must be there when it comes back.
    /// </summary>
    public static void RequireHotPluggable(VirtualMachineConfiguration c, Services.MachineStatus status, DriveBus bus)
    {
        if (!status.IsOff && !status.IsActive)
        {
            throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; its drives change only while it is off or running.", c.Name);
        }

        if (!status.IsOff && bus == DriveBus.Ide)
        {
            throw Errors.State($"The virtual machine '{c.Name}' is not off, and IDE drives are added and removed only when it is; use the SCSI controller.", c.Name);
        }
    }
}
