namespace Microsoft.HyperV.PowerShell;

/// <summary>Virtual processors of a machine.</summary>
public sealed class VMProcessor : VMComponentObject
{
    /// <summary>Number of virtual processors.</summary>
    public long Count { get; set; }

    /// <summary>Percent of the processors' capacity kept for the machine.</summary>
    public long Reserve { get; set; }

    /// <summary>Percent of the processors' capacity the machine may use.</summary>
    public long Maximum { get; set; }

    /// <summary>Share under contention.</summary>
    public int RelativeWeight { get; set; }

    /// <summary>Offer only features every migration partner has.</summary>
    public bool CompatibilityForMigrationEnabled { get; set; }

    /// <summary>Offer virtualization extensions to the guest.</summary>
    public bool ExposeVirtualizationExtensions { get; set; }

    /// <summary>Most virtual processors of a NUMA node of the guest.</summary>
    public int MaximumCountPerNumaNode { get; set; }

    /// <summary>Most NUMA nodes of a socket of the guest.</summary>
    public int MaximumCountPerNumaSocket { get; set; }

    /// <summary>Threads of a core of the guest; 0 is as on the host.</summary>
    public long HwThreadCountPerCore { get; set; }

    /// <summary>Offer only what very old guests know; not offered, so always false.</summary>
    public bool CompatibilityForOlderOperatingSystemsEnabled { get; set; }

    /// <summary>Hold back a guest that burdens the host out of measure; its share does that, so this is always false.</summary>
    public bool EnableHostResourceProtection { get; set; }

    /// <summary>Pool the processors come from.</summary>
    public string ResourcePoolName { get; set; } = "Primordial";
}
