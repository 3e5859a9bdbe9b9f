using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// 4096 bytes of data in the log. Signature and sequence number at both ends show a torn write; the bytes they displace are in the
/// descriptor. [MS-VHDX] 2.3.1.4 Data Sector.
/// </summary>
public static class VhdxLogDataSector
{
    private const int DataOffset = 8;
    private const int TrailerOffset = 4092;

    private static ReadOnlySpan<byte> Signature => "data"u8;

    /// <summary>Whether the sector belongs to the entry with <paramref name="sequenceNumber"/>.</summary>
    public static bool IsValid(ReadOnlySpan<byte> sector, ulong sequenceNumber) =>
        sector.StartsWith(Signature)
        && BinaryPrimitives.ReadUInt32LittleEndian(sector[4..]) == (uint)(sequenceNumber >> 32)
        && BinaryPrimitives.ReadUInt32LittleEndian(sector[TrailerOffset..]) == (uint)sequenceNumber;

    /// <summary>Puts the 4096 bytes of data together again.</summary>
    public static void Unpack(ReadOnlySpan<byte> sector, in VhdxLogDescriptor descriptor, Span<byte> page)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(page, descriptor.LeadingBytes);
        sector[DataOffset..TrailerOffset].CopyTo(page[DataOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(page[TrailerOffset..], descriptor.TrailingBytes);
    }

    /// <summary>Writes <paramref name="page"/> as a sector, and returns the descriptor that holds the displaced bytes.</summary>
    public static VhdxLogDescriptor Pack(ReadOnlySpan<byte> page, long fileOffset, ulong sequenceNumber, Span<byte> sector)
    {
        Signature.CopyTo(sector);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[4..], (uint)(sequenceNumber >> 32));
        page[DataOffset..TrailerOffset].CopyTo(sector[DataOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[TrailerOffset..], (uint)sequenceNumber);
        return new VhdxLogDescriptor(
            IsZero: false, fileOffset, 0, BinaryPrimitives.ReadUInt64LittleEndian(page), BinaryPrimitives.ReadUInt32LittleEndian(page[TrailerOffset..]));
    }
}
