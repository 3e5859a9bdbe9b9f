using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Whether every block lies inside the file and none over another or over a structure.</summary>
internal static class VhdBlockTableCheck
{
    /// <summary>Checks; returns where the last structure or block ends.</summary>
    /// <exception cref="ImageException">Two lie over each other, or one outside the file.</exception>
    public static long Run(IImageFile file, VhdFooter footer, VhdDynamicHeader header, VhdBlockTable table, VhdFooterPair footers)
    {
        List<(long Offset, long Length, string Name)> structures =
        [
            (0, VhdFooter.LengthBytes, "the footer's copy"),
            (footer.DataOffset, VhdDynamicHeader.LengthBytes, "the dynamic header"),
            (header.TableOffset, VhdLimits.RoundUp(table.BlockCount * sizeof(uint), VhdLimits.SectorBytes), "the block table"),
        ];
        foreach (var locator in header.Locators)
        {
            // One of an unknown kind may say anything.
            if (locator is { Code: not 0, LengthBytes: > 0, Offset: > 0 } && footer.DiskType == VhdDiskType.Differencing
                && locator.Offset <= file.LengthBytes - locator.LengthBytes)
            {
                structures.Add((locator.Offset, locator.LengthBytes, "a parent locator"));
            }
        }

        structures.Sort();
        for (var i = 1; i < structures.Count; i++)
        {
            if (structures[i].Offset < structures[i - 1].Offset + structures[i - 1].Length)
            {
                throw ImageException.Corrupt(file.Path, structures[i].Offset, $"{structures[i].Name} lies over {structures[i - 1].Name} at {structures[i - 1].Offset}");
            }
        }

        var blocks = Places(table);
        var bitmapBytes = VhdLimits.BitmapBytes((int)header.BlockBytes);
        var spanBytes = bitmapBytes + (long)header.BlockBytes;
        var limit = footers.IsEndValid ? footers.EndOffset : file.LengthBytes;
        var end = structures[^1].Offset + structures[^1].Length;
        for (var i = 0; i < blocks.Length; i++)
        {
            var (place, block) = blocks[i];
            if (i > 0 && place < blocks[i - 1].Place + spanBytes)
            {
                throw ImageException.Corrupt(file.Path, place, $"block {block} lies over block {blocks[i - 1].Block} at {blocks[i - 1].Place}");
            }

            // The last block of a disk need not be there to its end.
            var usedBytes = bitmapBytes + Math.Min(header.BlockBytes, footer.CurrentSizeBytes - (block * header.BlockBytes));
            if (place > limit - usedBytes)
            {
                throw ImageException.Corrupt(file.Path, place, $"block {block} ends behind the end of the data ({limit}): the file is truncated");
            }
        }

        foreach (var (offset, length, name) in structures)
        {
            // The last block that begins before the structure ends is the only one that can reach it.
            var index = Array.BinarySearch(blocks, (offset + length, -1L));
            index = (index < 0 ? ~index : index) - 1;
            if (index >= 0 && blocks[index].Place + spanBytes > offset)
            {
                throw ImageException.Corrupt(file.Path, blocks[index].Place, $"block {blocks[index].Block} lies over {name} at {offset}");
            }
        }

        return blocks.Length == 0 ? end : Math.Max(end, blocks[^1].Place + spanBytes);
    }

    /// <summary>The blocks that have a place, in the order of their places.</summary>
    public static (long Place, long Block)[] Places(VhdBlockTable table)
    {
        var count = 0;
        for (var block = 0L; block < table.BlockCount; block++)
        {
            count += table.PlaceOf(block) >= 0 ? 1 : 0;
        }

        var places = new (long Place, long Block)[count];
        count = 0;
        for (var block = 0L; block < table.BlockCount; block++)
        {
            if (table.PlaceOf(block) is >= 0 and var place)
            {
                places[count++] = (place, block);
            }
        }

        Array.Sort(places);
        return places;
    }
}
