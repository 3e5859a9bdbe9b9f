using System.Buffers.Binary;

namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>virtio 1.2 5.2.6: <c>struct virtio_blk_discard_write_zeroes</c>, and the same position checks for reads and writes.</summary>
internal readonly record struct BlockRange(long OffsetBytes, long LengthBytes, bool MayTrim)
{
    public const int LengthInRequest = 16;

    /// <summary>Parses a range; false when its flags or its position are impossible. The disk itself checks its end.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out BlockRange range)
    {
        const uint unmap = 1;
        var sectors = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if ((flags & ~unmap) != 0 || sectors > VirtioBlock.RangeSectorsMax
            || !TryGetOffset(BinaryPrimitives.ReadUInt64LittleEndian(bytes), out var offset))
        {
            range = default;
            return false;
        }

        range = new BlockRange(offset, (long)sectors * VirtioBlock.SectorBytes, (flags & unmap) != 0);
        return true;
    }

    /// <summary>Turns a sector into a position in bytes; false when no disk is that large.</summary>
    public static bool TryGetOffset(ulong sector, out long offsetBytes)
    {
        offsetBytes = (long)sector * VirtioBlock.SectorBytes;
        return sector <= long.MaxValue / VirtioBlock.SectorBytes;
    }
}
