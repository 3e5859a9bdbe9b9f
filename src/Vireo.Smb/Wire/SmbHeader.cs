using System.Buffers.Binary;

namespace Vireo.Smb;

/// <summary>The header before every message. [MS-SMB2] 2.2.1.</summary>
/// <param name="Command">Of the request and of its answer.</param>
/// <param name="Status">Of an answer.</param>
/// <param name="Credits">Granted.</param>
/// <param name="Flags">See the constants.</param>
/// <param name="MessageId">Number of the request.</param>
/// <param name="TreeId">The share; not in asynchronous answers.</param>
/// <param name="SessionId">The session.</param>
internal readonly record struct SmbHeader(SmbCommand Command, NtStatus Status, ushort Credits, uint Flags, ulong MessageId, uint TreeId, ulong SessionId)
{
    /// <summary>Bytes of a header.</summary>
    public const int Bytes = 64;

    /// <summary>An answer. SMB2_FLAGS_SERVER_TO_REDIR.</summary>
    public const uint FlagAnswer = 1;

    /// <summary>More follows. SMB2_FLAGS_ASYNC_COMMAND.</summary>
    public const uint FlagAsync = 2;

    /// <summary>SMB2_FLAGS_SIGNED.</summary>
    public const uint FlagSigned = 8;

    private static ReadOnlySpan<byte> Signature => [0xFE, (byte)'S', (byte)'M', (byte)'B'];

    /// <summary>Reads the header of an answer; false when it is none. Chained answers are none: requests are not chained.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out SmbHeader header)
    {
        header = default;
        if (message.Length < Bytes + 2 || !message.StartsWith(Signature) || BinaryPrimitives.ReadUInt16LittleEndian(message[4..]) != Bytes
            || BinaryPrimitives.ReadUInt32LittleEndian(message[20..]) != 0)
        {
            return false;
        }

        header = new SmbHeader(
            (SmbCommand)BinaryPrimitives.ReadUInt16LittleEndian(message[12..]),
            (NtStatus)BinaryPrimitives.ReadUInt32LittleEndian(message[8..]),
            BinaryPrimitives.ReadUInt16LittleEndian(message[14..]),
            BinaryPrimitives.ReadUInt32LittleEndian(message[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(message[24..]),
            BinaryPrimitives.ReadUInt32LittleEndian(message[36..]),
            BinaryPrimitives.ReadUInt64LittleEndian(message[40..]));
        return (header.Flags & FlagAnswer) != 0;
    }

    /// <summary>Writes the header of a request.</summary>
    public static void Write(Span<byte> message, SmbCommand command, int charge, int credits, bool isSigned, ulong messageId, uint treeId, ulong sessionId)
    {
        message[..Bytes].Clear();
        Signature.CopyTo(message);
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], Bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], (ushort)charge);
        BinaryPrimitives.WriteUInt16LittleEndian(message[12..], (ushort)command);
        BinaryPrimitives.WriteUInt16LittleEndian(message[14..], (ushort)credits);
        BinaryPrimitives.WriteUInt32LittleEndian(message[16..], isSigned ? FlagSigned : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(message[24..], messageId);
        BinaryPrimitives.WriteUInt32LittleEndian(message[36..], treeId);
        BinaryPrimitives.WriteUInt64LittleEndian(message[40..], sessionId);
    }
}
