namespace Vireo.Disks.Vhd;

/// <summary>What both kinds of VHD refuse.</summary>
internal static class VhdSizes
{
    /// <summary>Refuses a size that the format cannot have or that would lose data.</summary>
    /// <exception cref="ImageException">It is one.</exception>
    public static void Check(string path, long sizeBytes, long currentBytes, Func<long> minimum)
    {
        if (sizeBytes is < VhdLimits.MinimumSizeBytes or > VhdLimits.MaximumSizeBytes || sizeBytes % VhdLimits.SectorBytes != 0)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot have {sizeBytes} bytes; a VHD has from 3 MB to 2040 GB, in multiples of 512.");
        }

        if (sizeBytes < currentBytes && minimum() is var least && sizeBytes < least)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, path, $"The image '{path}' holds data up to {least} bytes and cannot be made smaller than that; {sizeBytes} were asked for.");
        }
    }

    /// <summary>The refusal of a sector size.</summary>
    public static ImageException NoSectorSize(string path) =>
        new(ImageErrorKind.Unsupported, path, $"The image '{path}' is a VHD, whose sectors always have 512 bytes; convert it to VHDX first.");
}
