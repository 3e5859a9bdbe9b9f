namespace Vireo.Disks.Vhdx;

/// <summary>How far blocks that are neighbours on the virtual disk are neighbours in the file.</summary>
internal static class VhdxFragmentation
{
    // Counting is for people who look at an image; nobody waits for a table of gigabytes.
    private const long MaximumBlocks = 1 << 20;

    /// <summary>Share of neighbouring present blocks that do not lie one behind the other, in percent; null for a disk of more than a million blocks.</summary>
    public static double? Measure(VhdxParts parts)
    {
        if (parts.Layout.BlockCount > MaximumBlocks)
        {
            return null;
        }

        var (present, jumps, last) = (0L, 0L, 0L);
        for (var block = 0L; block < parts.Layout.BlockCount; block++)
        {
            if (parts.Table.Get(block, out var entry) != BlockStatus.Ok || !entry.HasPlace)
            {
                continue;
            }

            present++;
            jumps += last != 0 && entry.OffsetBytes != last + parts.Layout.BlockSizeBytes ? 1 : 0;
            last = entry.OffsetBytes;
        }

        return present < 2 ? 0 : Math.Round(100.0 * jumps / (present - 1), 1);
    }
}
