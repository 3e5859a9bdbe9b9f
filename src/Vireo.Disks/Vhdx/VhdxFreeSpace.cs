namespace Vireo.Disks.Vhdx;

/// <summary>Space of a clean file that nothing refers to.</summary>
internal static class VhdxFreeSpace
{
    /// <summary>Takes room for a structure of whole megabytes: the first gap that is long enough, or behind the end. It reads as zeros.</summary>
    /// <param name="parts">The image as it was just read.</param>
    /// <param name="rewrite">Changes the file.</param>
    /// <param name="lengthBytes">How much, rounded up to whole megabytes.</param>
    /// <exception cref="ImageException">The storage failed.</exception>
    public static long Take(VhdxParts parts, VhdxRewrite rewrite, long lengthBytes)
    {
        lengthBytes = RoundUp(lengthBytes);
        var file = rewrite.File;
        foreach (var gap in parts.Space.Gaps)
        {
            if (gap.LengthBytes >= lengthBytes)
            {
                rewrite.Require(file.Discard(gap.OffsetBytes, lengthBytes), "clean space in");
                return gap.OffsetBytes;
            }
        }

        var offset = parts.Space.EndBytes;
        if (offset > VhdxLimits.MaximumFileBytes - lengthBytes)
        {
            throw ImageException.Failed(file.Path, "extend", BlockStatus.NoSpace);
        }

        if (file.LengthBytes > offset)
        {
            rewrite.Require(file.Discard(offset, file.LengthBytes - offset), "clean space in");
        }

        if (file.LengthBytes < offset + lengthBytes)
        {
            rewrite.Require(file.SetLength(offset + lengthBytes), "extend");
        }

        return offset;
    }

    /// <summary>The next multiple of 1 MB.</summary>
    public static long RoundUp(long lengthBytes) => (lengthBytes + VhdxLimits.Megabyte - 1) / VhdxLimits.Megabyte * VhdxLimits.Megabyte;
}
