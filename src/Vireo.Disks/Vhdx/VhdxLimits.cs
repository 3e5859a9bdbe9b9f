namespace Vireo.Disks.Vhdx;

/// <summary>Fixed places and bounds of the format; a value outside them makes an image corrupt. [MS-VHDX] 2.1, 2.2, 2.6.2.</summary>
public static class VhdxLimits
{
    /// <summary>Unit in which regions and blocks lie in the file.</summary>
    public const int Megabyte = 1 << 20;

    /// <summary>Largest virtual disk: 64 TB.</summary>
    public const long MaximumSizeBytes = 64L << 40;

    /// <summary>Smallest block.</summary>
    public const int MinimumBlockBytes = 1 << 20;

    /// <summary>Largest block.</summary>
    public const int MaximumBlockBytes = 256 << 20;

    /// <summary>Smallest virtual disk that is made here.</summary>
    public const long MinimumSizeBytes = 3L << 20;

    /// <summary>Place of the file type identifier.</summary>
    public const long FileIdentifierOffset = 0;

    /// <summary>Place of the first header.</summary>
    public const long FirstHeaderOffset = 64 << 10;

    /// <summary>Place of the second header.</summary>
    public const long SecondHeaderOffset = 128 << 10;

    /// <summary>Place of the first region table.</summary>
    public const long FirstRegionTableOffset = 192 << 10;

    /// <summary>Place of the second region table.</summary>
    public const long SecondRegionTableOffset = 256 << 10;

    /// <summary>
    /// Largest log that is replayed. The format allows 4 GB; every known writer uses 1 MB, and a log is read as a whole, so a larger one is
    /// refused before it costs memory. Of a larger one that is empty the beginning is used.
    /// </summary>
    public const long MaximumLogBytes = 64L << 20;

    /// <summary>
    /// No structure or block lies behind this place in the file: 64 TB of payload, its bitmap blocks and every region fit well below it. Keeps
    /// sums of hostile offsets and lengths from overflowing.
    /// </summary>
    public const long MaximumFileBytes = 1L << 47;
}
