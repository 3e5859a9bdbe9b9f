using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Whether an entry of the block table can be believed by itself: a state that exists and fits the kind of file, a place inside the file
/// and not over a region or the log. [MS-VHDX] 2.5.1.
/// </summary>
/// <param name="layout">Of the virtual disk.</param>
/// <param name="file">The image, which may grow.</param>
/// <param name="taken">The regions and the log.</param>
internal sealed class VhdxEntryCheck(VhdxLayout layout, IImageFile file, IReadOnlyList<VhdxTakenRange> taken)
{
    /// <summary>What is wrong with the entry at <paramref name="index"/>; null when nothing is.</summary>
    public string? FindProblem(long index, VhdxBatEntry entry)
    {
        if (layout.IsBitmapEntry(index, out var block))
        {
            // Files without a parent do not use these entries, and some programs leave nonsense there.
            return !layout.HasParent || entry.State == VhdxBlockState.NotPresent ? null
                : entry.State != VhdxBlockState.FullyPresent ? $"bitmap of chunk {index / (layout.ChunkRatio + 1)} is in state {(int)entry.State}, which a bitmap cannot have"
                : FindPlaceProblem(entry, VhdxLayout.BitmapBlockBytes) is { } wrong ? $"bitmap of chunk {index / (layout.ChunkRatio + 1)} {wrong}"
                : null;
        }

        switch (entry.State)
        {
            case VhdxBlockState.NotPresent or VhdxBlockState.Undefined or VhdxBlockState.Zero or VhdxBlockState.Unmapped:
                return null;
            case VhdxBlockState.FullyPresent:
            case VhdxBlockState.PartiallyPresent when layout.HasParent:
                return FindPlaceProblem(entry, layout.BlockSizeBytes) is { } wrong ? $"block {block} {wrong}" : null;
            default:
                return $"block {block} is in state {(int)entry.State}, which a disk {(layout.HasParent ? "with" : "without")} a parent cannot have";
        }
    }

    /// <summary>What is wrong with the place of something that is <paramref name="lengthBytes"/> long; null when nothing is.</summary>
    public string? FindPlaceProblem(VhdxBatEntry entry, int lengthBytes)
    {
        var fileBytes = file.LengthBytes;
        if (entry.RawOffsetBytes < VhdxLimits.Megabyte)
        {
            return "is said to be present but has no place in the file";
        }

        if (entry.RawOffsetBytes > (ulong)fileBytes || entry.OffsetBytes > fileBytes - lengthBytes)
        {
            return $"lies at {entry.RawOffsetBytes}+{lengthBytes}, behind the end of the file ({fileBytes}): the file is truncated";
        }

        foreach (var range in taken)
        {
            if (entry.OffsetBytes < range.EndBytes && range.OffsetBytes < entry.OffsetBytes + lengthBytes)
            {
                return $"lies at {entry.OffsetBytes}, over {range.Name} at {range.OffsetBytes}+{range.LengthBytes}";
            }
        }

        return null;
    }
}

/// <summary>A part of the file that no block may lie in.</summary>
/// <param name="OffsetBytes">Where it begins.</param>
/// <param name="LengthBytes">How long it is.</param>
/// <param name="Name">What is there, for messages.</param>
internal sealed record VhdxTakenRange(long OffsetBytes, long LengthBytes, string Name)
{
    /// <summary>Where it ends.</summary>
    public long EndBytes => OffsetBytes + LengthBytes;
}
