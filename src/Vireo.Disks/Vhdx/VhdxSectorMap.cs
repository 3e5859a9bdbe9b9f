using System.Numerics;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// The sector bitmaps of a differencing file: one bit a sector, set when the sector is in this file. Only blocks that are partially present
/// look at theirs. [MS-VHDX] 2.4 Blocks.
/// </summary>
internal sealed class VhdxSectorMap(VhdxPageStore store, VhdxLayout layout, VhdxBlockTable table)
{
    /// <summary>Pages that the bits of one block can lie in, at most: 512-byte sectors in a block of 256 MB.</summary>
    public const int MaximumPagesPerBlock = 16;

    private const int PageBits = VhdxPage.LengthBytes * 8;
    private readonly VhdxPageCache _cache = new(store, check: null, layout.HasParent ? VhdxPageCache.MaximumPages / 2 : 1);

    /// <summary>How far from <paramref name="position"/> on, at most <paramref name="lengthBytes"/>, sectors of a block are alike.</summary>
    /// <param name="block">A block that is partially present.</param>
    /// <param name="position">Where in the block.</param>
    /// <param name="lengthBytes">How far to look, inside the block.</param>
    /// <param name="isPresent">Whether they are in this file.</param>
    /// <param name="runBytes">How far they are alike.</param>
    public BlockStatus MeasureRun(long block, int position, int lengthBytes, out bool isPresent, out int runBytes)
    {
        isPresent = false;
        runBytes = 0;
        var status = table.GetBitmap(layout.ChunkOf(block), out var bitmap);
        if (status == BlockStatus.Ok && bitmap.State != VhdxBlockState.FullyPresent)
        {
            status = BlockStatus.Corrupt;
        }

        if (status != BlockStatus.Ok)
        {
            return status;
        }

        var bit = layout.BitOf(block, position);
        var end = bit + layout.SectorsIn(lengthBytes);
        var first = bit;
        VhdxPage? page = null;
        while (bit < end)
        {
            if (page is null || bit % PageBits == 0)
            {
                status = _cache.Get(PageAt(bitmap, bit), out page);
                if (status != BlockStatus.Ok)
                {
                    return status;
                }
            }

            var word = page![bit % PageBits / 64];
            if (bit == first)
            {
                isPresent = ((word >> (bit & 63)) & 1) != 0;
            }

            // Sectors that are unlike the first are ones now.
            var unlike = (isPresent ? ~word : word) >> (bit & 63);
            var alike = Math.Min(unlike == 0 ? 64 : BitOperations.TrailingZeroCount(unlike), 64 - (bit & 63));
            bit += alike;
            if (alike == 0 || (bit & 63) != 0)
            {
                break;
            }
        }

        runBytes = layout.BytesOf(Math.Min(bit, end) - first);
        return BlockStatus.Ok;
    }

    /// <summary>Stages the bits of a block, at first cleared if <paramref name="isNew"/>, with those of a range set. Inside the log's gate.</summary>
    /// <param name="bitmap">The bitmap's place.</param>
    /// <param name="block">The block.</param>
    /// <param name="position">Where in the block the range begins.</param>
    /// <param name="lengthBytes">Length of the range.</param>
    /// <param name="isNew">The block was not partially present before: what its bits say is old.</param>
    /// <param name="change">Collects what changes together.</param>
    /// <param name="isFull">Whether all sectors of the block that lie on the disk are present now.</param>
    public BlockStatus Stage(VhdxBatEntry bitmap, long block, int position, int lengthBytes, bool isNew, VhdxChange change, out bool isFull)
    {
        isFull = true;
        var begin = layout.BitOf(block, 0);
        var end = begin + layout.SectorsIn(layout.BlockSizeBytes);
        var endOnDisk = begin + layout.SectorsIn(layout.UsedBytesOf(block));
        var first = layout.BitOf(block, position);
        var last = first + layout.SectorsIn(lengthBytes);
        Span<ulong> words = default;
        for (var bit = begin; bit < end; bit += 64)
        {
            if (bit == begin || bit % PageBits == 0)
            {
                var status = _cache.Stage(PageAt(bitmap, bit), change, out words);
                if (status != BlockStatus.Ok)
                {
                    return status;
                }
            }

            ref var word = ref words[bit % PageBits / 64];
            word = (isNew ? 0 : word) | Mask(bit, first, last);
            var onDisk = Mask(bit, begin, endOnDisk);
            isFull &= (word & onDisk) == onDisk;
        }

        return BlockStatus.Ok;
    }

    private static long PageAt(VhdxBatEntry bitmap, int bit) => bitmap.OffsetBytes + ((long)(bit / PageBits) * VhdxPage.LengthBytes);

    // The bits of the word that begins at a bit which lie in a range.
    private static ulong Mask(int bit, int first, int last)
    {
        var from = Math.Clamp(first - bit, 0, 64);
        var to = Math.Clamp(last - bit, 0, 64);
        return from >= to ? 0 : (ulong.MaxValue >> (64 - (to - from))) << from;
    }
}
