namespace Vireo.Switch.Sdk;

/// <summary>How a frame that is longer than the wire takes is to be cut (virtio 1.2 5.1.6, <c>VIRTIO_NET_HDR_GSO_*</c>).</summary>
public enum SegmentationKind : byte
{
    /// <summary>The frame is one frame.</summary>
    None = 0,

    /// <summary>TCP over IPv4.</summary>
    Tcp4 = 1,

    /// <summary>TCP over IPv6.</summary>
    Tcp6 = 4,

    /// <summary>UDP, one datagram per segment.</summary>
    Udp = 5,
}

/// <summary>
/// Work that the sender left to the network: a checksum to complete and a size to cut to. Where a port cannot carry it, the switch
/// does the work before the frame leaves.
/// </summary>
/// <param name="NeedsChecksum">The checksum field holds only the pseudo header's sum.</param>
/// <param name="ChecksumStart">From here on the bytes are summed, from the start of the frame.</param>
/// <param name="ChecksumOffset">The field, counted from <paramref name="ChecksumStart"/>.</param>
/// <param name="Segmentation">Whether to cut.</param>
/// <param name="SegmentBytes">Payload bytes per segment.</param>
/// <param name="ChecksumValid">The receiver need not check: the checksum was found right, or the frame never left this machine.</param>
public readonly record struct FrameOffload(
    bool NeedsChecksum, ushort ChecksumStart, ushort ChecksumOffset, SegmentationKind Segmentation, ushort SegmentBytes, bool ChecksumValid = false)
{
    /// <summary>Whether anything is left to do.</summary>
    public bool IsWork => NeedsChecksum || Segmentation != SegmentationKind.None;
}
