using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// One change in a log entry: a sector of data, or a run of zeros. [MS-VHDX] 2.3.1.2 Zero Descriptor, 2.3.1.3 Data Descriptor.
/// </summary>
/// <param name="IsZero">A run of zeros; otherwise one data sector belongs to the descriptor.</param>
/// <param name="FileOffsetBytes">Where the change goes, a multiple of 4096.</param>
/// <param name="ZeroLengthBytes">Length of the run of zeros, a multiple of 4096.</param>
/// <param name="LeadingBytes">The first eight bytes of the data sector, whose place its signature takes.</param>
/// <param name="TrailingBytes">The last four bytes of the data sector, whose place its sequence number takes.</param>
public readonly record struct VhdxLogDescriptor(bool IsZero, long FileOffsetBytes, long ZeroLengthBytes, ulong LeadingBytes, uint TrailingBytes)
{
    /// <summary>Length in the file.</summary>
    public const int LengthBytes = 32;

    private static ReadOnlySpan<byte> DataSignature => "desc"u8;

    private static ReadOnlySpan<byte> ZeroSignature => "zero"u8;

    /// <summary>How many bytes of the file the change covers.</summary>
    public long CoveredBytes => IsZero ? ZeroLengthBytes : VhdxLogEntryHeader.SectorBytes;

    /// <summary>Reads a descriptor of the entry with <paramref name="sequenceNumber"/>; null when a field is out of bounds.</summary>
    public static VhdxLogDescriptor? TryRead(ReadOnlySpan<byte> source, ulong sequenceNumber)
    {
        var isZero = source.StartsWith(ZeroSignature);
        if ((!isZero && !source.StartsWith(DataSignature)) || BinaryPrimitives.ReadUInt64LittleEndian(source[24..]) != sequenceNumber)
        {
            return null;
        }

        var offset = BinaryPrimitives.ReadUInt64LittleEndian(source[16..]);
        var second = BinaryPrimitives.ReadUInt64LittleEndian(source[8..]);
        if (offset % VhdxLogEntryHeader.SectorBytes != 0 || offset >= VhdxLimits.MaximumFileBytes)
        {
            return null;
        }

        if (!isZero)
        {
            return new VhdxLogDescriptor(IsZero: false, (long)offset, 0, second, BinaryPrimitives.ReadUInt32LittleEndian(source[4..]));
        }

        return second % VhdxLogEntryHeader.SectorBytes == 0 && second <= VhdxLimits.MaximumFileBytes - offset
            ? new VhdxLogDescriptor(IsZero: true, (long)offset, (long)second, 0, 0)
            : null;
    }

    /// <summary>Writes a data descriptor.</summary>
    public void WriteData(Span<byte> target, ulong sequenceNumber)
    {
        Platform.Invariant.Check(!IsZero);
        DataSignature.CopyTo(target);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], TrailingBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], LeadingBytes);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], FileOffsetBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(target[24..], sequenceNumber);
    }
}
