using Vireo.Disks.Files;
using Vireo.Disks.Operations;

namespace Vireo.Disks.Vhd;

/// <summary>
/// Drops blocks that hold nothing and moves the last ones into the gaps. A block is copied and durable before its table entry names the copy,
/// and a place is given to another block only when the entry that left it is durable.
/// </summary>
internal sealed class VhdCompaction(IImageFile file, VhdSparseImage image)
{
    private const int MostAtOnce = 32;
    private const int PieceBytes = 1 << 20;
    private readonly long _spanBytes = image.Bitmaps.BitmapBytes + (long)image.BlockBytes;
    private readonly byte[] _piece = new byte[PieceBytes];
    private readonly InnerCopy _copy = new(file);

    /// <summary>Where, below the last block's end, a structure of so many bytes has room between the others; -1 when nowhere.</summary>
    public static long FindGap(VhdSparseImage image, long lengthBytes)
    {
        var spanBytes = image.Bitmaps.BitmapBytes + (long)image.BlockBytes;
        var taken = Structures(image);
        taken.AddRange(VhdBlockTableCheck.Places(image.Table).Select(block => (block.Place, block.Place + spanBytes)));
        taken.Sort();
        var end = 0L;
        foreach (var (start, stop) in taken)
        {
            end = VhdLimits.RoundUp(end, VhdLimits.SectorBytes);
            if (start - end >= lengthBytes)
            {
                return end;
            }

            end = Math.Max(end, stop);
        }

        return VhdLimits.RoundUp(end, VhdLimits.SectorBytes);
    }

    /// <summary>How blocks that moved were copied.</summary>
    public CopyResult Copied => _copy.Result;

    /// <summary>Drops blocks: of a dynamic disk those that read as zeros, of a differencing disk those without a sector.</summary>
    public async Task DropAsync(bool looksForZeros, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var dropped = false;
        for (var block = 0L; block < image.Table.BlockCount; block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var place = image.Table.PlaceOf(block);
            if (place < 0)
            {
                continue;
            }

            Require(image.Bitmaps.IsEmpty(block, place, out var isEmpty));
            if (isEmpty || (!image.IsDifferencing && await IsZeroAsync(block, looksForZeros).ConfigureAwait(false)))
            {
                Require(image.Table.Write(file, block, -1));
                image.Table.Set(block, -1);
                image.Bitmaps.Forget(block);
                dropped = true;
            }

            progress?.Report(new CopyProgress((block + 1) * image.BlockBytes, 2 * image.Table.BlockCount * image.BlockBytes));
        }

        if (dropped)
        {
            Require(file.Flush());
        }
    }

    /// <summary>Moves blocks from the end of the file into the gaps.</summary>
    public void Move(IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var total = image.Table.BlockCount * image.BlockBytes;
        var moved = 0L;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var blocks = VhdBlockTableCheck.Places(image.Table);
            var batch = Plan(blocks);
            if (batch.Count == 0)
            {
                progress?.Report(new CopyProgress(2 * total, 2 * total));
                return;
            }

            foreach (var (block, from, to) in batch)
            {
                Copy(from, to);
                moved += image.BlockBytes;
                progress?.Report(new CopyProgress(Math.Min(total + moved, 2 * total), 2 * total));
            }

            Require(file.Flush());
            foreach (var (block, _, to) in batch)
            {
                Require(image.Table.Write(file, block, to));
                image.Table.Set(block, to);
                image.Bitmaps.Forget(block);
            }

            Require(file.Flush());
        }
    }

    private static List<(long Start, long End)> Structures(VhdSparseImage image)
    {
        List<(long Start, long End)> taken =
        [
            (0, VhdFooter.LengthBytes),
            (image.Footer.DataOffset, image.Footer.DataOffset + VhdDynamicHeader.LengthBytes),
            (image.Table.Offset, image.Table.Offset + VhdLimits.RoundUp(image.Table.BlockCount * sizeof(uint), VhdLimits.SectorBytes)),
        ];
        if (image.IsDifferencing)
        {
            taken.AddRange(image.Header.Locators.Where(static locator => locator is { Code: not 0, LengthBytes: > 0, Offset: > 0 } && locator.Offset <= uint.MaxValue * (long)VhdLimits.SectorBytes)
                .Select(static locator => (locator.Offset, VhdLimits.RoundUp(locator.Offset + locator.LengthBytes, VhdLimits.SectorBytes))));
        }

        return taken;
    }

    // The blocks at the end of the file, each with the lowest free place in front of it.
    private List<(long Block, long From, long To)> Plan((long Place, long Block)[] blocks)
    {
        var taken = Structures(image);
        taken.AddRange(blocks.Select(block => (block.Place, block.Place + _spanBytes)));
        taken.Sort();
        List<(long Block, long From, long To)> batch = [];
        var last = blocks.Length - 1;
        var end = 0L;
        foreach (var (start, stop) in taken)
        {
            for (var place = VhdLimits.PlaceAt(end, image.Bitmaps.BitmapBytes);
                place + _spanBytes <= start && last >= 0 && blocks[last].Place > place && batch.Count < MostAtOnce;
                place = VhdLimits.PlaceAt(place + _spanBytes, image.Bitmaps.BitmapBytes))
            {
                batch.Add((blocks[last].Block, blocks[last].Place, place));
                last--;
            }

            end = Math.Max(end, stop);
        }

        return batch;
    }

    private void Copy(long from, long to)
    {
        for (var done = 0L; done < _spanBytes;)
        {
            var run = file.MeasureRun(from + done, _spanBytes - done, out var isHole);
            if (isHole)
            {
                Require(file.Discard(to + done, run));
                done += run;
                continue;
            }

            var bytes = _piece.AsSpan(0, (int)Math.Min(run, _piece.Length));
            if (!_copy.TryCopy(from + done, to + done, bytes.Length))
            {
                Require(file.Read(from + done, bytes));
                Require(file.Write(to + done, bytes));
            }

            done += bytes.Length;
        }
    }

    private async Task<bool> IsZeroAsync(long block, bool looksForZeros)
    {
        var start = block * image.BlockBytes;
        var end = Math.Min(start + image.BlockBytes, image.Geometry.SizeBytes);
        List<BlockExtent> extents = [];
        for (var offset = start; offset < end;)
        {
            extents.Clear();
            Require(await image.MapOwnExtentsAsync(offset, end - offset, extents).ConfigureAwait(false));
            foreach (var extent in extents)
            {
                if (extent.Kind == ExtentKind.Data && (!looksForZeros || !IsZero(block, extent)))
                {
                    return false;
                }

                offset = extent.OffsetBytes + extent.LengthBytes;
            }
        }

        return true;
    }

    private bool IsZero(long block, BlockExtent extent)
    {
        var position = image.Table.PlaceOf(block) + image.Bitmaps.BitmapBytes + (extent.OffsetBytes % image.BlockBytes);
        for (var done = 0L; done < extent.LengthBytes;)
        {
            var bytes = _piece.AsSpan(0, (int)Math.Min(extent.LengthBytes - done, _piece.Length));
            Require(file.Read(position + done, bytes));
            if (bytes.IndexOfAnyExcept((byte)0) >= 0)
            {
                return false;
            }

            done += bytes.Length;
        }

        return true;
    }

    private void Require(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(image.Path, "change", status);
        }
    }
}
