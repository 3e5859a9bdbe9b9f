using System.Numerics;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Everything that is read and checked when a VHD file is opened; nothing is written.</summary>
/// <param name="Footer">The footer at the end, or its copy at the beginning when that one is damaged.</param>
/// <param name="FooterOffset">Where the footer at the end is, or should be.</param>
/// <param name="NeedsRepair">Footer and copy are not both valid and equal.</param>
/// <param name="Header">Null for a fixed disk.</param>
/// <param name="Table">Null for a fixed disk.</param>
/// <param name="Parent">Of a differencing disk.</param>
/// <param name="EndBytes">Where the last structure or block ends.</param>
internal sealed record VhdOpening(
    VhdFooter Footer, long FooterOffset, bool NeedsRepair, VhdDynamicHeader? Header, VhdBlockTable? Table, ParentReference? Parent, long EndBytes)
{
    /// <summary>Blocks of the disk.</summary>
    public static long BlockCount(long sizeBytes, long blockBytes) => (sizeBytes + blockBytes - 1) / blockBytes;

    /// <summary>Reads and checks <paramref name="file"/>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="acceptBadChecksums">Whether to go on when a checksum is wrong but the values make sense.</param>
    /// <exception cref="ImageException">Damaged, truncated, or of another version.</exception>
    public static VhdOpening Read(IImageFile file, bool acceptBadChecksums)
    {
        var footers = VhdFooterPair.Read(file, acceptBadChecksums);
        var footer = footers.Footer;
        if (footer.DiskType is not (VhdDiskType.Fixed or VhdDiskType.Dynamic or VhdDiskType.Differencing))
        {
            throw ImageException.Corrupt(file.Path, footers.FoundAt, $"the footer names the disk type {(int)footer.DiskType}, which is none of 2, 3 and 4");
        }

        if (footer.CurrentSizeBytes < VhdLimits.SectorBytes)
        {
            throw ImageException.Corrupt(file.Path, footers.FoundAt, $"the footer says that the disk has {footer.CurrentSizeBytes} bytes");
        }

        if (footer.CurrentSizeBytes > VhdLimits.MaximumSizeBytes)
        {
            throw ImageException.Corrupt(file.Path, footers.FoundAt, $"the footer says that the disk has {footer.CurrentSizeBytes} bytes, and a VHD holds at most 2040 GB");
        }

        if (footer.DiskType == VhdDiskType.Fixed)
        {
            return footer.CurrentSizeBytes <= footers.EndOffset
                ? new VhdOpening(footer, footers.EndOffset, footers.NeedsRepair, null, null, null, footer.CurrentSizeBytes)
                : throw ImageException.Corrupt(
                    file.Path, footers.FoundAt, $"the disk has {footer.CurrentSizeBytes} bytes and the file holds {footers.EndOffset}: the file is truncated");
        }

        var header = ReadHeader(file, footer, acceptBadChecksums);
        CheckBlockSize(file, footer, header);
        var blockCount = BlockCount(footer.CurrentSizeBytes, header.BlockBytes);
        CheckHeader(file, footer, header, blockCount);
        var table = VhdBlockTable.Read(file, header.TableOffset, blockCount);
        var parent = footer.DiskType == VhdDiskType.Differencing
            ? new ParentReference(VhdParentLocators.Read(file, header, footer.DataOffset), header.ParentId)
            : null;
        var endBytes = VhdBlockTableCheck.Run(file, footer, header, table, footers);
        return new VhdOpening(footer, footers.EndOffset, footers.NeedsRepair, header, table, parent, endBytes);
    }

    private static VhdDynamicHeader ReadHeader(IImageFile file, VhdFooter footer, bool acceptBadChecksums)
    {
        var offset = footer.DataOffset;
        if (offset < 0 || offset > file.LengthBytes - VhdDynamicHeader.LengthBytes)
        {
            throw ImageException.Corrupt(file.Path, 16, $"the footer says that the dynamic header is at {offset}, outside the file of {file.LengthBytes} bytes");
        }

        var bytes = new byte[VhdDynamicHeader.LengthBytes];
        var status = file.Read(offset, bytes);
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "read", status);
        }

        if (!VhdDynamicHeader.HasCookie(bytes))
        {
            throw ImageException.Corrupt(file.Path, offset, "the dynamic header does not begin with 'cxsparse'");
        }

        var (stored, computed) = (VhdDynamicHeader.StoredChecksum(bytes), VhdDynamicHeader.ComputeChecksum(bytes));
        if (stored != computed && !acceptBadChecksums)
        {
            throw ImageException.Corrupt(file.Path, offset, $"the checksum of the dynamic header is {stored:X8} and should be {computed:X8}");
        }

        return VhdFooter.IsKnownVersion(VhdDynamicHeader.VersionOf(bytes))
            ? VhdDynamicHeader.Decode(bytes)
            : throw new ImageException(
                ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' has a dynamic header of the unknown version {VhdDynamicHeader.VersionOf(bytes):X8}.");
    }

    private static void CheckBlockSize(IImageFile file, VhdFooter footer, VhdDynamicHeader header)
    {
        if (!BitOperations.IsPow2(header.BlockBytes) || header.BlockBytes is < VhdLimits.MinimumBlockBytes or > VhdLimits.MaximumBlockBytes)
        {
            throw ImageException.Corrupt(file.Path, footer.DataOffset, $"the block size {header.BlockBytes} is not a power of two from 4 KB to 256 MB");
        }
    }

    private static void CheckHeader(IImageFile file, VhdFooter footer, VhdDynamicHeader header, long blockCount)
    {
        var (path, offset) = (file.Path, footer.DataOffset);
        if (blockCount > VhdLimits.MaximumBlocks)
        {
            throw new ImageException(
                ImageErrorKind.Unsupported, path, $"The image '{path}' has {blockCount} blocks of {header.BlockBytes} bytes; at most {VhdLimits.MaximumBlocks} are supported.");
        }

        if (header.TableEntries < blockCount)
        {
            throw ImageException.Corrupt(path, offset, $"the block table has {header.TableEntries} entries, and the disk of {footer.CurrentSizeBytes} bytes needs {blockCount}");
        }

        if (header.TableOffset < VhdFooter.LengthBytes || header.TableOffset % VhdLimits.SectorBytes != 0)
        {
            throw ImageException.Corrupt(path, offset, $"the block table cannot be at {header.TableOffset}");
        }

        if (header.TableOffset > file.LengthBytes - (blockCount * sizeof(uint)))
        {
            throw ImageException.Corrupt(
                path, header.TableOffset, $"the block table of {blockCount * sizeof(uint)} bytes ends behind the end of the file ({file.LengthBytes}): the file is truncated");
        }
    }
}
