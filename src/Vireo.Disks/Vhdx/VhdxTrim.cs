using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Gives up the content of a range: whole blocks are unmapped, parts of blocks become holes of the file.</summary>
internal static class VhdxTrim
{
    /// <summary>Trims; what the parent holds of a block that is only partly trimmed stays visible.</summary>
    public static BlockStatus Run(IImageFile file, VhdxParts parts, long offsetBytes, long lengthBytes)
    {
        var layout = parts.Layout;
        var status = BlockStatus.Ok;
        var end = offsetBytes + lengthBytes;
        var (firstWhole, lastWhole) = (long.MaxValue, -1L);
        while (offsetBytes < end && status == BlockStatus.Ok)
        {
            var block = layout.BlockOf(offsetBytes);
            var position = layout.PositionInBlock(offsetBytes);
            var pieceBytes = (int)Math.Min(end - offsetBytes, layout.BlockSizeBytes - position);
            if (position == 0 && pieceBytes == layout.UsedBytesOf(block))
            {
                firstWhole = Math.Min(firstWhole, block);

                // Long ranges are not looked at block by block twice.
                lastWhole = layout.BlockOf(end) - (end == layout.SizeBytes && layout.PositionInBlock(end) != 0 ? 0 : 1);
                offsetBytes = Math.Min(end, layout.StartOf(lastWhole + 1));
                continue;
            }

            status = parts.Find(offsetBytes, pieceBytes, out var run);
            if (status == BlockStatus.Ok && run.Source == VhdxSource.File)
            {
                status = file.Discard(run.FileOffset, run.LengthBytes);
            }

            offsetBytes += run.LengthBytes;
        }

        return status == BlockStatus.Ok && firstWhole <= lastWhole ? parts.Allocator.Unmap(firstWhole, lastWhole) : status;
    }
}
