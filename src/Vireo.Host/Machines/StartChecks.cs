using Vireo.Commands.Framework;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines;

/// <summary>What must hold before a machine starts.</summary>
internal static class StartChecks
{
    private const long ReserveBytes = 128L << 20;

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

    }

    /// <summary>Throws unless there is memory for the machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="runningBytes">Memory that other running machines may touch.</param>
    /// <param name="startingBytes">Memory that other machines are about to take.</param>
    public static void RequireMemory(VirtualMachineConfiguration machine, long runningBytes, long startingBytes)
    {
        // Guests touch their memory over time: what is free now may be promised already.
        var (total, available) = MemoryInfo.Read();
        var free = Math.Min(available - startingBytes, total - runningBytes - startingBytes) - ReserveBytes;
        if (machine.Memory.StartupBytes > free)
        {
            throw new CommandException(
                "OutOfMemory", ErrorCategory.ResourceUnavailable,
                $"The virtual machine '{machine.Name}' cannot start: it needs {machine.Memory.StartupBytes >> 20} MB and the host has {Math.Max(0, free) >> 20} MB left; stop another machine or give this one less memory.",
                machine.Name);
        }
    }
}

/// <summary>Memory of the host.</summary>
internal static class MemoryInfo
{
    /// <summary>Total and available bytes, from <c>/proc/meminfo</c>.</summary>
    public static (long Total, long Available) Read()
    {
        long total = 0, available = 0;
        foreach (var line in File.ReadLines("/proc/meminfo"))
        {
            if (line.StartsWith("MemTotal:", StringComparison.Ordinal))
            {
                total = Kilobytes(line) << 10;
            }
            else if (line.StartsWith("MemAvailable:", StringComparison.Ordinal))
            {
                available = Kilobytes(line) << 10;
                break;
            }
        }

        return (total, available);
    }

    private static long Kilobytes(string line) =>
        long.Parse(line.AsSpan(line.IndexOf(':') + 1).Trim().ToString().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
}
