using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>Head of a log entry. [MS-VHDX] 2.3.1.1 Entry Header.</summary>
/// <param name="EntryLengthBytes">Whole entry, a multiple of 4096.</param>
/// <param name="TailBytes">Place in the log of the oldest entry that must be replayed with this one.</param>
/// <param name="SequenceNumber">One more than the entry before.</param>
/// <param name="DescriptorCount">Descriptors that follow.</param>
/// <param name="LogId">Must be the header's, or the entry is a leftover.</param>
/// <param name="FlushedFileBytes">Length of the file, known durable, when the entry was written; a shorter file was truncated.</param>
/// <param name="LastFileBytes">Length the file must have after replay.</param>
public readonly record struct VhdxLogEntryHeader(
    int EntryLengthBytes, int TailBytes, ulong SequenceNumber, int DescriptorCount, Guid LogId, long FlushedFileBytes, long LastFileBytes)
{
    /// <summary>Length in the file; descriptors follow at once.</summary>
    public const int LengthBytes = 64;

    /// <summary>Unit of the log.</summary>
    public const int SectorBytes = 4096;

    /// <summary>Place of the checksum, which covers the whole entry.</summary>
    public const int ChecksumOffset = 4;

    private static ReadOnlySpan<byte> Signature => "loge"u8;

    /// <summary>Sectors taken by the header and <paramref name="descriptorCount"/> descriptors.</summary>
    public static int DescriptorSectors(int descriptorCount) =>
        (LengthBytes + (descriptorCount * VhdxLogDescriptor.LengthBytes) + SectorBytes - 1) / SectorBytes;

    /// <summary>Reads the head of an entry of a log of <paramref name="logBytes"/>; null when it cannot be one. The checksum is not looked at here.</summary>
    public static VhdxLogEntryHeader? TryRead(ReadOnlySpan<byte> source, Guid logId, int logBytes)
    {
        if (!source.StartsWith(Signature) || new Guid(source.Slice(32, 16)) != logId)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        var tail = BinaryPrimitives.ReadUInt32LittleEndian(source[12..]);
        var sequence = BinaryPrimitives.ReadUInt64LittleEndian(source[16..]);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(source[24..]);
        var flushed = BinaryPrimitives.ReadUInt64LittleEndian(source[48..]);
        var last = BinaryPrimitives.ReadUInt64LittleEndian(source[56..]);
        if (length == 0 || length > logBytes || length % SectorBytes != 0
            || tail >= logBytes || tail % SectorBytes != 0
            || sequence == 0
            || count > length / VhdxLogDescriptor.LengthBytes || DescriptorSectors((int)count) > length / SectorBytes
            || flushed > VhdxLimits.MaximumFileBytes || last > VhdxLimits.MaximumFileBytes)
        {
            return null;
        }

        return new VhdxLogEntryHeader((int)length, (int)tail, sequence, (int)count, logId, (long)flushed, (long)last);
    }

    /// <summary>Writes the head at the start of <paramref name="entry"/> and then the checksum over all of it.</summary>
    public void WriteAndSeal(Span<byte> entry)
    {
        entry[..LengthBytes].Clear();
        Signature.CopyTo(entry);
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], EntryLengthBytes);
        BinaryPrimitives.WriteInt32LittleEndian(entry[12..], TailBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], SequenceNumber);
        BinaryPrimitives.WriteInt32LittleEndian(entry[24..], DescriptorCount);
        LogId.TryWriteBytes(entry[32..]);
        BinaryPrimitives.WriteInt64LittleEndian(entry[48..], FlushedFileBytes);
        BinaryPrimitives.WriteInt64LittleEndian(entry[56..], LastFileBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[ChecksumOffset..], Crc32C.ComputeWithout(entry[..EntryLengthBytes], ChecksumOffset));
    }
}
