namespace Vireo.Disks.Vhd;

/// <summary>Cylinders, heads and sectors of a disk, as an ATA controller reports them. [VHD] Appendix: CHS Calculation.</summary>
/// <param name="Cylinders">At most 65535.</param>
/// <param name="Heads">At most 16.</param>
/// <param name="SectorsPerTrack">At most 255.</param>
public readonly record struct VhdGeometry(ushort Cylinders, byte Heads, byte SectorsPerTrack)
{
    private const long MaximumSectors = 65535L * 16 * 255;

    /// <summary>Sectors that the geometry spans: seldom all that the disk has.</summary>
    public long Sectors => (long)Cylinders * Heads * SectorsPerTrack;

    /// <summary>The geometry of a disk of so many sectors.</summary>
    public static VhdGeometry Of(long sectors)
    {
        sectors = Math.Min(sectors, MaximumSectors);
        if (sectors >= 65535L * 16 * 63)
        {
            return Make(sectors / 255, 16, 255);
        }

        var tracks = sectors / 17;
        var heads = Math.Max((tracks + 1023) / 1024, 4);
        if (tracks < heads * 1024 && heads <= 16)
        {
            return Make(tracks, heads, 17);
        }

        tracks = sectors / 31;
        return tracks < 16 * 1024 ? Make(tracks, 16, 31) : Make(sectors / 63, 16, 63);
    }

    private static VhdGeometry Make(long tracks, long heads, byte sectorsPerTrack) => new((ushort)(tracks / heads), (byte)heads, sectorsPerTrack);
}
