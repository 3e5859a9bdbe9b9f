namespace Vireo.Disks;

/// <summary>Format of a disk image.</summary>
public enum DiskFormat
{
    /// <summary>Plain bytes, also ISO 9660.</summary>
    Raw,

    /// <summary>Virtual Hard Disk, version 1.</summary>
    Vhd,

    /// <summary>Virtual Hard Disk, version 2: [MS-VHDX].</summary>
    Vhdx,
}

/// <summary>How an image holds its storage.</summary>
public enum DiskKind
{
    /// <summary>All storage is allocated.</summary>
    Fixed,

    /// <summary>Storage is allocated as it is written.</summary>
    Dynamic,

    /// <summary>Holds what differs from a parent.</summary>
    Differencing,
}

/// <summary>What an image says of itself.</summary>
/// <param name="Format">File format.</param>
/// <param name="Kind">Fixed, dynamic or differencing.</param>
/// <param name="Geometry">Size and sector sizes of the virtual disk.</param>
/// <param name="BlockSizeBytes">Unit of allocation; 0 for a raw image.</param>
/// <param name="FileSizeBytes">Length of the file now.</param>
/// <param name="DiskId">The identity that the guest sees and a child refers to; empty for a raw image.</param>
/// <param name="FragmentationPercent">Share of neighbouring allocated blocks that do not lie one behind the other in the file; null when nothing can be fragmented.</param>
/// <param name="AlignmentBytes">0 when every payload block begins at a multiple of the physical sector, else by how much the first that does not is off.</param>
public sealed record ImageProperties(
    DiskFormat Format, DiskKind Kind, BlockGeometry Geometry, int BlockSizeBytes, long FileSizeBytes, Guid DiskId, double? FragmentationPercent, int AlignmentBytes = 0);
