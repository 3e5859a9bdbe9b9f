using Vireo.Commands.Framework;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Platform.Memory;

namespace Vireo.Host.Machines.Memory;

/// <summary>Decides how a machine's memory and processors are laid out when it starts, and where on the host.</summary>
internal static class MemoryLayouts
{
    // Processors with 40 address bits, as emulated ones and those of the compatibility mode have, see no more than this beyond the first gigabytes.
    private const long MostWithGrowth = 512L << 30;

    /// <summary>The layout of a cold start.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="host">The host now.</param>
    /// <param name="spanning">A node of a guest may use memory of several nodes of the host.</param>
    /// <exception cref="CommandException">It may not, and there is no node that could hold a node of the guest.</exception>
    public static MemoryLayout Plan(VirtualMachineConfiguration machine, NumaTopology host, bool spanning)
    {
        var layout = GuestTopology.Plan(machine, Describe(host));
        var startup = machine.Memory.StartupBytes;
        var most = Math.Min(host.Nodes.Sum(node => node.TotalBytes), MostWithGrowth);
        if (machine.Memory.DynamicMemoryEnabled && most > startup)
        {
            layout = layout with { GrowthBytes = (most - startup) / MemoryLayout.StepBytes * MemoryLayout.StepBytes };
        }

        return host.Nodes.Count(node => node.TotalBytes > 0) > 1 ? Place(machine, layout, host, spanning) : layout;
    }

    /// <summary>What guests are made after.</summary>
    public static HostTopology Describe(NumaTopology host) => new(
        Math.Max(1, host.Nodes.Max(node => node.Processors.Count)), host.Nodes.Max(node => node.TotalBytes),
        Math.Max(1, host.Nodes.Count / host.Sockets), host.ThreadsPerCore);

    /// <summary>Each node of the guest comes from the node of the host that has the most memory left.</summary>
    private static MemoryLayout Place(VirtualMachineConfiguration machine, MemoryLayout layout, NumaTopology host, bool spanning)
    {
        // A flat guest has one node too, which may be placed like any other unless it grows.
        IReadOnlyList<GuestNumaNode> nodes = layout.Nodes.Count > 0 ? layout.Nodes : [new(machine.Memory.StartupBytes, machine.Processor.Count)];
        if (layout.GrowthBytes > 0)
        {
            return layout;
        }

        var free = host.Nodes.ToDictionary(node => node.Id, node => node.FreeBytes);
        List<GuestNumaNode> placed = [];
        foreach (var node in nodes)
        {
            var best = free.MaxBy(pair => pair.Value);
            if (best.Value < node.Bytes && !spanning)
            {
                throw new CommandException(
                    "OutOfMemory", ErrorCategory.ResourceUnavailable,
                    $"The virtual machine '{machine.Name}' cannot start: no NUMA node of the host has the {node.Bytes >> 20} MB that one of its nodes needs, and nodes may not be spanned. Give it smaller nodes, or allow it with 'Set-VMHost -NumaSpanningEnabled $true'.",
                    machine.Name);
            }

            placed.Add(best.Value < node.Bytes ? node : node with { HostNode = best.Key, IsBound = !spanning });
            free[best.Key] -= node.Bytes;
        }

        return layout with { Nodes = placed };
    }
}
