namespace Vireo.Disks.Vhd;

/// <summary>How blocks lie in the file.</summary>
internal static class VhdPlacement
{
    /// <summary>
    /// Percent of neighbouring allocated blocks that do not lie one behind the other, and by how much the first payload that is not aligned to
    /// 4 KB is off.
    /// </summary>
    public static (double Fragmentation, int Misalignment) Measure(VhdBlockTable table, int bitmapBytes, int blockBytes)
    {
        var (present, jumps, misalignment, last) = (0L, 0L, 0, -1L);
        for (var block = 0L; block < table.BlockCount; block++)
        {
            var place = table.PlaceOf(block);
            if (place < 0)
            {
                continue;
            }

            present++;
            var payload = place + bitmapBytes;
            misalignment = misalignment == 0 ? (int)(payload % VhdLimits.AlignmentBytes) : misalignment;

            // Up to a page between two blocks is what alignment costs.
            jumps += last >= 0 && (place < last || place - last >= VhdLimits.AlignmentBytes) ? 1 : 0;
            last = payload + blockBytes;
        }

        return (present < 2 ? 0 : Math.Round(100.0 * jumps / (present - 1), 1), misalignment);
    }
}
