namespace Vireo.Disks.Vhdx;

/// <summary>
/// How the virtual disk maps to entries of the table: after each chunk of payload entries comes one entry for the chunk's sector
/// bitmap, also in files that have no bitmaps. [MS-VHDX] 2.4 Blocks, 2.5 BAT.
/// </summary>
public sealed class VhdxLayout
{
    /// <summary>Length of a sector bitmap block.</summary>
    public const int BitmapBlockBytes = 1 << 20;

    private readonly int _blockShift;
    private readonly int _chunkShift;
    private readonly int _sectorShift;

    /// <summary>The layout of a disk whose parameters were checked.</summary>
    public VhdxLayout(long sizeBytes, int blockSizeBytes, int logicalSectorBytes, bool hasParent = false)
    {
        Platform.Invariant.Check(System.Numerics.BitOperations.IsPow2(blockSizeBytes));
        SizeBytes = sizeBytes;
        BlockSizeBytes = blockSizeBytes;
        HasParent = hasParent;
        _blockShift = System.Numerics.BitOperations.Log2((uint)blockSizeBytes);
        _sectorShift = System.Numerics.BitOperations.Log2((uint)logicalSectorBytes);

        // A bitmap block of 1 MB has 2^23 bits, one a sector.
        var chunkBytes = (1L << 23) * logicalSectorBytes;
        ChunkRatio = (int)(chunkBytes / blockSizeBytes);
        _chunkShift = System.Numerics.BitOperations.Log2((uint)ChunkRatio);
        BlockCount = (sizeBytes + blockSizeBytes - 1) >> _blockShift;
        ChunkCount = ((BlockCount - 1) >> _chunkShift) + 1;
        EntryCount = hasParent ? ChunkCount * (ChunkRatio + 1) : BlockCount + ChunkCount - 1;
    }

    /// <summary>Size of the virtual disk.</summary>
    public long SizeBytes { get; }

    /// <summary>Size of a payload block, a power of two.</summary>
    public int BlockSizeBytes { get; }

    /// <summary>Whether the file is a differencing one.</summary>
    public bool HasParent { get; }

    /// <summary>Payload blocks a sector bitmap block.</summary>
    public int ChunkRatio { get; }

    /// <summary>Payload blocks; the last may be partly behind the end of the disk.</summary>
    public long BlockCount { get; }

    /// <summary>Chunks; the last may be partly behind the end of the disk.</summary>
    public long ChunkCount { get; }

    /// <summary>Entries of the table, bitmap entries included: to the last payload entry, or in a differencing file to the last bitmap entry.</summary>
    public long EntryCount { get; }

    /// <summary>Length of the table.</summary>
    public long TableBytes => EntryCount * VhdxBatEntry.LengthBytes;

    /// <summary>The block that holds a byte of the virtual disk.</summary>
    public long BlockOf(long offsetBytes) => offsetBytes >> _blockShift;

    /// <summary>First byte of a block on the virtual disk.</summary>
    public long StartOf(long block) => block << _blockShift;

    /// <summary>Position of a byte of the virtual disk in its block.</summary>
    public int PositionInBlock(long offsetBytes) => (int)(offsetBytes & (BlockSizeBytes - 1));

    /// <summary>Bytes of a block that lie on the virtual disk: all but for the last.</summary>
    public int UsedBytesOf(long block) => (int)Math.Min(BlockSizeBytes, SizeBytes - StartOf(block));

    /// <summary>Index in the table of a payload block's entry.</summary>
    public long EntryOf(long block) => block + (block >> _chunkShift);

    /// <summary>The chunk of a block.</summary>
    public long ChunkOf(long block) => block >> _chunkShift;

    /// <summary>Index in the table of a chunk's bitmap entry.</summary>
    public long BitmapEntryOf(long chunk) => (chunk << _chunkShift) + ChunkRatio + chunk;

    /// <summary>Whether the entry at <paramref name="index"/> is one for a bitmap; otherwise <paramref name="block"/> is its payload block.</summary>
    public bool IsBitmapEntry(long index, out long block)
    {
        var chunk = index / (ChunkRatio + 1);
        block = index - chunk;
        return index - (chunk * (ChunkRatio + 1)) == ChunkRatio;
    }

    /// <summary>Number of a byte's sector in its chunk: its bit in the chunk's bitmap.</summary>
    public int BitOf(long block, int position) => (int)((((block & (ChunkRatio - 1)) << _blockShift) + position) >> _sectorShift);

    /// <summary>Sectors in so many bytes.</summary>
    public int SectorsIn(int lengthBytes) => lengthBytes >> _sectorShift;

    /// <summary>Bytes in so many sectors.</summary>
    public int BytesOf(int sectors) => sectors << _sectorShift;
}
