namespace Microsoft.HyperV.PowerShell;

/// <summary>Memory of a machine. Sizes are in bytes.</summary>
public sealed class VMMemory : VMComponentObject
{
    /// <summary>Memory follows demand.</summary>
    public bool DynamicMemoryEnabled { get; set; }

    /// <summary>Memory at start.</summary>
    public long Startup { get; set; }

    /// <summary>Least memory.</summary>
    public long Minimum { get; set; }

    /// <summary>Most memory.</summary>
    public long Maximum { get; set; }

    /// <summary>Spare share of demand, percent.</summary>
    public int Buffer { get; set; }

    /// <summary>Weight among machines, 0 to 100.</summary>
    public int Priority { get; set; }

    /// <summary>Most memory of a NUMA node of the guest, in megabytes.</summary>
    public int MaximumPerNumaNode { get; set; }

    /// <summary>Pool the memory comes from.</summary>
    public string ResourcePoolName { get; set; } = "Primordial";
}
