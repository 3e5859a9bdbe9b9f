using Vireo.Machines.Configuration;

namespace Vireo.Machines.Devices;

/// <summary>What a guest's topology is made after: the host's.</summary>
/// <param name="ProcessorsPerNode">Logical processors of its largest NUMA node.</param>
/// <param name="BytesPerNode">Memory of its largest NUMA node.</param>
/// <param name="NodesPerSocket">NUMA nodes of a socket.</param>
/// <param name="ThreadsPerCore">Threads of a core.</param>
public sealed record HostTopology(int ProcessorsPerNode, long BytesPerNode, int NodesPerSocket = 1, int ThreadsPerCore = 1);

/// <summary>
/// Sockets and NUMA nodes that a guest sees. Nodes are as large as the host's, or as the machine's settings say, and there are as many as its processors
/// and its memory need. With dynamic memory the guest is flat: nobody could say to which node its memory belongs.
/// </summary>
public static class GuestTopology
{
    /// <summary>The layout of a machine on such a host; without places on the host, and without room to grow.</summary>
    public static MemoryLayout Plan(VirtualMachineConfiguration machine, HostTopology host)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(host);
        var count = machine.Processor.Count;
        var nodes = machine.Memory.DynamicMemoryEnabled ? 1 : CountNodes(machine, host);
        var nodesPerSocket = Math.Max(1, machine.Processor.MaximumCountPerNumaSocket ?? host.NodesPerSocket);

        // QEMU's sockets are all alike: where they would not be, there is one for every node, or one in all.
        var sockets = (nodes + nodesPerSocket - 1) / nodesPerSocket;
        sockets = count % sockets == 0 ? sockets : 1;
        var threads = machine.Processor.ThreadsPerCore > 0 ? machine.Processor.ThreadsPerCore : host.ThreadsPerCore;
        threads = count / sockets % threads == 0 ? threads : 1;
        return new MemoryLayout { Sockets = sockets, ThreadsPerCore = threads, Nodes = nodes == 1 ? [] : Split(machine, nodes) };
    }

    /// <summary>NUMA nodes that the guest sees.</summary>
    public static int NodeCount(MemoryLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        return Math.Max(1, layout.Nodes.Count);
    }

    private static int CountNodes(VirtualMachineConfiguration machine, HostTopology host)
    {
        var processors = Math.Max(1, machine.Processor.MaximumCountPerNumaNode ?? host.ProcessorsPerNode);
        var bytes = Math.Max(MemoryLayout.StepBytes, machine.Memory.MaximumPerNumaNodeBytes ?? host.BytesPerNode);
        var byProcessors = (machine.Processor.Count + processors - 1) / processors;
        var byMemory = (machine.Memory.StartupBytes + bytes - 1) / bytes;

        // A node has a processor at least, and a step of memory.
        return (int)Math.Max(1, Math.Min(Math.Max(byProcessors, byMemory), Math.Min(machine.Processor.Count, machine.Memory.StartupBytes / MemoryLayout.StepBytes)));
    }

    private static GuestNumaNode[] Split(VirtualMachineConfiguration machine, int count)
    {
        var steps = machine.Memory.StartupBytes / MemoryLayout.StepBytes;
        return
        [
            .. Enumerable.Range(0, count).Select(i => new GuestNumaNode(
                Part(steps, i, count) * MemoryLayout.StepBytes, (int)Part(machine.Processor.Count, i, count))),
        ];
    }

    private static long Part(long whole, int i, int count) => (whole * (i + 1) / count) - (whole * i / count);
}
