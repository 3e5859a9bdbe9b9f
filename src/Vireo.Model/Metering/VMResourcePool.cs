namespace Microsoft.HyperV.PowerShell;

/// <summary>What a resource pool gathers. Numbers are the original's.</summary>
public enum VMResourcePoolType
{
    /// <summary>Memory.</summary>
    Memory = 0,

    /// <summary>Processors.</summary>
    Processor = 1,

    /// <summary>Connections to switches.</summary>
    Ethernet = 2,

    /// <summary>Virtual hard disks.</summary>
    VHD = 3,

    /// <summary>Images of DVDs.</summary>
    ISO = 4,

    /// <summary>Images of floppy disks.</summary>
    VFD = 5,

    /// <summary>Ports of virtual Fibre Channel.</summary>
    FibreChannelPort = 6,

    /// <summary>Connections of virtual Fibre Channel.</summary>
    FibreChannelConnection = 7,

    /// <summary>Devices that are passed through.</summary>
    PciExpress = 8,
}

/// <summary>A pool: resources of one kind that several machines draw on, metered together.</summary>
public sealed class VMResourcePool : VirtualizationObject
{
    /// <summary>Name; <c>Primordial</c> is the pool of everything that is in no other one.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it gathers.</summary>
    public VMResourcePoolType ResourcePoolType { get; set; }

    /// <summary>Pools it is part of; none for <c>Primordial</c>.</summary>
    public string[] ParentName { get; set; } = [];

    /// <summary>What its machines use is metered.</summary>
    public bool ResourceMeteringEnabled { get; set; }

    /// <summary>Folders that images may come from (VHD, ISO, VFD).</summary>
    public string[] Paths { get; set; } = [];

    /// <summary>Switches that adapters may be connected to (Ethernet).</summary>
    public string[] SwitchNames { get; set; } = [];

    /// <summary>The name.</summary>
    public override string ToString() => $"VMResourcePool (Name = '{Name}', Type = '{ResourcePoolType}')";
}

/// <summary>What the machines of a pool used.</summary>
public sealed class VMMeteringReportForResourcePool : VMMeteringReport
{
    /// <summary>Name of the pool.</summary>
    public string ResourcePoolName { get; set; } = "";

    /// <summary>Kinds of the pools of that name which the figures are of.</summary>
    public VMResourcePoolType[] ResourcePoolType { get; set; } = [];
}
