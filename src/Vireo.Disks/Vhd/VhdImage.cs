using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Opens VHD files. [VHD] is Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0.</summary>
public static class VhdImage
{
    /// <summary>
    /// Opens the image in <paramref name="file"/>. Everything is checked before anything is written; a writable file whose footer or copy
    /// is damaged then gets it back.
    /// </summary>
    /// <param name="file">Owned by the image when the call succeeds.</param>
    /// <param name="acceptBadChecksums">Goes on when a checksum is wrong but the values make sense; only for a file that is read.</param>
    /// <exception cref="ImageException">Damaged, truncated, or of another version.</exception>
    public static IDiskImage Open(IImageFile file, bool acceptBadChecksums = false)
    {
        var opened = VhdOpening.Read(file, acceptBadChecksums && file.IsReadOnly);
        if (!file.IsReadOnly)
        {
            opened = Repair(file, opened);
        }

        return opened.Header is null ? new VhdFixedImage(file, opened) : new VhdSparseImage(file, opened);
    }

    private static VhdOpening Repair(IImageFile file, VhdOpening opened)
    {
        var status = BlockStatus.Ok;
        var footer = opened.Footer.ToBytes();
        if (opened.Header is null)
        {
            status = VhdFixedImage.Repair(file, opened);
            opened = opened with { NeedsRepair = false };
        }
        else if (opened.NeedsRepair)
        {
            // Behind the data, and behind what an interrupted session left there. The valid one of the two is not touched before the other is durable.
            var offset = Math.Max(VhdLimits.RoundUp(opened.EndBytes, VhdLimits.SectorBytes), opened.FooterOffset / VhdLimits.SectorBytes * VhdLimits.SectorBytes);
            status = file.Write(offset, footer);
            status = status == BlockStatus.Ok ? file.SetLength(offset + VhdFooter.LengthBytes) : status;
            status = status == BlockStatus.Ok ? file.Flush() : status;
            status = status == BlockStatus.Ok ? file.Write(0, footer) : status;
            status = status == BlockStatus.Ok ? file.Flush() : status;
            opened = opened with { FooterOffset = offset, NeedsRepair = false };
        }

        return status == BlockStatus.Ok ? opened : throw ImageException.Failed(file.Path, "repair the footer of", status);
    }
}
