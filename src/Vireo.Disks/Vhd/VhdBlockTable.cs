using System.Buffers.Binary;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>
/// Where each block is in the file: its bitmap, and right behind it the payload. Kept in memory; lookups do not wait for changes.
/// [VHD] Block Allocation Table and Data Blocks.
/// </summary>
internal sealed class VhdBlockTable
{
    private const int EntryBytes = sizeof(uint);
    private const int PieceBytes = 1 << 20;
    private readonly uint[] _sectors;

    private VhdBlockTable(uint[] sectors, long offset)
    {
        _sectors = sectors;
        Offset = offset;
    }

    /// <summary>Where the table is in the file.</summary>
    public long Offset { get; }

    /// <summary>Blocks of the disk.</summary>
    public long BlockCount => _sectors.Length;

    /// <summary>Where the block's bitmap is, or -1 when the block has no place.</summary>
    public long PlaceOf(long block)
    {
        var sector = Volatile.Read(ref _sectors[block]);
        return sector == VhdLimits.UnusedEntry ? -1 : (long)sector * VhdLimits.SectorBytes;
    }

    /// <summary>A table in memory without places.</summary>
    public static VhdBlockTable Empty(long blockCount, long offset)
    {
        var sectors = new uint[blockCount];
        Array.Fill(sectors, VhdLimits.UnusedEntry);
        return new VhdBlockTable(sectors, offset);
    }

    /// <summary>Reads the entries of the disk's blocks; what the table has beyond is not looked at.</summary>
    /// <exception cref="ImageException">The storage failed.</exception>
    public static VhdBlockTable Read(IImageFile file, long offset, long blockCount)
    {
        var sectors = new uint[blockCount];
        var piece = new byte[Math.Min(PieceBytes, blockCount * EntryBytes)];
        for (var first = 0L; first < blockCount;)
        {
            var count = (int)Math.Min(piece.Length / EntryBytes, blockCount - first);
            var status = file.Read(offset + (first * EntryBytes), piece.AsSpan(0, count * EntryBytes));
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(file.Path, "read", status);
            }

            for (var i = 0; i < count; i++)
            {
                sectors[first + i] = BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(i * EntryBytes));
            }

            first += count;
        }

        return new VhdBlockTable(sectors, offset);
    }

    /// <summary>The same places for a disk of another size at another offset.</summary>
    public VhdBlockTable Moved(long offset, long blockCount)
    {
        var moved = Empty(blockCount, offset);
        Array.Copy(_sectors, moved._sectors, Math.Min(_sectors.Length, blockCount));
        return moved;
    }

    /// <summary>Changes an entry in memory only.</summary>
    public void Set(long block, long place) => Volatile.Write(ref _sectors[block], place < 0 ? VhdLimits.UnusedEntry : (uint)(place / VhdLimits.SectorBytes));

    /// <summary>
    /// Writes the sector of the file that holds the entry of <paramref name="block"/>, with the entry's new value. A disk writes a sector whole
    /// or not at all, so that a power cut leaves the old table or the new one.
    /// </summary>
    public BlockStatus Write(IImageFile file, long block, long place)
    {
        Span<byte> sector = stackalloc byte[VhdLimits.SectorBytes];
        var position = Offset + (block * EntryBytes);
        var sectorOffset = position / VhdLimits.SectorBytes * VhdLimits.SectorBytes;
        var status = file.Read(sectorOffset, sector);
        if (status != BlockStatus.Ok)
        {
            return status;
        }

        BinaryPrimitives.WriteUInt32BigEndian(
            sector[(int)(position - sectorOffset)..], place < 0 ? VhdLimits.UnusedEntry : (uint)(place / VhdLimits.SectorBytes));
        return file.Write(sectorOffset, sector);
    }

    /// <summary>Writes the whole table, filled up with entries without a place to <paramref name="entryCount"/> and to a whole sector.</summary>
    public BlockStatus WriteAll(IImageFile file, long entryCount)
    {
        var lengthBytes = VhdLimits.RoundUp(entryCount * EntryBytes, VhdLimits.SectorBytes);
        var piece = new byte[Math.Min(PieceBytes, lengthBytes)];
        for (var position = 0L; position < lengthBytes;)
        {
            var count = (int)Math.Min(piece.Length, lengthBytes - position);
            for (var i = 0; i < count; i += EntryBytes)
            {
                var block = (position + i) / EntryBytes;
                BinaryPrimitives.WriteUInt32BigEndian(piece.AsSpan(i), block < _sectors.Length ? _sectors[block] : VhdLimits.UnusedEntry);
            }

            var status = file.Write(Offset + position, piece.AsSpan(0, count));
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            position += count;
        }

        return BlockStatus.Ok;
    }
}
