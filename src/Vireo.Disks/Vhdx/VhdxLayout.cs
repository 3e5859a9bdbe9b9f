namespace Vireo.Disks.Vhdx;

/// <summary>
/// How the virtual disk maps to entries of the table: after each chunk of payload entries comes one entry for the chunk's sector
/// bitmap, also in files that have no bitmaps. [MS-VHDX] 2.4 Blocks, 2.5 BAT.
/// </summary>
public sealed class VhdxLayout
{
    private readonly int _blockShift;
    private readonly int _chunkShift;

    /// <summary>The layout of a disk whose parameters were checked.</summary>
    public VhdxLayout(long sizeBytes, int blockSizeBytes, int logicalSectorBytes)
    {
        Platform.Invariant.Check(System.Numerics.BitOperations.IsPow2(blockSizeBytes));
        SizeBytes = sizeBytes;
        BlockSizeBytes = blockSizeBytes;
        _blockShift = System.Numerics.BitOperations.Log2((uint)blockSizeBytes);

        // A bitmap block of 1 MB has 2^23 bits, one a sector.
        var chunkBytes = (1L << 23) * logicalSectorBytes;
        ChunkRatio = (int)(chunkBytes / blockSizeBytes);
        _chunkShift = System.Numerics.BitOperations.Log2((uint)ChunkRatio);
        BlockCount = (sizeBytes + blockSizeBytes - 1) >> _blockShift;
        EntryCount = BlockCount + ((BlockCount - 1) >> _chunkShift);
    }

    /// <summary>Size of the virtual disk.</summary>
    public long SizeBytes { get; }

    /// <summary>Size of a payload block, a power of two.</summary>
    public int BlockSizeBytes { get; }

    /// <summary>Payload blocks a sector bitmap block.</summary>
    public int ChunkRatio { get; }

    /// <summary>Payload blocks; the last may be partly behind the end of the disk.</summary>
    public long BlockCount { get; }

    /// <summary>Entries of the table of a fixed or dynamic file, bitmap entries between payload entries included.</summary>
    public long EntryCount { get; }

    /// <summary>The block that holds a byte of the virtual disk.</summary>
    public long BlockOf(long offsetBytes) => offsetBytes >> _blockShift;

    /// <summary>Position of that byte in its block.</summary>
    public int PositionInBlock(long offsetBytes) => (int)(offsetBytes & (BlockSizeBytes - 1));

    /// <summary>Index in the table of a payload block's entry.</summary>
    public long EntryOf(long block) => block + (block >> _chunkShift);
}
