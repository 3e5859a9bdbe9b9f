using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines;

/// <summary>What must hold before a machine starts.</summary>
internal static class StartChecks
{
    /// <summary>Throws unless the files and the physical disks of the machine's drives are there, and no other's.</summary>
    public static void RequireFiles(VirtualMachineConfiguration machine, IHostDisks disks)
    {
        foreach (var drive in machine.Drives.Where(drive => drive.Path is not null))
        {
            if (disks.Problem(drive) is { } problem)
            {
                throw new CommandException("Unspecified", ErrorCategory.NotSpecified, $"The virtual machine '{machine.Name}' cannot start: {char.ToLowerInvariant(problem[0])}{problem[1..]}", machine.Name);
            }

            if (!DiskFiles.MayExist(drive.Path!))
            {
                throw new CommandException(
                    "Unspecified", ErrorCategory.NotSpecified,
                    $"The virtual machine '{machine.Name}' cannot start: the file '{drive.Path}' of its {(drive.Kind == DriveKind.Dvd ? "DVD" : "hard disk")} drive does not exist.", machine.Name);
            }
        }

        if (FloppyDrive.Of(machine) is { } floppy && !File.Exists(floppy.Path))
        {
            throw new CommandException(
                "Unspecified", ErrorCategory.NotSpecified, $"The virtual machine '{machine.Name}' cannot start: the file '{floppy.Path}' of its floppy disk drive does not exist.", machine.Name);
        }
    }
}
