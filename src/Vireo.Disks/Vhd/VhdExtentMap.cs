using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Collects extents in order, joining neighbours of one kind.</summary>
internal readonly struct VhdExtentMap(List<BlockExtent> extents)
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

    /// <summary>Appends what the file holds: where it has a hole, the disk is zeros. Returns how many bytes were dealt with.</summary>
    public long AddFile(IImageFile file, long offsetBytes, long lengthBytes, long fileOffset)
    {
        var done = 0L;
        while (done < lengthBytes && !IsFull)
        {
            var leftBytes = lengthBytes - done;
            var runBytes = file.MeasureRun(fileOffset + done, leftBytes, out var isHole);

            // A sector that is partly hole counts as data.
            isHole &= runBytes >= VhdLimits.SectorBytes;
            runBytes = isHole ? runBytes / VhdLimits.SectorBytes * VhdLimits.SectorBytes : Math.Min(VhdLimits.RoundUp(runBytes, VhdLimits.SectorBytes), leftBytes);
            Add(offsetBytes + done, runBytes, isHole ? ExtentKind.Hole | ExtentKind.Zero : ExtentKind.Data);
            done += runBytes;
        }

        return done;
    }
}
