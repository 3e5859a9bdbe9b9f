using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>Which machine of the host an image belongs to, whatever links lead to it.</summary>
internal static class ImageOwners
{
    /// <summary>Names of machines by their images' paths without links.</summary>
    public static Dictionary<string, string> Of(IEnumerable<VirtualMachineConfiguration> machines, Func<string, string> realPath)
    {
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var machine in machines)
        {
            foreach (var path in MachinePaths.Images(machine))
            {
                owners.TryAdd(realPath(path), machine.Name);
            }
        }

        return owners;
    }
}
