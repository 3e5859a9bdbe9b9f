using System.Buffers.Binary;
using Vireo.Disks;

namespace Vireo.Storage.NbdClient;

/// <summary>The payload of a block status chunk: the number of a context, then pairs of length and flags.</summary>
internal static class NbdStatusChunk
{
    private const int DescriptorBytes = 8;
    private const uint HoleFlag = 1;
    private const uint ZeroFlag = 2;

    /// <summary>
    /// Appends the extents that a server reports for the range; false when the payload is none, is about another context, or has lengths that
    /// are zero. What goes beyond the range is cut off, as the protocol allows it in the last extent, and lengths end at sectors.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> payload, uint contextId, long offsetBytes, long lengthBytes, int sectorBytes, List<BlockExtent> extents)
    {
        if (payload.Length < 4 + DescriptorBytes || (payload.Length - 4) % DescriptorBytes != 0 || BinaryPrimitives.ReadUInt32BigEndian(payload) != contextId)
        {
            return false;
        }

        var at = offsetBytes;
        var end = offsetBytes + lengthBytes;
        for (var descriptors = payload[4..]; !descriptors.IsEmpty && at < end; descriptors = descriptors[DescriptorBytes..])
        {
            var length = Math.Min(BinaryPrimitives.ReadUInt32BigEndian(descriptors), end - at);
            var flags = BinaryPrimitives.ReadUInt32BigEndian(descriptors[4..]);
            var kind = ((flags & HoleFlag) != 0 ? ExtentKind.Hole : 0) | ((flags & ZeroFlag) != 0 ? ExtentKind.Zero : 0);

            // A hole that is not said to be zeros may hold anything: it must be read.
            kind = (kind & ExtentKind.Zero) == 0 ? ExtentKind.Data : kind;
            if (length % sectorBytes != 0)
            {
                // Servers know smaller units; a sector of both kinds counts as data.
                length = length < sectorBytes ? Math.Min(sectorBytes, end - at) : length / sectorBytes * sectorBytes;
                extents.Add(new BlockExtent(at, length, length == sectorBytes ? ExtentKind.Data : kind));
                return true;
            }

            if (length == 0)
            {
                return false;
            }

            extents.Add(new BlockExtent(at, length, kind));
            at += length;
        }

        return true;
    }
}
