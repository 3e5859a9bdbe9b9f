using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// The only structure that is updated in place; there are two, and the valid one with the higher sequence number is current. The log
/// cannot protect it, because it says where the log is. [MS-VHDX] 2.2.2 Headers.
/// </summary>
/// <param name="SequenceNumber">Decides which header is current.</param>
/// <param name="FileWriteId">Changes before the first write to the file in each session.</param>
/// <param name="DataWriteId">Changes before the first change of what the guest sees in each session; a child checks it.</param>
/// <param name="LogId">Entries of the log with this id are to be replayed; empty when there are none.</param>
/// <param name="LogVersion">0.</param>
/// <param name="Version">1.</param>
/// <param name="LogLengthBytes">Multiple of 1 MB.</param>
/// <param name="LogOffsetBytes">Multiple of 1 MB, at least 1 MB.</param>
public sealed record VhdxHeader(
    ulong SequenceNumber, Guid FileWriteId, Guid DataWriteId, Guid LogId, ushort LogVersion, ushort Version, uint LogLengthBytes, ulong LogOffsetBytes)
{
    /// <summary>Length in the file, and of what the checksum covers.</summary>
    public const int LengthBytes = 4096;

    private const int ChecksumOffset = 4;

    private static ReadOnlySpan<byte> Signature => "head"u8;

    /// <summary>Reads a header; null unless signature and checksum are right.</summary>
    public static VhdxHeader? TryRead(ReadOnlySpan<byte> source)
    {
        source = source[..LengthBytes];
        if (!source.StartsWith(Signature)
            || BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]) != Crc32C.ComputeWithout(source, ChecksumOffset))
        {
            return null;
        }

        return new VhdxHeader(
            SequenceNumber: BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
            FileWriteId: new Guid(source.Slice(16, 16)),
            DataWriteId: new Guid(source.Slice(32, 16)),
            LogId: new Guid(source.Slice(48, 16)),
            LogVersion: BinaryPrimitives.ReadUInt16LittleEndian(source[64..]),
            Version: BinaryPrimitives.ReadUInt16LittleEndian(source[66..]),
            LogLengthBytes: BinaryPrimitives.ReadUInt32LittleEndian(source[68..]),
            LogOffsetBytes: BinaryPrimitives.ReadUInt64LittleEndian(source[72..]));
    }

    /// <summary>Writes the structure with its checksum.</summary>
    public void Write(Span<byte> target)
    {
        target = target[..LengthBytes];
        target.Clear();
        Signature.CopyTo(target);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], SequenceNumber);
        FileWriteId.TryWriteBytes(target[16..]);
        DataWriteId.TryWriteBytes(target[32..]);
        LogId.TryWriteBytes(target[48..]);
        BinaryPrimitives.WriteUInt16LittleEndian(target[64..], LogVersion);
        BinaryPrimitives.WriteUInt16LittleEndian(target[66..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(target[68..], LogLengthBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(target[72..], LogOffsetBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[ChecksumOffset..], Crc32C.ComputeWithout(target, ChecksumOffset));
    }
}
