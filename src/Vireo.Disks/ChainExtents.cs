namespace Vireo.Disks;

/// <summary>The extents of a differencing image as a guest sees them: its own, and where it holds nothing the parent's.</summary>
internal static class ChainExtents
{
    /// <summary>Appends extents for the range; answers as <see cref="IBlockDevice.MapExtentsAsync"/> does.</summary>
    public static async ValueTask<BlockStatus> MapAsync(IDiskImage image, long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        List<BlockExtent> own = [];
        var status = await image.MapOwnExtentsAsync(offsetBytes, lengthBytes, own).ConfigureAwait(false);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        var first = extents.Count;
        var parent = image.Parent;
        List<BlockExtent> below = [];
        foreach (var extent in own)
        {
            if (extent.Kind != ExtentKind.Hole)
            {
                Add(extents, first, extent);
                continue;
            }

            if (parent is null)
            {
                return BlockStatus.Unsupported;
            }

            var offset = extent.OffsetBytes;
            var end = offset + extent.LengthBytes;
            var parentEnd = Math.Min(end, parent.Geometry.SizeBytes);
            while (offset < parentEnd)
            {
                if (extents.Count - first >= ExtentLimit.PerRequest)
                {
                    return BlockStatus.Ok;
                }

                below.Clear();
                status = await parent.MapExtentsAsync(offset, parentEnd - offset, below).ConfigureAwait(false);
                if (status != BlockStatus.Ok)
                {
                    return status;
                }

                below.ForEach(piece => Add(extents, first, piece));
                offset = below[^1].OffsetBytes + below[^1].LengthBytes;
            }

            if (offset < end)
            {
                Add(extents, first, new BlockExtent(offset, end - offset, ExtentKind.Hole | ExtentKind.Zero));
            }
        }

        return BlockStatus.Ok;
    }

    private static void Add(List<BlockExtent> extents, int first, BlockExtent extent)
    {
        if (extents.Count > first && extents[^1].Kind == extent.Kind)
        {
            extents[^1] = extents[^1] with { LengthBytes = extents[^1].LengthBytes + extent.LengthBytes };
        }
        else
        {
            extents.Add(extent);
        }
    }
}
