using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>
/// What metering leaves out, as in Hyper-V: storage behind a virtual Fibre Channel adapter, pass-through disks, and adapters with an offload
/// weight, because what passes there passes no plane. Machines of this version can have the second only.
/// </summary>
public static class MeterSupport
{
    /// <summary>Whether a drive is metered: a hard disk in an image file.</summary>
    public static bool IsMetered(DriveConfiguration drive)
    {
        ArgumentNullException.ThrowIfNull(drive);
        return drive is { Kind: DriveKind.HardDisk, Path: not null } && !IsPassThrough(drive);
    }

    /// <summary>A sentence on each device of a machine that is not metered.</summary>
    public static IReadOnlyList<string> LeftOut(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return
        [
            .. machine.Drives.Where(IsPassThrough).Select(drive =>
                $"The disk '{drive.Path}' is passed through to the guest; metering is not supported for pass-through disks."),
        ];
    }

    private static bool IsPassThrough(DriveConfiguration drive) => drive.PhysicalDisk is not null;
}
