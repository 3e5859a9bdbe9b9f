using System.Buffers.Binary;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Checks every entry of a block table, places against each other, bitmaps against states, and counts. [MS-VHDX] 2.5.</summary>
internal sealed class VhdxTableCheck
{
    private const ulong ReservedBits = 0xffff8;
    private readonly IImageFile _file;
    private readonly VhdxLayout _layout;
    private readonly VhdxMetadata _metadata;
    private readonly VhdxRegion _region;
    private readonly ImageReportBuilder _report;
    private readonly CancellationToken _cancellationToken;
    private readonly List<VhdxTakenRange> _taken = [];
    private readonly VhdxMegabyteMap _used;
    private readonly VhdxEntryCheck _check;
    private readonly long[] _states = new long[8];
    private readonly byte[] _piece = new byte[VhdxLimits.Megabyte];
    private readonly byte[] _bits = new byte[VhdxLimits.Megabyte];
    private readonly List<long> _partial = [];
    private long _bitmaps;
    private long _keptCount;

    public VhdxTableCheck(
        IImageFile file, VhdxHeader header, VhdxRegions regions, VhdxMetadata metadata, ImageReportBuilder report, CancellationToken cancellationToken)
    {
        _file = file;
        _metadata = metadata;
        _region = regions.BlockTable;
        _report = report;
        _cancellationToken = cancellationToken;
        _layout = new VhdxLayout(metadata.Geometry.SizeBytes, metadata.BlockSizeBytes, metadata.Geometry.LogicalSectorBytes, metadata.Parent is not null);
        _used = new VhdxMegabyteMap(file.LengthBytes);
        _taken.Add(new VhdxTakenRange((long)header.LogOffsetBytes, header.LogLengthBytes, "the log"));
        _taken.AddRange(regions.All.Select(static region => new VhdxTakenRange(region.OffsetBytes, region.LengthBytes, $"region {region.Id}")));
        foreach (var range in _taken)
        {
            if (range.EndBytes > file.LengthBytes)
            {
                throw ImageException.Corrupt(file.Path, range.OffsetBytes, $"{range.Name} of {range.LengthBytes} bytes ends behind the end of the file ({file.LengthBytes}): the file is truncated");
            }

            if (!_used.TryTake(range.OffsetBytes, range.LengthBytes))
            {
                report.Add(FindingSeverity.Error, range.OffsetBytes, $"{range.Name} lies over another region or the log", "!regions that lie over each other");
            }
        }

        _check = new VhdxEntryCheck(_layout, file, _taken);
    }

    /// <summary>Checks all.</summary>
    public void Run()
    {
        if (_layout.TableBytes > _region.LengthBytes)
        {
            throw ImageException.Corrupt(
                _file.Path, _region.OffsetBytes, $"the block allocation table needs {_layout.TableBytes} bytes, but its region has {_region.LengthBytes}");
        }

        ForEach(0, _layout.TableBytes, CheckEntry);
        EndChunk();

        // Behind the others, so that what is present has the better claim.
        if (_keptCount > 0)
        {
            ForEach(0, _layout.TableBytes, CheckKept);
        }

        var rest = 0L;
        ForEach(_layout.TableBytes, _region.LengthBytes, (_, _) => rest++);
        if (rest > 0)
        {
            _report.Add(FindingSeverity.Information, _region.OffsetBytes + _layout.TableBytes, $"{rest} entries behind the end of the block allocation table are not zero");
        }

        Summarize();
    }

    private void CheckEntry(long index, VhdxBatEntry entry)
    {
        var offset = _region.OffsetBytes + (index * VhdxBatEntry.LengthBytes);
        var isBitmap = _layout.IsBitmapEntry(index, out var block);
        if (_partial.Count > 0 && _layout.ChunkOf(_partial[0]) != index / (_layout.ChunkRatio + 1))
        {
            EndChunk();
        }

        if (isBitmap && !_layout.HasParent)
        {
            _report.Add(FindingSeverity.Warning, offset, "a disk without a parent has an entry for a sector bitmap", "entries for sector bitmaps");
            return;
        }

        if ((entry.Value & ReservedBits) != 0)
        {
            _report.Add(FindingSeverity.Warning, offset, $"entry {index} of the block allocation table uses reserved bits", "entries with reserved bits");
        }

        if (_check.FindProblem(index, entry) is { } problem)
        {
            _report.Add(FindingSeverity.Error, offset, problem, "!entries of the block allocation table that are damaged");
            return;
        }

        if (isBitmap)
        {
            EndChunk(entry);
        }
        else
        {
            _states[(int)entry.State]++;
            _keptCount += entry.HasPlace || entry.RawOffsetBytes == 0 ? 0 : 1;
            if (entry.State == VhdxBlockState.PartiallyPresent)
            {
                _partial.Add(block);
            }
        }

        if (entry.HasPlace && !_used.TryTake(entry.OffsetBytes, isBitmap ? VhdxLayout.BitmapBlockBytes : _layout.BlockSizeBytes))
        {
            _report.Add(FindingSeverity.Error, offset, $"{(isBitmap ? "a sector bitmap" : $"block {block}")} lies at {entry.OffsetBytes}, over another block", "!blocks that lie over each other");
        }
    }

    private void CheckKept(long index, VhdxBatEntry entry)
    {
        if (entry.HasPlace || entry.RawOffsetBytes == 0 || _layout.IsBitmapEntry(index, out var block) || entry.State is VhdxBlockState.NotPresent or VhdxBlockState.Zero)
        {
            return;
        }

        if (_check.FindPlaceProblem(entry, _layout.BlockSizeBytes) is not null || !_used.TryTake(entry.OffsetBytes, _layout.BlockSizeBytes))
        {
            _report.Add(
                FindingSeverity.Warning, _region.OffsetBytes + (index * VhdxBatEntry.LengthBytes), $"block {block} was trimmed and keeps a place at {entry.RawOffsetBytes} that is not its own", "trimmed blocks with places that are not theirs");
        }
    }

    private void EndChunk(VhdxBatEntry bitmap = default)
    {
        if (bitmap.State == VhdxBlockState.FullyPresent)
        {
            _bitmaps++;
            CheckBits(bitmap);
        }
        else if (_partial.Count > 0)
        {
            _report.Add(
                FindingSeverity.Error,
                _region.OffsetBytes + (_layout.BitmapEntryOf(_layout.ChunkOf(_partial[0])) * VhdxBatEntry.LengthBytes),
                $"blocks of chunk {_layout.ChunkOf(_partial[0])} are partially present, but the chunk has no sector bitmap",
                "!chunks without a sector bitmap");
        }

        _partial.Clear();
    }

    private void CheckBits(VhdxBatEntry bitmap)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        if (_partial.Count == 0)
        {
            _report.Add(FindingSeverity.Information, bitmap.OffsetBytes, "a sector bitmap is there, but none of its blocks is partially present", "sector bitmaps that nobody needs");
            return;
        }

        Require(_file.Read(bitmap.OffsetBytes, _bits));
        foreach (var block in _partial)
        {
            var first = _layout.BitOf(block, 0) / 8;
            var bits = _bits.AsSpan(first, Math.Max(1, _layout.SectorsIn(_layout.UsedBytesOf(block)) / 8));
            if (bits.IndexOfAnyExcept((byte)0) < 0 || bits.IndexOfAnyExcept((byte)0xff) < 0)
            {
                _report.Add(
                    FindingSeverity.Information, bitmap.OffsetBytes + first, $"block {block} is partially present, but {(bits[0] == 0 ? "none" : "all")} of its sectors are", "blocks that are not really partially present");
            }
        }
    }

    private void Summarize()
    {
        var present = _states[(int)VhdxBlockState.FullyPresent];
        var others = _layout.BlockCount - _states.Sum() + _states[(int)VhdxBlockState.NotPresent];
        _report.Line(
            1,
            $"Blocks: {_layout.BlockCount}; {present} fully present, {_states[(int)VhdxBlockState.PartiallyPresent]} partially present, {_states[(int)VhdxBlockState.Zero]} zero, {_states[(int)VhdxBlockState.Unmapped]} unmapped, {_states[(int)VhdxBlockState.Undefined]} undefined, {others} not present; {_bitmaps} sector bitmaps");
        if (_metadata.LeaveBlocksAllocated && present < _layout.BlockCount)
        {
            _report.Add(FindingSeverity.Information, _region.OffsetBytes, $"the disk is fixed, but {_layout.BlockCount - present} of its {_layout.BlockCount} blocks are not present");
        }

        // The first megabyte holds the headers.
        var lost = ((_file.LengthBytes >> 20) - 1 - _used.TakenCount) << 20;
        if (lost > 0)
        {
            _report.Line(1, $"Unused: {ImageReportBuilder.Size(lost)} of the file");
            _report.Add(FindingSeverity.Information, null, $"{ImageReportBuilder.Size(lost)} of the file are used by nothing; compacting gives them back");
        }
    }

    private void ForEach(long startBytes, long endBytes, Action<long, VhdxBatEntry> visit)
    {
        for (var position = startBytes; position < endBytes;)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            var runBytes = _file.MeasureRun(_region.OffsetBytes + position, endBytes - position, out var isHole);
            if (isHole && runBytes >= VhdxBatEntry.LengthBytes)
            {
                position += runBytes / VhdxBatEntry.LengthBytes * VhdxBatEntry.LengthBytes;
                continue;
            }

            var count = (int)Math.Min(_piece.Length, endBytes - position);
            Require(_file.Read(_region.OffsetBytes + position, _piece.AsSpan(0, count)));
            for (var i = 0; i < count; i += VhdxBatEntry.LengthBytes)
            {
                var value = BinaryPrimitives.ReadUInt64LittleEndian(_piece.AsSpan(i));
                if (value != 0)
                {
                    visit((position + i) / VhdxBatEntry.LengthBytes, new VhdxBatEntry(value));
                }
            }

            position += count;
        }
    }

    private void Require(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(_file.Path, "read", status);
        }
    }
}
