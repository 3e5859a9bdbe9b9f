namespace Vireo.Disks.Vhd;

/// <summary>Numbers of the format. [VHD] is Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0.</summary>
internal static class VhdLimits
{
    /// <summary>Unit of the block table and of the bitmaps.</summary>
    public const int SectorBytes = 512;

    /// <summary>What payload in new space is aligned to, so that a disk with 4 KB sectors need not read before it writes.</summary>
    public const int AlignmentBytes = 4096;

    /// <summary>Smallest virtual disk we make.</summary>
    public const long MinimumSizeBytes = 3L << 20;

    /// <summary>Largest virtual disk: 2,040 GB.</summary>
    public const long MaximumSizeBytes = 2040L << 30;

    /// <summary>Block size of new images.</summary>
    public const int DefaultBlockBytes = 2 << 20;

    /// <summary>Smallest block size that is opened: eight sectors fill a byte of the bitmap.</summary>
    public const int MinimumBlockBytes = 4096;

    /// <summary>Largest block size that is opened.</summary>
    public const int MaximumBlockBytes = 256 << 20;

    /// <summary>Most blocks of a disk, so that the block table has a bound in memory: 64 MB.</summary>
    public const long MaximumBlocks = 16L << 20;

    /// <summary>A sector number that a block table entry can hold; the next is <see cref="UnusedEntry"/>.</summary>
    public const uint MaximumSector = uint.MaxValue - 1;

    /// <summary>Entry of a block that has no place.</summary>
    public const uint UnusedEntry = uint.MaxValue;

    /// <summary>Rounds up.</summary>
    public static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    /// <summary>Length of the bitmap in front of each block. [VHD] Data Blocks.</summary>
    public static int BitmapBytes(int blockBytes) => (int)RoundUp(blockBytes / SectorBytes / 8, SectorBytes);

    /// <summary>The first place for bitmap and payload at or behind <paramref name="offset"/> where the payload is aligned.</summary>
    public static long PlaceAt(long offset, int bitmapBytes) => RoundUp(offset + bitmapBytes, AlignmentBytes) - bitmapBytes;
}
