using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>
/// The footer at the end of the file and the copy at its beginning: the copy is there for the day on which the other is damaged, for example
/// because the power went while the file grew. [VHD] Hard Disk Footer Format.
/// </summary>
/// <param name="Footer">The footer that counts.</param>
/// <param name="FoundAt">Where it was.</param>
/// <param name="EndOffset">Where the footer at the end is, or should be.</param>
/// <param name="IsEndValid">Whether the one at the end is valid.</param>
/// <param name="NeedsRepair">Whether not both are valid and equal; of a fixed disk, whether the one at the end is missing.</param>
internal sealed record VhdFooterPair(VhdFooter Footer, long FoundAt, long EndOffset, bool IsEndValid, bool NeedsRepair)
{
    private const int PieceBytes = 64 << 10;
    private const long SearchedBytes = 64 << 20;

    /// <summary>Reads both.</summary>
    /// <exception cref="ImageException">None is valid.</exception>
    public static VhdFooterPair Read(IImageFile file, bool acceptBadChecksums)
    {
        if (file.LengthBytes < VhdFooter.LengthBytes)
        {
            throw ImageException.Corrupt(file.Path, 0, $"a VHD file cannot be {file.LengthBytes} bytes long");
        }

        var end = new byte[VhdFooter.LengthBytes];
        var copy = new byte[VhdFooter.LengthBytes];
        var endOffset = file.LengthBytes - VhdFooter.LengthBytes;
        Require(file.Read(endOffset, end), file.Path);
        if (!VhdFooter.HasCookie(end))
        {
            // Behind the end of the file come zeros, as the missing last byte is.
            var old = new byte[VhdFooter.LengthBytes];
            Require(file.Read(file.LengthBytes - VhdFooter.OldLengthBytes, old), file.Path);
            if (VhdFooter.HasCookie(old))
            {
                (end, endOffset) = (old, file.LengthBytes - VhdFooter.OldLengthBytes);
            }
        }

        Require(file.Read(0, copy), file.Path);
        var endFooter = VhdFooter.TryRead(end);
        var copyFooter = VhdFooter.TryRead(copy);
        if (endFooter is not null)
        {
            CheckVersion(file, end);
            var isWhole = endFooter.DiskType == VhdDiskType.Fixed || (endFooter == copyFooter && endOffset == file.LengthBytes - VhdFooter.LengthBytes);
            return new VhdFooterPair(endFooter, endOffset, endOffset, IsEndValid: true, NeedsRepair: !isWhole);
        }

        if (copyFooter is { DiskType: not VhdDiskType.Fixed })
        {
            CheckVersion(file, copy);
            return new VhdFooterPair(copyFooter, 0, endOffset, IsEndValid: false, NeedsRepair: true);
        }

        if (acceptBadChecksums && (VhdFooter.HasCookie(end) || VhdFooter.HasCookie(copy)))
        {
            var (bytes, foundAt) = VhdFooter.HasCookie(end) ? (end, endOffset) : (copy, 0);
            CheckVersion(file, bytes);
            return new VhdFooterPair(VhdFooter.Decode(bytes), foundAt, endOffset, IsEndValid: false, NeedsRepair: true);
        }

        if (FindLeftFooter(file) is { } left)
        {
            return left;
        }

        if (VhdFooter.HasCookie(end) || VhdFooter.HasCookie(copy))
        {
            var (bytes, foundAt) = VhdFooter.HasCookie(end) ? (end, endOffset) : (copy, 0);
            throw ImageException.Corrupt(
                file.Path, foundAt, $"the checksum of the footer is {VhdFooter.StoredChecksum(bytes):X8} and should be {VhdFooter.ComputeChecksum(bytes):X8}");
        }

        throw ImageException.Corrupt(file.Path, endOffset, "neither the end of the file nor its beginning holds a footer ('conectix'): the file is truncated or no VHD");
    }

    // A fixed disk has no copy. When the power goes while it grows, its footer lies at the end of the old size with nothing but zeros behind.
    private static VhdFooterPair? FindLeftFooter(IImageFile file)
    {
        var piece = new byte[PieceBytes];
        var end = LastData(file);
        for (var searched = 0L; end > 0 && searched < SearchedBytes; searched += PieceBytes)
        {
            var start = Math.Max(0, end - PieceBytes);
            var bytes = piece.AsSpan(0, (int)(end - start));
            Require(file.Read(start, bytes), file.Path);
            var last = bytes.LastIndexOfAnyExcept((byte)0);
            if (last < 0)
            {
                end = start;
                continue;
            }

            var offset = (start + last) / VhdLimits.SectorBytes * VhdLimits.SectorBytes;
            Span<byte> sector = stackalloc byte[VhdFooter.LengthBytes];
            Require(file.Read(offset, sector), file.Path);
            return VhdFooter.TryRead(sector) is { DiskType: VhdDiskType.Fixed } footer && footer.CurrentSizeBytes == offset
                ? new VhdFooterPair(footer, offset, offset, IsEndValid: true, NeedsRepair: true)
                : null;
        }

        return null;
    }

    private static long LastData(IImageFile file)
    {
        const int mostRuns = 1 << 20;
        var (offset, last) = (0L, 0L);
        for (var run = 0; run < mostRuns && offset < file.LengthBytes; run++)
        {
            var lengthBytes = file.MeasureRun(offset, file.LengthBytes - offset, out var isHole);
            offset += Math.Max(lengthBytes, 1);
            last = isHole ? last : offset;
        }

        return offset < file.LengthBytes ? file.LengthBytes : VhdLimits.RoundUp(last, VhdLimits.SectorBytes);
    }

    private static void CheckVersion(IImageFile file, byte[] bytes)
    {
        if (!VhdFooter.IsKnownVersion(VhdFooter.VersionOf(bytes)))
        {
            throw new ImageException(
                ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' is a VHD of the unknown version {VhdFooter.VersionOf(bytes):X8}.");
        }
    }

    private static void Require(BlockStatus status, string path)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, "read", status);
        }
    }
}
