using Vireo.Disks.Files;
using Vireo.Disks.Operations;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Makes a clean file smaller. Blocks that hold nothing are dropped first; then blocks from the end of the file are copied into free places
/// and the table is changed to where they are now, many at once; the old places are free only after that. A power cut leaves each
/// block in its old place or in its new one.
/// </summary>
/// <param name="parts">The image as it was just read.</param>
/// <param name="rewrite">Changes the file.</param>
/// <param name="progress">How far it is.</param>
/// <param name="cancellationToken">Leaves what was done so far.</param>
internal sealed class VhdxCompact(VhdxParts parts, VhdxRewrite rewrite, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
{
    // So much is copied between two commits at most.
    private const long BatchBytes = 256 << 20;
    private const int BatchPages = VhdxRewrite.MaximumPages - 4;
    private readonly VhdxLayout _layout = parts.Layout;
    private readonly IImageFile _file = rewrite.File;
    private readonly VhdxTableScan _table = new(parts, rewrite);
    private readonly byte[] _buffer = new byte[VhdxLimits.Megabyte];
    private readonly List<(long OffsetBytes, long LengthBytes)> _leaving = [];
    private readonly InnerCopy _copy = new(rewrite.File);
    private long _doneBytes;
    private long _totalBytes = parts.Layout.SizeBytes;

    /// <summary>How blocks that moved were copied.</summary>
    public CopyResult Copied => _copy.Result;

    /// <summary>Drops what holds nothing; with <see cref="CompactMode.Retrim"/> only gives storage back.</summary>
    public void Drop(CompactMode mode)
    {
        var looksForZeros = mode is CompactMode.Full or CompactMode.Prezeroed;
        var chunkOfPartial = -1L;
        _table.ForEach((index, entry) =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_layout.IsBitmapEntry(index, out var block))
            {
                var chunk = _layout.ChunkOf(block - 1);
                if (mode != CompactMode.Retrim && (chunkOfPartial != chunk || !_layout.HasParent))
                {
                    _table.Set(index, default);
                }
            }
            else if (DropBlock(index, block, entry, mode, looksForZeros) == VhdxBlockState.PartiallyPresent)
            {
                chunkOfPartial = _layout.ChunkOf(block);
            }

            CommitWhenFull();
            Report(_layout.StartOf(block));
        });
        rewrite.Commit(changesContent: false);
    }

    /// <summary>Moves blocks together and cuts the file off behind the last.</summary>
    public void Move()
    {
        var used = FindUsed();

        // Nothing lies behind this place when there are no gaps.
        var goal = VhdxLimits.Megabyte * (1 + used.TakenCount);
        var cursors = new Dictionary<long, long>();
        var moved = 0L;
        _totalBytes = used.TakenCount << 20;
        _doneBytes = 0;
        _table.ForEach((index, entry) =>
        {
            if (!entry.HasPlace || (!_layout.HasParent && _layout.IsBitmapEntry(index, out _)))
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            var lengthBytes = LengthOf(index);
            Report(_doneBytes + lengthBytes);
            if (entry.OffsetBytes + lengthBytes <= goal)
            {
                return;
            }

            var place = used.FindFree(cursors.GetValueOrDefault(lengthBytes, VhdxLimits.Megabyte), lengthBytes, entry.OffsetBytes);
            if (place < 0)
            {
                return;
            }

            cursors[lengthBytes] = place;
            used.TryTake(place, lengthBytes);
            Copy(entry.OffsetBytes, place, lengthBytes);
            _table.Set(index, new VhdxBatEntry(entry.State, place));
            _leaving.Add((entry.OffsetBytes, lengthBytes));
            moved += lengthBytes;
            if (moved >= BatchBytes || rewrite.Count >= BatchPages)
            {
                moved = 0;
                rewrite.Commit(changesContent: false);
                FreeLeft(used);
            }
        });
        rewrite.Commit(changesContent: false);
        FreeLeft(used);
        CutOff(used);
    }

    /// <summary>Moves the block table and the metadata down too, when there is room for them, and cuts the file off behind the last block.</summary>
    public void MoveRegions()
    {
        var used = FindUsed();
        List<VhdxRegion> regions = [.. parts.Regions.All];
        for (var i = 0; i < regions.Count; i++)
        {
            var region = regions[i];
            var place = region.Id == parts.Regions.Metadata.Id || region.Id == parts.Regions.BlockTable.Id
                ? used.FindFree(VhdxLimits.Megabyte, region.LengthBytes, region.OffsetBytes)
                : -1;
            if (place >= 0)
            {
                used.TryTake(place, region.LengthBytes);
                Copy(region.OffsetBytes, place, region.LengthBytes);
                used.Free(region.OffsetBytes, region.LengthBytes);
                regions[i] = region with { OffsetBytes = place };
            }
        }

        rewrite.ChangeRegions(regions);
        rewrite.Commit(changesContent: false);
        CutOff(used);
    }

    private VhdxMegabyteMap FindUsed()
    {
        var used = new VhdxMegabyteMap(_file.LengthBytes);
        foreach (var range in parts.Taken)
        {
            used.TryTake(range.OffsetBytes, range.LengthBytes);
        }

        _table.ForEach((index, entry) =>
        {
            if (entry.HasPlace && (_layout.HasParent || !_layout.IsBitmapEntry(index, out _)))
            {
                used.TryTake(entry.OffsetBytes, LengthOf(index));
            }
        });
        return used;
    }

    private void CutOff(VhdxMegabyteMap used)
    {
        var end = Math.Max(used.FindEnd(long.MaxValue), VhdxLimits.Megabyte);
        if (end < _file.LengthBytes)
        {
            rewrite.Require(_file.SetLength(end), "shorten");
            rewrite.Require(_file.Flush(), "write");
        }
    }

    private long LengthOf(long index) => _layout.IsBitmapEntry(index, out _) ? VhdxLayout.BitmapBlockBytes : _layout.BlockSizeBytes;

    private void FreeLeft(VhdxMegabyteMap used)
    {
        foreach (var (offset, length) in _leaving)
        {
            used.Free(offset, length);
        }

        _leaving.Clear();
    }

    private void CommitWhenFull()
    {
        if (rewrite.Count >= BatchPages)
        {
            rewrite.Commit(changesContent: false);
        }
    }

    private void Report(long doneBytes)
    {
        if (doneBytes - _doneBytes >= VhdxLimits.Megabyte)
        {
            _doneBytes = doneBytes;
            progress?.Report(new CopyProgress(Math.Min(_doneBytes, _totalBytes), _totalBytes));
        }
    }

    private VhdxBlockState DropBlock(long index, long block, VhdxBatEntry entry, CompactMode mode, bool looksForZeros)
    {
        switch (entry.State)
        {
            case VhdxBlockState.Undefined or VhdxBlockState.Unmapped when mode == CompactMode.Retrim:
                if (entry.RawOffsetBytes != 0 && parts.Space.IsKept(index, entry))
                {
                    rewrite.Require(_file.Discard(entry.OffsetBytes, _layout.BlockSizeBytes), "trim");
                }

                return entry.State;
            case VhdxBlockState.Undefined or VhdxBlockState.Unmapped:
                // Without a parent a trimmed block is as good as one that never was; with one it hides the parent's.
                _table.Set(index, _layout.HasParent ? new VhdxBatEntry(entry.State, 0) : default);
                return entry.State;
            case VhdxBlockState.FullyPresent when looksForZeros && IsZero(entry.OffsetBytes, _layout.UsedBytesOf(block)):
                _table.Set(index, _layout.HasParent ? new VhdxBatEntry(VhdxBlockState.Zero, 0) : default);
                return VhdxBlockState.Zero;
            case VhdxBlockState.PartiallyPresent when mode != CompactMode.Retrim:
                return SimplifyPartial(index, block, entry);
            default:
                return entry.State;
        }
    }

    // All sectors present, or none: then the block needs no bitmap.
    private VhdxBlockState SimplifyPartial(long index, long block, VhdxBatEntry entry)
    {
        rewrite.Require(parts.Sectors.MeasureRun(block, 0, _layout.UsedBytesOf(block), out var isPresent, out var runBytes), "read");
        if (runBytes < _layout.UsedBytesOf(block))
        {
            return entry.State;
        }

        _table.Set(index, isPresent ? new VhdxBatEntry(VhdxBlockState.FullyPresent, entry.OffsetBytes) : default);
        return isPresent ? VhdxBlockState.FullyPresent : VhdxBlockState.NotPresent;
    }

    private bool IsZero(long offset, long lengthBytes)
    {
        var end = offset + lengthBytes;
        while (offset < end)
        {
            var runBytes = _file.MeasureRun(offset, end - offset, out var isHole);
            for (var runEnd = offset + runBytes; offset < runEnd;)
            {
                var count = isHole ? runEnd - offset : Math.Min(_buffer.Length, runEnd - offset);
                if (!isHole)
                {
                    rewrite.Require(_file.Read(offset, _buffer.AsSpan(0, (int)count)), "read");
                    if (_buffer.AsSpan(0, (int)count).IndexOfAnyExcept((byte)0) >= 0)
                    {
                        return false;
                    }
                }

                offset += count;
            }
        }

        return true;
    }

    private void Copy(long from, long to, long lengthBytes)
    {
        rewrite.Require(_file.Discard(to, lengthBytes), "clean space in");
        for (var position = 0L; position < lengthBytes;)
        {
            var runBytes = _file.MeasureRun(from + position, lengthBytes - position, out var isHole);
            for (var runEnd = position + runBytes; position < runEnd;)
            {
                var count = isHole ? runEnd - position : Math.Min(_buffer.Length, runEnd - position);
                if (!isHole && !_copy.TryCopy(from + position, to + position, count))
                {
                    rewrite.Require(_file.Read(from + position, _buffer.AsSpan(0, (int)count)), "read");
                    rewrite.WriteUnused(to + position, _buffer.AsSpan(0, (int)count));
                }

                position += count;
            }
        }
    }
}
