using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Collects extents in order, joining neighbours of one kind.</summary>
internal readonly struct VhdxExtentMap(IImageFile file, int sectorBytes, List<BlockExtent> extents)
{
    private readonly int _first = extents.Count;

    /// <summary>Whether the answer is as long as an answer gets.</summary>
    public bool IsFull => extents.Count - _first >= ExtentLimit.PerRequest;

    /// <summary>Appends a run of one kind.</summary>
    public void Add(long offsetBytes, long lengthBytes, ExtentKind kind)
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

    /// <summary>Appends a part of a present block: where the file has a hole, the block is zeros.</summary>
    public void AddPresent(long offsetBytes, long lengthBytes, long fileOffset)
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
