using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Gives blocks their place in the file and takes their content away. Changes come one after the other; lookups do not wait for them. A
/// block that once had a place keeps it, trimmed or not, so a request that looked the place up a moment ago can never hit another block.
/// </summary>
internal sealed class VhdxAllocator(IImageFile file, VhdxBlockTable table, VhdxLayout layout, VhdxMetadataLog log, long endBytes)
{
    // What lies between the last block and the end of the file was left by a session whose power was cut before it logged its blocks.
    private readonly long _leftoverEndBytes = file.LengthBytes;
    private long _endBytes = endBytes;

    /// <summary>Makes <paramref name="block"/> present. A new block reads as zeros: bytes of earlier users of the space never show.</summary>
    public BlockStatus Allocate(long block, out long offsetBytes)
    {
        var request = new Request(this, block, block);
        var status = log.Change(1, ref request, static (ref Request request) => request.Owner.AllocateInGate(request.First, out request.OffsetBytes));
        offsetBytes = request.OffsetBytes;
        return status;
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
            var status = log.Change(VhdxLogWriter.MaximumPages, ref request, static (ref Request request) => request.Owner.UnmapInGate(ref request));
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            first = request.First;
        }

        return BlockStatus.Ok;
    }

    /// <summary>Makes a block whose content is undefined for other readers zeros for all of them.</summary>
    public BlockStatus DefineAsZero(long block)
    {
        var request = new Request(this, block, block);
        return log.Change(1, ref request, static (ref Request request) => request.Owner.DefineAsZeroInGate(request.First));
    }

    private BlockStatus AllocateInGate(long block, out long offsetBytes)
    {
        var index = layout.EntryOf(block);
        var entry = table[index];
        offsetBytes = entry.OffsetBytes;
        if (entry.State == VhdxBlockState.FullyPresent)
        {
            return BlockStatus.Ok;
        }

        var status = offsetBytes == 0 ? TakeNewPlace(out offsetBytes) : file.Discard(offsetBytes, layout.BlockSizeBytes);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        // Into the log before others see it: a write that completes because the block is there must find it there after a kill.
        var present = new VhdxBatEntry(VhdxBlockState.FullyPresent, offsetBytes);
        status = log.Append([table.EncodeWith(index, present)]);
        if (status == BlockStatus.Ok)
        {
            _endBytes = Math.Max(_endBytes, offsetBytes + layout.BlockSizeBytes);
            table.Set(index, present);
        }

        return status;
    }

    private BlockStatus TakeNewPlace(out long offsetBytes)
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

        if (offsetBytes >= _leftoverEndBytes)
        {
            return BlockStatus.Ok;
        }

        // Durable at once: the log entry that makes the block present may reach the disk before anything else does.
        var cleaned = file.Discard(offsetBytes, layout.BlockSizeBytes);
        return cleaned == BlockStatus.Ok ? file.Flush() : cleaned;
    }

    private BlockStatus UnmapInGate(ref Request request)
    {
        List<(long OffsetBytes, byte[] Content)> pages = [];
        List<long> places = [];
        var page = -1;
        while (request.First <= request.Last)
        {
            var index = layout.EntryOf(request.First);
            if (table[index] is { State: VhdxBlockState.FullyPresent } entry)
            {
                if (VhdxBlockTable.PageOf(index) != page)
                {
                    if (pages.Count == VhdxLogWriter.MaximumPages - 1)
                    {
                        break;
                    }

                    AddPage(pages, page);
                    page = VhdxBlockTable.PageOf(index);
                }

                table.Set(index, new VhdxBatEntry(VhdxBlockState.Unmapped, entry.OffsetBytes));
                places.Add(entry.OffsetBytes);
            }

            request.First++;
        }

        AddPage(pages, page);
        var status = pages.Count == 0 ? BlockStatus.Ok : log.Append(pages);
        foreach (var place in places)
        {
            status = status == BlockStatus.Ok ? file.Discard(place, layout.BlockSizeBytes) : status;
        }

        return status;
    }

    private void AddPage(List<(long OffsetBytes, byte[] Content)> pages, int page)
    {
        if (page >= 0)
        {
            pages.Add(table.Encode(page));
        }
    }

    private BlockStatus DefineAsZeroInGate(long block)
    {
        var index = layout.EntryOf(block);
        var entry = table[index];
        if (entry.State is not (VhdxBlockState.Undefined or VhdxBlockState.Unmapped))
        {
            return BlockStatus.Ok;
        }

        if (entry.OffsetBytes != 0)
        {
            // The state "zero" cannot keep a place; a present block of holes costs no storage either.
            return AllocateInGate(block, out _);
        }

        var zero = new VhdxBatEntry(VhdxBlockState.Zero, 0);
        var status = log.Append([table.EncodeWith(index, zero)]);
        if (status == BlockStatus.Ok)
        {
            table.Set(index, zero);
        }

        return status;
    }

    private struct Request(VhdxAllocator owner, long first, long last)
    {
        public readonly VhdxAllocator Owner = owner;
        public readonly long Last = last;
        public long First = first;
        public long OffsetBytes;
    }
}
