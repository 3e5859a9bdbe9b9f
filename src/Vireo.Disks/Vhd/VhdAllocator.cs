using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>
/// Gives blocks their place behind the last one. A VHD has no log, so the order of writes keeps the file whole: places are prepared, several
/// at once, with zeros, their bitmaps and the footer behind them, and made durable; only then an entry of the block table names one. A power
/// cut before that leaves a file without the places; the footer's copy at the beginning says what the file is.
/// </summary>
/// <remarks>A block keeps its place while the image is open, so a request that looked it up a moment ago can never hit another block.</remarks>
internal sealed class VhdAllocator : IDisposable
{
    private const int MostPrepared = 32;
    private const long MostPreparedBytes = 64L << 20;
    private readonly IImageFile _file;
    private readonly VhdBlockTable _table;
    private readonly VhdBitmaps _bitmaps;
    private readonly VhdFooter _footer;
    private readonly int _blockBytes;
    private readonly SemaphoreSlim _allocating = new(1, 1);
    private readonly Queue<long> _prepared = new();
    private long _leftoverEnd;
    private int _next = 1;

    public VhdAllocator(IImageFile file, VhdBlockTable table, VhdBitmaps bitmaps, VhdFooter footer, int blockBytes, long endBytes)
    {
        (_file, _table, _bitmaps, _footer, _blockBytes, EndBytes, PreparedEndBytes) = (file, table, bitmaps, footer, blockBytes, endBytes, endBytes);

        // What lies between the last block and the end of the file was left by a session that was cut, and holds anything; a footer there goes too.
        _leftoverEnd = file.LengthBytes;
    }

    /// <summary>Where the last block or structure ends.</summary>
    public long EndBytes { get; private set; }

    /// <summary>Where the last place that was prepared ends: the footer is there.</summary>
    public long PreparedEndBytes { get; private set; }

    /// <summary>Gives a block its place, unless it has one. The block reads as before: the parent, or zeros.</summary>
    public async Task<(BlockStatus Status, long Place)> PlaceAsync(long block)
    {
        await _allocating.WaitAsync().ConfigureAwait(false);
        try
        {
            var place = _table.PlaceOf(block);
            if (place >= 0)
            {
                return (BlockStatus.Ok, place);
            }

            var status = BlockStatus.Ok;
            if (_prepared.Count == 0)
            {
                status = Prepare(_next);
                if (status == BlockStatus.NoSpace && _next > 1)
                {
                    _next = 1;
                    status = Prepare(1);
                }

                _next = (int)Math.Min(Math.Min(_next * 2, MostPrepared), Math.Max(1, MostPreparedBytes / _blockBytes));
            }

            if (status != BlockStatus.Ok)
            {
                return (status, -1);
            }

            place = _prepared.Peek();
            status = _table.Write(_file, block, place);
            if (status != BlockStatus.Ok)
            {
                // Half an entry cannot be there, but the whole one can: the place must not be given to another block.
                _prepared.Dequeue();
                return (status, -1);
            }

            _prepared.Dequeue();
            EndBytes = place + _bitmaps.BitmapBytes + _blockBytes;
            _bitmaps.Begin(block, isFull: _footer.DiskType == VhdDiskType.Dynamic);
            _table.Set(block, place);
            return (BlockStatus.Ok, place);
        }
        finally
        {
            _allocating.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _allocating.Dispose();

    private BlockStatus Prepare(int count)
    {
        var begin = PreparedEndBytes;
        var end = begin;
        List<long> places = [];
        for (var i = 0; i < count; i++)
        {
            var place = VhdLimits.PlaceAt(end, _bitmaps.BitmapBytes);
            if (place / VhdLimits.SectorBytes > VhdLimits.MaximumSector)
            {
                break;
            }

            places.Add(place);
            end = place + _bitmaps.BitmapBytes + _blockBytes;
        }

        if (places.Count == 0)
        {
            return BlockStatus.NoSpace;
        }

        var status = Clean(begin, end);
        if (status == BlockStatus.Ok && end + VhdFooter.LengthBytes > _file.LengthBytes)
        {
            status = _file.SetLength(end + VhdFooter.LengthBytes);
        }

        if (_footer.DiskType == VhdDiskType.Dynamic)
        {
            var ones = new byte[_bitmaps.BitmapBytes];
            Array.Fill(ones, (byte)0xFF);
            foreach (var place in places)
            {
                status = status == BlockStatus.Ok ? _file.Write(place, ones) : status;
            }
        }

        status = status == BlockStatus.Ok ? _file.Write(_file.LengthBytes - VhdFooter.LengthBytes, _footer.ToBytes()) : status;
        status = status == BlockStatus.Ok ? _file.Flush() : status;
        if (status != BlockStatus.Ok)
        {
            // What was done is beyond the end of the data; the next try makes it zeros again.
            _leftoverEnd = Math.Max(_leftoverEnd, _file.LengthBytes);
            return status;
        }

        PreparedEndBytes = end;
        places.ForEach(_prepared.Enqueue);
        return BlockStatus.Ok;
    }

    private BlockStatus Clean(long begin, long end)
    {
        var cleanEnd = Math.Min(Math.Min(_leftoverEnd, end), _file.LengthBytes);
        return begin < cleanEnd ? _file.Discard(begin, cleanEnd - begin) : BlockStatus.Ok;
    }
}
