namespace Microsoft.Vhd.PowerShell;

/// <summary>Format of a virtual hard disk.</summary>
public enum VhdFormat
{
    /// <summary>VHD.</summary>
    VHD = 2,

    /// <summary>VHDX.</summary>
    VHDX = 3,

    /// <summary>A set of shared disks.</summary>
    VHDSet = 4,
}

/// <summary>Type of a virtual hard disk.</summary>
public enum VhdType
{
    /// <summary>Unknown.</summary>
    Unknown = 0,

    /// <summary>All storage is allocated.</summary>
    Fixed = 2,

    /// <summary>Storage is allocated as it is written.</summary>
    Dynamic = 3,

    /// <summary>Holds what differs from a parent.</summary>
    Differencing = 4,
}

/// <summary>How thorough <c>Optimize-VHD</c> is.</summary>
public enum VhdCompactMode
{
    /// <summary>Looks for zeros, drops what was trimmed, moves blocks together.</summary>
    Full = 0,

    /// <summary>As Full, without looking for zeros.</summary>
    Quick = 1,

    /// <summary>Gives trimmed storage back only.</summary>
    Retrim = 2,

    /// <summary>Moves blocks together only.</summary>
    Pretrimmed = 3,

    /// <summary>As Quick, and looks for zeros.</summary>
    Prezeroed = 4,
}

/// <summary>A virtual hard disk file. Sizes are in bytes.</summary>
public sealed class VirtualHardDisk : HyperV.PowerShell.VirtualizationObject
{
    /// <summary>The file.</summary>
    public string Path { get; set; } = "";

    /// <summary>Format.</summary>
    public VhdFormat VhdFormat { get; set; }

    /// <summary>Type.</summary>
    public VhdType VhdType { get; set; }

    /// <summary>What the file takes on its file system.</summary>
    public ulong FileSize { get; set; }

    /// <summary>Capacity.</summary>
    public ulong Size { get; set; }

    /// <summary>Least capacity the disk could be shrunk to; null when not known.</summary>
    public ulong? MinimumSize { get; set; }

    /// <summary>Unit of addressing.</summary>
    public uint LogicalSectorSize { get; set; }

    /// <summary>Unit the disk writes without reading first.</summary>
    public uint PhysicalSectorSize { get; set; }

    /// <summary>Unit of allocation; 0 for fixed disks.</summary>
    public uint BlockSize { get; set; }

    /// <summary>Parent of a differencing disk; empty otherwise.</summary>
    public string ParentPath { get; set; } = "";

    /// <summary>Identity of the disk.</summary>
    public string DiskIdentifier { get; set; } = "";

    /// <summary>Percent of blocks that do not follow the one before; null for fixed disks.</summary>
    public double? FragmentationPercentage { get; set; }

    /// <summary>1 when structures are aligned to 4 KB.</summary>
    public uint Alignment { get; set; }

    /// <summary>Open: in a running machine, or mounted.</summary>
    public bool Attached { get; set; }

    /// <summary>Block device when mounted, for example <c>/dev/loop0</c>.</summary>
    public string? DevicePath { get; set; }

    /// <summary>Number of the disk when mounted: the kernel's, which no other disk gets until the computer starts again.</summary>
    public uint? DiskNumber { get; set; }

    /// <summary>The same as <see cref="DiskNumber"/>.</summary>
    public uint? Number => DiskNumber;
}
