namespace Vireo.Disks;

/// <summary>A differencing image that can be merged into its parent block by block, while both are in use: what was merged, it lets go of.</summary>
public interface IMergeableImage : IDiskImage
{
    /// <summary>Unit in which it lets go.</summary>
    int BlockSizeBytes { get; }

    /// <summary>Whether this file, and not the parent, says what is at <paramref name="offsetBytes"/>, and how far, at most <paramref name="lengthBytes"/>, that is so.</summary>
    /// <remarks>Cheaper than <see cref="IDiskImage.MapOwnExtentsAsync"/>, which also looks for holes of the file.</remarks>
    ValueTask<(BlockStatus Status, bool IsHeld, long LengthBytes)> FindHeldAsync(long offsetBytes, long lengthBytes);

    /// <summary>
    /// Shows the parent in whole blocks from now on. The caller made the parent hold the same, durably: a power cut leaves each block as it was
    /// or let go. No write is under way inside the range; a read that is may still find what was here.
    /// </summary>
    ValueTask<BlockStatus> ReleaseAsync(long offsetBytes, long lengthBytes);
}
