using Vireo.Commands.Framework;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines;

/// <summary>What must hold before a machine starts.</summary>
internal static class StartChecks
{
    /// <summary>Throws unless the files of the machine's drives are there.</summary>
    public static void RequireFiles(VirtualMachineConfiguration machine)
    {
        foreach (var drive in machine.Drives.Where(drive => drive.Path is not null))
        {
            if (!File.Exists(drive.Path))
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
