using Vireo.Commands.Framework;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Commands.Support;

/// <summary>Disks that are files on a share (<c>\\server\share\file</c>).</summary>
public static class SharedDisks
{
    /// <summary>The paths of a machine's disks on shares, each once.</summary>
    public static IReadOnlyList<string> Of(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return [.. machine.Drives.Where(drive => drive.Kind == DriveKind.HardDisk && UncPath.IsUnc(drive.Path)).Select(drive => drive.Path!).Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    /// <summary>Throws when the machine has one.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="what">What cannot be done then: "cannot have a checkpoint".</param>
    /// <exception cref="CommandException">It has one.</exception>
    public static void RefuseFor(VirtualMachineConfiguration machine, string what)
    {
        if (Of(machine) is [var path, ..])
        {
            throw Errors.NotSupported($"The virtual machine '{machine.Name}' {what}: its disk '{path}' is on a share, and that is not supported for those.", machine.Name);
        }
    }
}
