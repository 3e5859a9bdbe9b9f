using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Answers what a range of an image holds, joining neighbours of one kind.</summary>
internal readonly struct VhdxExtentMap(IImageFile file, int sectorBytes, List<BlockExtent> extents)
{
    private readonly int _first = extents.Count;

    private bool IsFull => extents.Count - _first >= ExtentLimit.PerRequest;

    /// <summary>Appends the extents of a range.</summary>
    /// <param name="file">The image's file.</param>
    /// <param name="parts">The image.</param>
    /// <param name="parent">Asked for what the image does not hold; null to say only that it does not.</param>
    /// <param name="offsetBytes">Where the range begins.</param>
    /// <param name="lengthBytes">How long it is.</param>
    /// <param name="extents">Where the answer goes.</param>
    public static async ValueTask<BlockStatus> RunAsync(
        IImageFile file, VhdxParts parts, ParentWindow? parent, long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var map = new VhdxExtentMap(file, parts.Metadata.Geometry.LogicalSectorBytes, extents);
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && !map.IsFull)
        {
            var status = parts.Find(offsetBytes, (int)Math.Min(end - offsetBytes, 1 << 30), out var run);
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            if (run.Source == VhdxSource.File)
            {
                map.AddPresent(offsetBytes, run.LengthBytes, run.FileOffset);
            }
            else if (run.Source == VhdxSource.Zeros || parent is null)
            {
                map.Add(offsetBytes, run.LengthBytes, run.Source == VhdxSource.Zeros ? ExtentKind.Hole | ExtentKind.Zero : ExtentKind.Hole);
            }
            else
            {
                // The parent may answer with less than it was asked for.
                status = await map.AddParentAsync(parent, offsetBytes, run.LengthBytes).ConfigureAwait(false);
                if (status != BlockStatus.Ok)
                {
                    return status;
                }

                offsetBytes = extents[^1].OffsetBytes + extents[^1].LengthBytes;
                continue;
            }

            offsetBytes += run.LengthBytes;
        }

        return BlockStatus.Ok;
    }

    private async ValueTask<BlockStatus> AddParentAsync(ParentWindow parent, long offsetBytes, long lengthBytes)
    {
        List<BlockExtent> answer = [];
        var status = await parent.MapExtentsAsync(offsetBytes, lengthBytes, answer).ConfigureAwait(false);
        foreach (var extent in answer)
        {
            Add(extent.OffsetBytes, extent.LengthBytes, extent.Kind);
        }

        return status == BlockStatus.Ok && answer.Count == 0 ? BlockStatus.IoError : status;
    }

    private void Add(long offsetBytes, long lengthBytes, ExtentKind kind)
    {
        if (extents.Count > _first && extents[^1].Kind == kind)
        {
            extents[^1] = extents[^1] with { LengthBytes = extents[^1].LengthBytes + lengthBytes };
        }
        else
        {
            extents.Add(new BlockExtent(offsetBytes, lengthBytes, kind));
        }
    }

    // Where the file has a hole, a present block is zeros.
    private void AddPresent(long offsetBytes, long lengthBytes, long fileOffset)
    {
        while (lengthBytes > 0)
        {
            var runBytes = file.MeasureRun(fileOffset, lengthBytes, out var isHole);

            // A sector that is partly hole counts as data.
            isHole &= runBytes >= sectorBytes;
            runBytes = isHole ? runBytes / sectorBytes * sectorBytes : Math.Min((runBytes + sectorBytes - 1) / sectorBytes * sectorBytes, lengthBytes);
            Add(offsetBytes, runBytes, isHole ? ExtentKind.Hole | ExtentKind.Zero : ExtentKind.Data);
            offsetBytes += runBytes;
            fileOffset += runBytes;
            lengthBytes -= runBytes;
        }
    }
}
