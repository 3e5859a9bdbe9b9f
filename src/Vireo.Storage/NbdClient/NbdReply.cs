using System.Buffers.Binary;
using Vireo.Storage.FrontEnds.Nbd;

namespace Vireo.Storage.NbdClient;

/// <summary>The head of a reply from a server, simple or structured.</summary>
/// <param name="IsStructured">Which of both.</param>
/// <param name="IsLast">Whether the request is answered with it.</param>
/// <param name="Type">Of a chunk; <see cref="NbdChunk.None"/> for a simple reply.</param>
/// <param name="Cookie">The request.</param>
/// <param name="Error">Of a simple reply.</param>
/// <param name="LengthBytes">Of a chunk's payload; a simple reply does not say.</param>
internal readonly record struct NbdReply(bool IsStructured, bool IsLast, NbdChunk Type, ulong Cookie, uint Error, uint LengthBytes)
{
    /// <summary>Of a simple reply.</summary>
    public const int SimpleBytes = 16;

    /// <summary>Of a chunk's head.</summary>
    public const int StructuredBytes = 20;

    /// <summary>How long the head is that begins with these four bytes; 0 when it is none.</summary>
    public static int HeadBytes(ReadOnlySpan<byte> magic) => BinaryPrimitives.ReadUInt32BigEndian(magic) switch
    {
        NbdProtocol.SimpleReplyMagic => SimpleBytes,
        NbdProtocol.StructuredReplyMagic => StructuredBytes,
        _ => 0,
    };

    /// <summary>Reads a whole head; false when it is none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out NbdReply reply)
    {
        reply = default;
        if (bytes.Length < 4 || HeadBytes(bytes) is var headBytes && (headBytes == 0 || bytes.Length < headBytes))
        {
            return false;
        }

        reply = headBytes == SimpleBytes
            ? new NbdReply(false, true, NbdChunk.None, BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]), BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]), 0)
            : new NbdReply(
                true,
                (BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) & 1) != 0,
                (NbdChunk)BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]),
                BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
                0,
                BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));
        return true;
    }
}
