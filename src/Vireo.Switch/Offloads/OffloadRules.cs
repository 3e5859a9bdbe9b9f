using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Offloads;

/// <summary>What an offload request must satisfy before anything relies on it. The fields come from guests.</summary>
internal static class OffloadRules
{
    /// <summary>Whether the checksum's field and range lie inside the frame, and a frame to be cut says to what.</summary>
    public static bool AreSound(in Frame frame)
    {
        var offload = frame.Offload;
        if (offload.Segmentation != SegmentationKind.None)
        {
            // virtio 1.2 5.1.6.2: a frame to be cut also needs its checksum completed.
            const int smallestSegment = 64;
            if (!offload.NeedsChecksum || offload.SegmentBytes < smallestSegment)
            {
                return false;
            }
        }

        return !offload.NeedsChecksum
            || (offload.ChecksumStart >= FrameParser.EthernetHeaderBytes && offload.ChecksumStart + offload.ChecksumOffset + 2 <= frame.Length);
    }

    /// <summary>
    /// Whether a checksum is completed although the receiver would take it as it is: DHCP clients read from raw sockets, behind which
    /// nobody completes it, and many refuse an answer whose checksum is wrong.
    /// </summary>
    public static bool MustBeComplete(in FrameOffload offload, FrameBatch batch, int index)
    {
        const int udpChecksumOffset = 6;
        const int dhcpClient = 68;
        const int dhcp6Client = 546;
        if (offload is not { NeedsChecksum: true, ChecksumOffset: udpChecksumOffset, Segmentation: SegmentationKind.None })
        {
            return false;
        }

        var port = offload.ChecksumStart + 2;
        var bytes = batch.Head(index);
        bytes = port + 2 <= bytes.Length ? bytes : batch.Bytes(index);
        return BinaryPrimitives.ReadUInt16BigEndian(bytes[port..]) is dhcpClient or dhcp6Client;
    }
}
