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
}
