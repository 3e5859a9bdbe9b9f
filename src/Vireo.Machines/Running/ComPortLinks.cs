using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;

namespace Vireo.Machines.Running;

/// <summary>
/// COM ports at places of people's own: a link there leads to the socket in the machine's run folder. A link is ours when it leads into a run
/// folder of this host; everything else at such a place is somebody's, and stays.
/// </summary>
internal static class ComPortLinks
{
    /// <summary>Makes the links of a machine that is about to start.</summary>
    /// <exception cref="IOException">The place is taken.</exception>
    public static void Offer(VirtualMachineConfiguration configuration, MachineRuntimePlan plan)
    {
        foreach (var (number, path) in Places(configuration))
        {
            if (new FileInfo(path).LinkTarget is { } target && IsOurs(target, plan.RunFolder))
            {
                if (IsOfRunningMachine(target, plan.RunFolder))
                {
                    throw new IOException($"COM {number} cannot be offered at '{path}', because another virtual machine that runs has its COM port there; choose another path.");
                }

                File.Delete(path);
            }
            else if (Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
            {
                throw new IOException($"COM {number} cannot be offered at '{path}', because there is a file of that name; remove it or choose another path.");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.CreateSymbolicLink(path, plan.ComSocket(number));
        }
    }

    /// <summary>Removes the links of a machine that has ended.</summary>
    public static void Withdraw(VirtualMachineConfiguration configuration, MachineRuntimePlan plan)
    {
        foreach (var (number, path) in Places(configuration))
        {
            try
            {
                if (new FileInfo(path).LinkTarget == plan.ComSocket(number))
                {
                    File.Delete(path);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // A link that stays leads nowhere, and is replaced at the next start.
            }
        }
    }

    private static IEnumerable<(int Number, string Path)> Places(VirtualMachineConfiguration configuration) =>
        configuration.ComPorts.Select((path, index) => (Number: index + 1, Path: path))
            .Where(port => port.Path is { } path && Path.IsPathRooted(path))
            .Select(port => (port.Number, port.Path!));

    private static bool IsOurs(string target, string runFolder) =>
        Path.GetDirectoryName(Path.GetDirectoryName(target)) == Path.GetDirectoryName(runFolder) && Path.GetFileName(target).StartsWith("com", StringComparison.Ordinal);

    private static bool IsOfRunningMachine(string target, string runFolder)
    {
        var folder = Path.GetDirectoryName(target)!;
        return folder != runFolder && MachineRecord.Read(folder)?.Process is { IsAlive: true };
    }
}
