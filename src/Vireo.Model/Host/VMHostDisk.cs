namespace Microsoft.HyperV.PowerShell;

/// <summary>A physical disk of a host, which a virtual machine may have as it is. Sizes are in bytes.</summary>
public sealed class VMHostDisk : VirtualizationObject
{
    /// <summary>Number of the disk, until the computer starts again; null when the kernel gives it none.</summary>
    public uint? Number { get; set; }

    /// <summary>What the disk is called.</summary>
    public string FriendlyName { get; set; } = "";

    /// <summary>World wide name or serial number; empty when the disk does not say.</summary>
    public string UniqueId { get; set; } = "";

    /// <summary>Capacity.</summary>
    public ulong Size { get; set; }

    /// <summary>Bytes of a sector.</summary>
    public uint LogicalSectorSize { get; set; }

    /// <summary>Bytes that the disk writes at once.</summary>
    public uint PhysicalSectorSize { get; set; }

    /// <summary>It cannot be written to.</summary>
    public bool IsReadOnly { get; set; }

    /// <summary>The device as the kernel names it now.</summary>
    public string DevicePath { get; set; } = "";

    /// <summary>The name that stays the disk's own; the device when it has no such name.</summary>
    public string Path { get; set; } = "";

    /// <summary>What uses the disk, in words; empty when nothing does that can be seen.</summary>
    public string Usage { get; set; } = "";
}
