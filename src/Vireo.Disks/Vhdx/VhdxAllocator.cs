using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Gives blocks their place in the file and takes their content away. One lock orders the changes; lookups do not take it. A block that
/// once had a place keeps it, trimmed or not, so a request that looked the place up a moment ago can never hit another block.
/// </summary>
internal sealed class VhdxAllocator(IImageFile file, VhdxBlockTable table, VhdxLayout layout, long endBytes)
{
    private readonly Lock _changing = new();

    // What lies between the last block and the end of the file was left by a session that did not come to log its blocks.
    private readonly long _leftoverEndBytes = file.LengthBytes;
    private long _endBytes = endBytes;

    /// <summary>Makes <paramref name="block"/> present. A new block reads as zeros: bytes of earlier users of the space never show.</summary>
    public BlockStatus Allocate(long block, out long offsetBytes)
    {
        lock (_changing)
        {
            return AllocateLocked(block, out offsetBytes);
        }
    }

    /// <summary>Marks a whole block as unmapped and gives its storage back; its place in the file stays its own.</summary>
    public BlockStatus Unmap(long block)
    {
        var index = layout.EntryOf(block);
        lock (_changing)
        {
            var entry = table[index];
            if (entry.State != VhdxBlockState.FullyPresent)
            {
                return BlockStatus.Ok;
            }

            // The mark first: when the storage cannot be given back, the content is at least no longer shown.
            table.Set(index, new VhdxBatEntry(VhdxBlockState.Unmapped, entry.OffsetBytes));
            return file.Discard(entry.OffsetBytes, layout.BlockSizeBytes);
        }
    }

    /// <summary>Makes a block whose content is undefined for other readers zeros for all of them.</summary>
    public BlockStatus DefineAsZero(long block)
    {
        var index = layout.EntryOf(block);
        lock (_changing)
        {
            var entry = table[index];
            if (entry.State is not (VhdxBlockState.Undefined or VhdxBlockState.Unmapped))
            {
                return BlockStatus.Ok;
            }

            if (entry.OffsetBytes != 0)
            {
                // The state "zero" cannot keep a place; a present block of holes costs no storage either.
                return AllocateLocked(block, out _);
            }

            table.Set(index, new VhdxBatEntry(VhdxBlockState.Zero, 0));
            return BlockStatus.Ok;
        }
    }

    private BlockStatus AllocateLocked(long block, out long offsetBytes)
    {
        var index = layout.EntryOf(block);
        var entry = table[index];
        offsetBytes = entry.OffsetBytes;
        if (entry.State == VhdxBlockState.FullyPresent)
        {
            return BlockStatus.Ok;
        }

        var isNew = offsetBytes == 0;
        if (isNew)
        {
            offsetBytes = _endBytes;
            if (file.LengthBytes < offsetBytes + layout.BlockSizeBytes)
            {
                var extended = file.SetLength(offsetBytes + layout.BlockSizeBytes);
                if (extended != BlockStatus.Ok)
                {
                    return extended;
                }
            }
        }

        if (!isNew || offsetBytes < _leftoverEndBytes)
        {
            var cleaned = file.Discard(offsetBytes, layout.BlockSizeBytes);
            if (cleaned != BlockStatus.Ok)
            {
                return cleaned;
            }
        }

        _endBytes = Math.Max(_endBytes, offsetBytes + layout.BlockSizeBytes);
        table.Set(index, new VhdxBatEntry(VhdxBlockState.FullyPresent, offsetBytes));
        return BlockStatus.Ok;
    }
}
