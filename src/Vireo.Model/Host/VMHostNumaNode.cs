namespace Microsoft.HyperV.PowerShell;

/// <summary>A NUMA node of a host.</summary>
public sealed class VMHostNumaNode : VirtualizationObject
{
    /// <summary>Number of the node.</summary>
    public int NodeId { get; set; }

    /// <summary>How much of each of its logical processors is free, percent.</summary>
    public int[] ProcessorsAvailability { get; set; } = [];

    /// <summary>Free memory, megabytes.</summary>
    public int MemoryAvailable { get; set; }

    /// <summary>Memory, megabytes.</summary>
    public int MemoryTotal { get; set; }
}

/// <summary>Memory that a virtual machine has on a NUMA node of its host.</summary>
public sealed class VMHostNumaNodeStatus : VirtualizationObject
{
    /// <summary>Number of the node.</summary>
    public int NodeId { get; set; }

    /// <summary>The machine.</summary>
    public Guid VMId { get; set; }

    /// <summary>Its name.</summary>
    public string VMName { get; set; } = "";

    /// <summary>Memory that it has there, megabytes.</summary>
    public int MemoryUsed { get; set; }
}
