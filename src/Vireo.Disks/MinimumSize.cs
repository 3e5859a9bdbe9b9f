namespace Vireo.Disks;

/// <summary>How small a disk could be made without losing what was written and not trimmed.</summary>
internal static class MinimumSize
{
    private const long SmallestBytes = 3L << 20;
    private const int MostExtents = 1 << 20;

    /// <summary>Measures an image that is open for reading; null when it is not worth the time.</summary>
    public static async Task<long?> MeasureAsync(IDiskImage image)
    {
        var size = image.Geometry.SizeBytes;
        if (image.ParentReference is not null)
        {
            // What the parent shows is data too, and which of it counts is not known here.
            return size;
        }

        List<BlockExtent> extents = [];
        var (last, seen) = (0L, 0);
        for (var offset = 0L; offset < size; offset = extents[^1].OffsetBytes + extents[^1].LengthBytes)
        {
            extents.Clear();
            var status = await image.MapExtentsAsync(offset, size - offset, extents).ConfigureAwait(false);
            seen += extents.Count;
            if (status != BlockStatus.Ok || seen > MostExtents)
            {
                return null;
            }

            foreach (var extent in extents)
            {
                last = extent.Kind == ExtentKind.Data ? extent.OffsetBytes + extent.LengthBytes : last;
            }
        }

        return Math.Min(size, Math.Max(last, SmallestBytes));
    }
}
