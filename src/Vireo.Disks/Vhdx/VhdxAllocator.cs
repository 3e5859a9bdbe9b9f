using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Gives blocks their place in the file and takes their content away. Changes come one after the other; lookups do not wait for them. A
/// block that once had a place keeps it, trimmed or not, so a request that looked the place up a moment ago can never hit another block.
/// </summary>
/// <param name="file">The image.</param>
/// <param name="table">Where blocks are.</param>
/// <param name="sectors">Which sectors of a partially present block are there.</param>
/// <param name="layout">Of the virtual disk.</param>
/// <param name="log">Orders changes and keeps them.</param>
/// <param name="space">What was free when the image was opened.</param>
internal sealed class VhdxAllocator(IImageFile file, VhdxBlockTable table, VhdxSectorMap sectors, VhdxLayout layout, VhdxMetadataLog log, VhdxSpace space)
{
    // The file grows in steps of an eighth, so that a system call and a journal entry of the file system serve many blocks.
    private const int GrowthShift = 3;
    private const long MaximumGrowthBytes = 64 << 20;
    private const int PagesOfPartialBlock = VhdxSectorMap.MaximumPagesPerBlock + 2;
    private const int PagesOfUnmap = 32;
    private readonly Dictionary<long, long> _reserved = [];
    private readonly Queue<(long OffsetBytes, long LengthBytes)> _gaps = [];
    private long _endBytes = space.EndBytes;

    /// <summary>Where the last structure or block ends.</summary>
    public long EndBytes => Volatile.Read(ref _endBytes);

    /// <summary>
    /// Makes space that earlier sessions left behind zeros, so that it can be given to blocks. It must be durable before the first block is.
    /// </summary>
    public BlockStatus CleanFreeSpace()
    {
        var status = BlockStatus.Ok;
        _gaps.Clear();
        foreach (var gap in space.Gaps)
        {
            status = status == BlockStatus.Ok ? file.Discard(gap.OffsetBytes, gap.LengthBytes) : status;
            _gaps.Enqueue(gap);
        }

        // What lies between the last block and the end of the file was left by a session whose power was cut.
        return status == BlockStatus.Ok && file.LengthBytes > _endBytes ? file.Discard(_endBytes, file.LengthBytes - _endBytes) : status;
    }

    /// <summary>Makes <paramref name="block"/> fully present. A block that was not present reads as zeros: bytes of earlier users of the space never show.</summary>
    public BlockStatus Allocate(long block, out long offsetBytes)
    {
        var request = new Request(this, block, block);
        var status = log.Change(1, ref request, static (ref Request request, VhdxChange change) => request.Owner.AllocateInGate(request.First, change, out request.OffsetBytes));
        offsetBytes = request.OffsetBytes;
        return status;
    }

    /// <summary>
    /// Gives a block of which the parent shows through a place that nobody sees yet: what is written there counts when <see cref="Reveal"/>
    /// says so.
    /// </summary>
    public BlockStatus Reserve(long block, out long offsetBytes)
    {
        var request = new Request(this, block, block);
        var status = log.Change(1, ref request, static (ref Request request, VhdxChange _) => request.Owner.ReserveInGate(request.First, out request.OffsetBytes));
        offsetBytes = request.OffsetBytes;
        return status;
    }

    /// <summary>
    /// Makes sectors of a block present that were written to the reserved place, durably: otherwise a power cut could show neither what was
    /// there before nor what was written. When the block was trimmed or zeroed meanwhile, that counts as the later request.
    /// </summary>
    public BlockStatus Reveal(long block, int position, int lengthBytes)
    {
        var request = new Request(this, block, block) { Position = position, LengthBytes = lengthBytes };
        return log.Change(PagesOfPartialBlock, ref request, static (ref Request request, VhdxChange change) => request.Owner.RevealInGate(request, change));
    }

    /// <summary>
    /// Marks whole blocks as unmapped and gives their storage back; their places in the file stay their own. The marks go first: when the
    /// storage cannot be given back, the content is at least no longer shown.
    /// </summary>
    public BlockStatus Unmap(long first, long last)
    {
        while (first <= last)
        {
            var request = new Request(this, first, last);
            var status = log.Change(PagesOfUnmap, ref request, static (ref Request request, VhdxChange change) => request.Owner.UnmapInGate(ref request, change));
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            first = request.First;
        }

        return BlockStatus.Ok;
    }

    /// <summary>Makes a block that is not fully or partially present zeros for every reader.</summary>
    public BlockStatus DefineAsZero(long block)
    {
        var request = new Request(this, block, block);
        return log.Change(1, ref request, static (ref Request request, VhdxChange change) => request.Owner.DefineAsZeroInGate(request.First, change));
    }

    /// <summary>
    /// Lets the parent show through whole blocks. Their places are nobody's until the image is opened again: a request that looked one up a
    /// moment ago still finds there what it looked for.
    /// </summary>
    public BlockStatus Release(long first, long last)
    {
        while (first <= last)
        {
            var request = new Request(this, first, last);
            var status = log.Change(PagesOfUnmap, ref request, static (ref Request request, VhdxChange change) => request.Owner.ReleaseInGate(ref request, change));
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            first = request.First;
        }

        return BlockStatus.Ok;
    }

    private BlockStatus AllocateInGate(long block, VhdxChange change, out long offsetBytes)
    {
        var status = table.Get(block, out var entry);
        offsetBytes = entry.OffsetBytes;
        if (status != BlockStatus.Ok || entry.State == VhdxBlockState.FullyPresent)
        {
            return status;
        }

        Platform.Invariant.Check(entry.State != VhdxBlockState.PartiallyPresent);
        status = offsetBytes == 0 ? TakeNewPlace(layout.BlockSizeBytes, out offsetBytes) : file.Discard(offsetBytes, layout.BlockSizeBytes);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        // Into the log before others see it: a write that completes because the block is there must find it there after a kill.
        _reserved.Remove(block);
        status = table.Stage(layout.EntryOf(block), new VhdxBatEntry(VhdxBlockState.FullyPresent, offsetBytes), change);
        return status == BlockStatus.Ok ? log.Commit(_endBytes) : status;
    }

    private BlockStatus ReserveInGate(long block, out long offsetBytes)
    {
        var status = table.Get(block, out var entry);
        offsetBytes = entry.OffsetBytes;
        if (status != BlockStatus.Ok || entry.HasPlace || _reserved.TryGetValue(block, out offsetBytes))
        {
            return status;
        }

        status = TakeNewPlace(layout.BlockSizeBytes, out offsetBytes);
        if (status == BlockStatus.Ok)
        {
            _reserved.Add(block, offsetBytes);
        }

        return status;
    }

    private BlockStatus RevealInGate(Request request, VhdxChange change)
    {
        var block = request.First;
        var status = table.Get(block, out var entry);
        if (status != BlockStatus.Ok || entry.State is not (VhdxBlockState.NotPresent or VhdxBlockState.PartiallyPresent))
        {
            return status;
        }

        var isNew = entry.State == VhdxBlockState.NotPresent;
        var place = entry.OffsetBytes;
        if (isNew && !_reserved.TryGetValue(block, out place))
        {
            return BlockStatus.Ok;
        }

        var isFull = request.Position == 0 && request.LengthBytes == layout.UsedBytesOf(block);
        if (!isFull)
        {
            status = StageSectors(request, isNew, change, out isFull);
        }

        var state = isFull ? VhdxBlockState.FullyPresent : VhdxBlockState.PartiallyPresent;
        if (status == BlockStatus.Ok && state != entry.State)
        {
            status = table.Stage(layout.EntryOf(block), new VhdxBatEntry(state, place), change);
        }

        status = status == BlockStatus.Ok ? log.Commit(_endBytes) : status;
        if (status == BlockStatus.Ok)
        {
            _reserved.Remove(block);
        }

        return status;
    }

    private BlockStatus StageSectors(Request request, bool isNew, VhdxChange change, out bool isFull)
    {
        isFull = false;
        var chunk = layout.ChunkOf(request.First);
        var status = table.GetBitmap(chunk, out var bitmap);
        if (status == BlockStatus.Ok && bitmap.State != VhdxBlockState.FullyPresent)
        {
            status = TakeNewPlace(VhdxLayout.BitmapBlockBytes, out var place);
            bitmap = new VhdxBatEntry(VhdxBlockState.FullyPresent, place);
            status = status == BlockStatus.Ok ? table.Stage(layout.BitmapEntryOf(chunk), bitmap, change) : status;
        }

        return status == BlockStatus.Ok ? sectors.Stage(bitmap, request.First, request.Position, request.LengthBytes, isNew, change, out isFull) : status;
    }

    private BlockStatus TakeNewPlace(int lengthBytes, out long offsetBytes)
    {
        for (var i = _gaps.Count; i > 0; i--)
        {
            var gap = _gaps.Dequeue();
            if (gap.LengthBytes >= lengthBytes)
            {
                offsetBytes = gap.OffsetBytes;
                if (gap.LengthBytes > lengthBytes)
                {
                    _gaps.Enqueue((gap.OffsetBytes + lengthBytes, gap.LengthBytes - lengthBytes));
                }

                return BlockStatus.Ok;
            }

            if (gap.LengthBytes < layout.BlockSizeBytes && !layout.HasParent)
            {
                // Too short for any block of this file.
                continue;
            }

            _gaps.Enqueue(gap);
        }

        offsetBytes = _endBytes;
        var end = offsetBytes + lengthBytes;
        if (end > VhdxLimits.MaximumFileBytes)
        {
            return BlockStatus.NoSpace;
        }

        if (file.LengthBytes < end)
        {
            var growthBytes = Math.Min(end >> GrowthShift, MaximumGrowthBytes) / VhdxLimits.Megabyte * VhdxLimits.Megabyte;
            var extended = file.SetLength(end + growthBytes);
            extended = extended == BlockStatus.Ok ? extended : file.SetLength(end);
            if (extended != BlockStatus.Ok)
            {
                return extended;
            }
        }

        Volatile.Write(ref _endBytes, end);
        return BlockStatus.Ok;
    }

    private BlockStatus UnmapInGate(ref Request request, VhdxChange change)
    {
        List<long> places = [];
        var status = BlockStatus.Ok;
        while (request.First <= request.Last && status == BlockStatus.Ok && change.Count < PagesOfUnmap)
        {
            var block = request.First;
            status = table.Get(block, out var entry);
            if (status == BlockStatus.Ok && (entry.HasPlace || (layout.HasParent && entry.State == VhdxBlockState.NotPresent)))
            {
                // A block of which the parent showed through may have a place that was not told to anybody yet.
                var place = entry.HasPlace ? entry.OffsetBytes : _reserved.GetValueOrDefault(block);
                status = table.Stage(layout.EntryOf(block), new VhdxBatEntry(VhdxBlockState.Unmapped, place), change);
                _reserved.Remove(block);
                if (place != 0)
                {
                    places.Add(place);
                }
            }

            request.First++;
        }

        status = status == BlockStatus.Ok ? log.Commit(_endBytes) : status;
        foreach (var place in places)
        {
            status = status == BlockStatus.Ok ? file.Discard(place, layout.BlockSizeBytes) : status;
        }

        return status;
    }

    private BlockStatus ReleaseInGate(ref Request request, VhdxChange change)
    {
        var status = BlockStatus.Ok;
        while (request.First <= request.Last && status == BlockStatus.Ok && change.Count < PagesOfUnmap)
        {
            var block = request.First++;
            status = table.Get(block, out var entry);
            if (status == BlockStatus.Ok && entry.State != VhdxBlockState.NotPresent)
            {
                _reserved.Remove(block);
                status = table.Stage(layout.EntryOf(block), new VhdxBatEntry(VhdxBlockState.NotPresent, 0), change);
            }
        }

        return status == BlockStatus.Ok ? log.Commit(_endBytes) : status;
    }

    private BlockStatus DefineAsZeroInGate(long block, VhdxChange change)
    {
        var status = table.Get(block, out var entry);
        if (status != BlockStatus.Ok || entry.State is VhdxBlockState.Zero or VhdxBlockState.FullyPresent or VhdxBlockState.PartiallyPresent)
        {
            return status;
        }

        if (entry.OffsetBytes != 0)
        {
            // The state "zero" cannot keep a place; a present block of holes costs no storage either.
            return AllocateInGate(block, change, out _);
        }

        _reserved.Remove(block);
        status = table.Stage(layout.EntryOf(block), new VhdxBatEntry(VhdxBlockState.Zero, 0), change);
        return status == BlockStatus.Ok ? log.Commit(_endBytes) : status;
    }

    private struct Request(VhdxAllocator owner, long first, long last)
    {
        public readonly VhdxAllocator Owner = owner;
        public readonly long Last = last;
        public long First = first;
        public long OffsetBytes;
        public int Position;
        public int LengthBytes;
    }
}
