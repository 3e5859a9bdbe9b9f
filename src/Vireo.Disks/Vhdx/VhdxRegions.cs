using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>The regions of an open file, as the first region table that is whole lists them.</summary>
/// <param name="All">Every region, known or not.</param>
/// <param name="Metadata">The metadata table and its items.</param>
/// <param name="BlockTable">The block allocation table.</param>
internal sealed record VhdxRegions(IReadOnlyList<VhdxRegion> All, VhdxRegion Metadata, VhdxRegion BlockTable)
{
    /// <summary>Reads the region table.</summary>
    /// <exception cref="ImageException">Neither copy is whole, an entry breaks a rule of the format, or a region that is needed is not listed.</exception>
    public static VhdxRegions Read(IImageFile file)
    {
        var table = new byte[VhdxRegionTable.LengthBytes];
        foreach (var offset in (ReadOnlySpan<long>)[VhdxLimits.FirstRegionTableOffset, VhdxLimits.SecondRegionTableOffset])
        {
            var status = file.Read(offset, table);
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(file.Path, "read", status);
            }

            if (VhdxRegionTable.IsValid(table))
            {
                var all = VhdxRegionTable.Read(table, file.Path, offset);
                return new VhdxRegions(
                    all, Find(all, VhdxRegionTable.MetadataRegion, "metadata", file.Path), Find(all, VhdxRegionTable.BlockTableRegion, "block allocation table", file.Path));
            }
        }

        throw ImageException.Corrupt(file.Path, VhdxLimits.FirstRegionTableOffset, "neither of the two region tables has a valid signature and checksum");
    }

    private static VhdxRegion Find(List<VhdxRegion> regions, Guid id, string name, string path)
    {
        var index = regions.FindIndex(region => region.Id == id);
        return index >= 0
            ? regions[index]
            : throw ImageException.Corrupt(path, VhdxLimits.FirstRegionTableOffset, $"the region table does not list the {name} region");
    }
}
