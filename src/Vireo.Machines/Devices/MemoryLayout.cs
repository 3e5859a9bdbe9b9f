namespace Vireo.Machines.Devices;

/// <summary>
/// How a machine's memory and processors are laid out. Decided at a cold start; a saved state goes on with the layout that it was made with.
/// </summary>
public sealed record MemoryLayout
{
    /// <summary>Memory is counted in steps of this many bytes: what virtio-mem plugs at once.</summary>
    public const long StepBytes = 2L << 20;

    /// <summary>
    /// Bytes that the guest can get beyond its startup memory while it runs: the size of its virtio-mem device, a multiple of
    /// <see cref="StepBytes"/>. It costs address space only. 0: memory is static.
    /// </summary>
    public long GrowthBytes { get; set; }

    /// <summary>NUMA nodes that the guest sees; empty is a flat machine. Their bytes and processors add up to the machine's.</summary>
    public IReadOnlyList<GuestNumaNode> Nodes { get; set; } = [];

    /// <summary>Sockets that the guest sees; divides the processors.</summary>
    public int Sockets { get; set; } = 1;

    /// <summary>Threads of a core that the guest sees; divides the processors of a socket.</summary>
    public int ThreadsPerCore { get; set; } = 1;
}

/// <summary>A NUMA node of a guest.</summary>
/// <param name="Bytes">Memory.</param>
/// <param name="Processors">Virtual processors.</param>
/// <param name="HostNode">Node of the host that its memory comes from; null is any.</param>
/// <param name="IsBound">The memory may come from that node only.</param>
public sealed record GuestNumaNode(long Bytes, int Processors, int? HostNode = null, bool IsBound = false);
