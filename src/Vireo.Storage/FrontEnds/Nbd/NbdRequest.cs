using System.Buffers.Binary;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>A request as it came from the client; nothing in it is trusted. NBD "Request message".</summary>
internal readonly record struct NbdRequest(NbdCommandFlags Flags, NbdCommand Command, ulong Cookie, ulong OffsetBytes, uint LengthBytes)
{
    /// <summary>Length on the wire.</summary>
    public const int WireBytes = 28;

    /// <summary>Reads a request; false when it does not begin with the magic number, after which the stream is out of step.</summary>
    public static bool TryParse(ReadOnlySpan<byte> source, out NbdRequest request)
    {
        request = default;
        if (source.Length < WireBytes || BinaryPrimitives.ReadUInt32BigEndian(source) != NbdProtocol.RequestMagic)
        {
            return false;
        }

        request = new NbdRequest(
            (NbdCommandFlags)BinaryPrimitives.ReadUInt16BigEndian(source[4..]),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(source[6..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[24..]));
        return true;
    }

    /// <summary>Whether the range lies inside a disk of <paramref name="sizeBytes"/> and on its sectors.</summary>
    public bool IsInside(long sizeBytes, int sectorBytes) =>
        OffsetBytes <= (ulong)sizeBytes && LengthBytes <= (ulong)sizeBytes - OffsetBytes && ((OffsetBytes | LengthBytes) & (uint)(sectorBytes - 1)) == 0;
}
