using System.Numerics;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>
/// Which sectors of a block are in this file: a bitmap in front of each block, the most significant bit first. A bit that is not set means
/// the parent, or zeros where there is none. Blocks whose bits are all set are remembered; the other bitmaps are cached, in at most
/// <see cref="CacheBytes"/>. [VHD] Data Blocks.
/// </summary>
/// <remarks>Lookups take no lock unless they miss the cache. A bit is set in the file before it is seen in memory.</remarks>
internal sealed class VhdBitmaps(IImageFile file, long sizeBytes, int blockBytes, long blockCount)
{
    private const int CacheBytes = 4 << 20;
    private readonly int _bitmapBytes = VhdLimits.BitmapBytes(blockBytes);
    private readonly int _sectorsPerBlock = blockBytes / VhdLimits.SectorBytes;
    private readonly Lock _changing = new();
    private readonly bool[] _isFull = new bool[blockCount];
    private readonly Bitmap?[] _slots = new Bitmap?[Math.Max(4, CacheBytes / VhdLimits.BitmapBytes(blockBytes))];

    /// <summary>Length of a bitmap in the file.</summary>
    public int BitmapBytes => _bitmapBytes;

    /// <summary>Length, at most <paramref name="count"/>, of the run of sectors from <paramref name="first"/> on that are all here or all not.</summary>
    public BlockStatus Measure(long block, long place, int first, int count, out int run, out bool isHere)
    {
        if (Volatile.Read(ref _isFull[block]))
        {
            (run, isHere) = (count, true);
            return BlockStatus.Ok;
        }

        (run, isHere) = (0, false);
        var status = Find(block, place, out var bitmap);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        if (bitmap is null)
        {
            (run, isHere) = (count, true);
            return BlockStatus.Ok;
        }

        isHere = bitmap.IsSet(first);
        run = 1;
        while (run < count && bitmap.IsSet(first + run) == isHere)
        {
            run++;
        }

        return BlockStatus.Ok;
    }

    /// <summary>Whether no sector of the block is here.</summary>
    public BlockStatus IsEmpty(long block, long place, out bool isEmpty)
    {
        var sectors = SectorsOf(block);
        var status = Measure(block, place, 0, sectors, out var run, out var isHere);
        isEmpty = run == sectors && !isHere;
        return status;
    }

    /// <summary>A block that just got its place, with a bitmap of ones (or of zeros) in the file.</summary>
    public void Begin(long block, bool isFull)
    {
        lock (_changing)
        {
            _isFull[block] = isFull;
            if (!isFull)
            {
                Keep(new Bitmap(block, new byte[_bitmapBytes]));
            }
        }
    }

    /// <summary>Forgets a block, because its place has changed.</summary>
    public void Forget(long block)
    {
        lock (_changing)
        {
            _isFull[block] = false;
            if (_slots[block % _slots.Length]?.Block == block)
            {
                _slots[block % _slots.Length] = null;
            }
        }
    }

    /// <summary>Notes that sectors are here from now on; their content is durable already.</summary>
    public BlockStatus Set(long block, long place, int first, int count)
    {
        lock (_changing)
        {
            var status = Load(block, place, out var bitmap);
            if (status != BlockStatus.Ok || bitmap is null)
            {
                return status;
            }

            var from = first / 8 / VhdLimits.SectorBytes * VhdLimits.SectorBytes;
            var to = (int)VhdLimits.RoundUp((first + count + 7) / 8, VhdLimits.SectorBytes);
            var changed = bitmap.Bytes.AsSpan(from, to - from).ToArray();
            for (var sector = first; sector < first + count; sector++)
            {
                changed[(sector / 8) - from] |= (byte)(0x80 >> (sector % 8));
            }

            status = file.Write(place + from, changed);
            if (status == BlockStatus.Ok)
            {
                changed.CopyTo(bitmap.Bytes.AsSpan(from));
                if (bitmap.IsFull(SectorsOf(block)))
                {
                    Volatile.Write(ref _isFull[block], true);
                }
            }

            return status;
        }
    }

    /// <summary>Notes that no sector of the block is here any more: the parent, which holds the same durably, is seen instead.</summary>
    /// <remarks>Each sector of the bitmap is whole after a power cut, and old and new bits show the same.</remarks>
    public BlockStatus Clear(long block, long place)
    {
        lock (_changing)
        {
            var status = file.Write(place, new byte[_bitmapBytes]);
            if (status == BlockStatus.Ok)
            {
                Keep(new Bitmap(block, new byte[_bitmapBytes]));
                Volatile.Write(ref _isFull[block], false);
            }

            return status;
        }
    }

    private int SectorsOf(long block) => (int)Math.Min(_sectorsPerBlock, ((sizeBytes - (block * blockBytes)) + VhdLimits.SectorBytes - 1) / VhdLimits.SectorBytes);

    private BlockStatus Find(long block, long place, out Bitmap? bitmap)
    {
        bitmap = Volatile.Read(ref _slots[block % _slots.Length]);
        if (bitmap?.Block == block)
        {
            return BlockStatus.Ok;
        }

        lock (_changing)
        {
            return Load(block, place, out bitmap);
        }
    }

    // Null when all bits are set.
    private BlockStatus Load(long block, long place, out Bitmap? bitmap)
    {
        bitmap = _slots[block % _slots.Length];
        if (_isFull[block])
        {
            bitmap = null;
            return BlockStatus.Ok;
        }

        if (bitmap?.Block == block)
        {
            return BlockStatus.Ok;
        }

        var bytes = new byte[_bitmapBytes];
        var status = file.Read(place, bytes);
        if (status != BlockStatus.Ok)
        {
            bitmap = null;
            return status;
        }

        bitmap = new Bitmap(block, bytes);
        if (bitmap.IsFull(SectorsOf(block)))
        {
            Volatile.Write(ref _isFull[block], true);
            bitmap = null;
        }
        else
        {
            Keep(bitmap);
        }

        return BlockStatus.Ok;
    }

    private void Keep(Bitmap bitmap) => Volatile.Write(ref _slots[bitmap.Block % _slots.Length], bitmap);

    private sealed class Bitmap(long block, byte[] bytes)
    {
        public long Block => block;

        public byte[] Bytes => bytes;

        public bool IsSet(int sector) => (Volatile.Read(ref bytes[sector / 8]) & (0x80 >> (sector % 8))) != 0;

        public bool IsFull(int sectors)
        {
            var whole = sectors / 8;
            return bytes.AsSpan(0, whole).IndexOfAnyExcept((byte)0xFF) < 0
                && (sectors % 8 == 0 || BitOperations.LeadingZeroCount((uint)(byte)~bytes[whole]) - 24 >= sectors % 8);
        }
    }
}
