using System.Buffers.Binary;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Which megabytes of the file are in use: found by looking through the whole block table once, when the image is opened. Of a table that
/// is too long for that (more than 4 million entries that are not holes of the file: 4 TB in blocks of 1 MB, 128 TB in blocks of 32 MB)
/// only the end of the file is known, its entries are checked when they are needed, and overlaps are for the checker to find.
/// </summary>
internal sealed class VhdxSpace
{
    /// <summary>Bytes of a table that are looked through.</summary>
    public const long MaximumScanBytes = 32 << 20;

    private const int MaximumGaps = 4096;
    private const int MaximumDropped = 1 << 16;
    private readonly HashSet<long> _dropped = [];
    private readonly List<(long OffsetBytes, long LengthBytes)> _gaps = [];

    private VhdxSpace(long endBytes) => EndBytes = endBytes;

    /// <summary>Where the last block or region ends: new blocks go there.</summary>
    public long EndBytes { get; private set; }

    /// <summary>Whether the whole table was looked through.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Runs of megabytes below the end that nothing uses; the first few thousand.</summary>
    public IReadOnlyList<(long OffsetBytes, long LengthBytes)> Gaps => _gaps;

    /// <summary>Looks through the table.</summary>
    /// <exception cref="ImageException">An entry contradicts the format or another entry, or the table cannot be read.</exception>
    public static VhdxSpace Scan(IImageFile file, VhdxLayout layout, long tableOffset, VhdxEntryCheck check, IReadOnlyList<VhdxTakenRange> taken)
    {
        var used = new VhdxMegabyteMap(file.LengthBytes);
        foreach (var range in taken)
        {
            used.TryTake(range.OffsetBytes, range.LengthBytes);
        }

        var scan = new TableScan(file, layout, tableOffset, check, used);
        if (!scan.IsShort() || !scan.TakePresent())
        {
            return new VhdxSpace((file.LengthBytes + VhdxLimits.Megabyte - 1) / VhdxLimits.Megabyte * VhdxLimits.Megabyte);
        }

        var space = new VhdxSpace(0) { IsComplete = true };
        if (scan.HasKept)
        {
            scan.TakeKept(space._dropped);
        }

        space.EndBytes = Math.Max(used.EndBytes, VhdxLimits.Megabyte);
        used.CollectFree(VhdxLimits.Megabyte, space._gaps, MaximumGaps);
        return space;
    }

    /// <summary>
    /// Whether a block without content keeps its place in the file. It does when nobody else claims it; otherwise it gets new space when it is
    /// written.
    /// </summary>
    public bool IsKept(long index, VhdxBatEntry entry) =>
        IsComplete && entry.State is VhdxBlockState.Undefined or VhdxBlockState.Unmapped && !_dropped.Contains(index);

    private sealed class TableScan(IImageFile file, VhdxLayout layout, long tableOffset, VhdxEntryCheck check, VhdxMegabyteMap used)
    {
        private readonly byte[] _chunk = new byte[VhdxLimits.Megabyte];

        public bool HasKept { get; private set; }

        // Asks only where the holes are: a table that is too long is not read in vain.
        public bool IsShort()
        {
            var dataBytes = 0L;
            for (var position = 0L; position < layout.TableBytes && dataBytes <= MaximumScanBytes;)
            {
                var runBytes = Math.Max(file.MeasureRun(tableOffset + position, layout.TableBytes - position, out var isHole), 1);
                dataBytes += isHole ? 0 : runBytes;
                position += runBytes;
            }

            return dataBytes <= MaximumScanBytes;
        }

        public bool TakePresent()
        {
            var chunkOfPartial = -1L;
            foreach (var (index, entry) in Entries())
            {
                if (index < 0)
                {
                    return false;
                }

                var isBitmap = layout.IsBitmapEntry(index, out var block);
                var chunk = index / (layout.ChunkRatio + 1);
                if (chunkOfPartial >= 0 && chunk != chunkOfPartial)
                {
                    throw NoBitmap(chunkOfPartial);
                }

                if (check.FindProblem(index, entry) is { } problem)
                {
                    throw Corrupt(index, problem);
                }

                if (isBitmap && !layout.HasParent)
                {
                    continue;
                }

                if (isBitmap && entry.State == VhdxBlockState.FullyPresent)
                {
                    chunkOfPartial = -1;
                }

                if (entry.State == VhdxBlockState.PartiallyPresent)
                {
                    chunkOfPartial = chunk;
                }

                if (entry.HasPlace && !used.TryTake(entry.OffsetBytes, isBitmap ? VhdxLayout.BitmapBlockBytes : layout.BlockSizeBytes))
                {
                    throw Corrupt(index, $"{(isBitmap ? "a sector bitmap" : $"block {block}")} lies at {entry.OffsetBytes}, over another block");
                }

                HasKept |= !isBitmap && entry.RawOffsetBytes != 0 && entry.State is VhdxBlockState.Undefined or VhdxBlockState.Unmapped;
            }

            return chunkOfPartial < 0 ? true : throw NoBitmap(chunkOfPartial);
        }

        public void TakeKept(HashSet<long> dropped)
        {
            foreach (var (index, entry) in Entries())
            {
                if (layout.IsBitmapEntry(index, out _) || entry.RawOffsetBytes == 0 || entry.State is not (VhdxBlockState.Undefined or VhdxBlockState.Unmapped))
                {
                    continue;
                }

                if ((check.FindPlaceProblem(entry, layout.BlockSizeBytes) is not null || !used.TryTake(entry.OffsetBytes, layout.BlockSizeBytes))
                    && dropped.Add(index) && dropped.Count > MaximumDropped)
                {
                    throw Corrupt(index, "tens of thousands of trimmed blocks claim places that are not theirs");
                }
            }
        }

        private ImageException NoBitmap(long chunk) =>
            Corrupt(layout.BitmapEntryOf(chunk), $"blocks of chunk {chunk} are partially present, but the chunk has no sector bitmap");

        private ImageException Corrupt(long index, string what) => ImageException.Corrupt(file.Path, tableOffset + (index * VhdxBatEntry.LengthBytes), what);

        // Entries that are not zero, in order; an index of -1 says that there are too many to look at.
        private IEnumerable<(long Index, VhdxBatEntry Entry)> Entries()
        {
            var position = 0L;
            var budget = MaximumScanBytes;
            while (position < layout.TableBytes)
            {
                var runBytes = file.MeasureRun(tableOffset + position, layout.TableBytes - position, out var isHole);

                // A hole that ends inside an entry leaves that entry to be read.
                if (isHole && runBytes / VhdxBatEntry.LengthBytes > 0)
                {
                    position += runBytes / VhdxBatEntry.LengthBytes * VhdxBatEntry.LengthBytes;
                    continue;
                }

                var count = (int)Math.Min(_chunk.Length, layout.TableBytes - position);
                count = (int)Math.Min(count, Math.Max((runBytes + 4095) / 4096 * 4096, 4096));
                budget -= count;
                if (budget < 0)
                {
                    yield return (-1, default);
                    yield break;
                }

                var status = file.Read(tableOffset + position, _chunk.AsSpan(0, count));
                if (status != BlockStatus.Ok)
                {
                    throw ImageException.Failed(file.Path, "read the block allocation table of", status);
                }

                for (var i = 0; i < count; i += VhdxBatEntry.LengthBytes)
                {
                    var value = BinaryPrimitives.ReadUInt64LittleEndian(_chunk.AsSpan(i));
                    if (value != 0)
                    {
                        yield return ((position + i) / VhdxBatEntry.LengthBytes, new VhdxBatEntry(value));
                    }
                }

                position += count;
            }
        }
    }
}
