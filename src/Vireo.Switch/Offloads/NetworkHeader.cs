using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Offloads;

/// <summary>
/// <c>struct virtio_net_hdr_v1</c> (virtio 1.2 5.1.6): flags, segmentation type (1 byte each), header length, segment size, checksum
/// start, checksum offset, number of buffers (2 bytes each), little-endian. Taps and packet sockets of Linux use it too, packet sockets
/// without the last field.
/// </summary>
internal static class NetworkHeader
{
    /// <summary>With the number of buffers.</summary>
    public const int LengthBytes = 12;

    private const byte NeedsChecksum = 1;
    private const byte DataValid = 2;
    private const byte CongestionNotification = 0x80;

    /// <summary>Reads what a sender asks for. The fields are checked against the frame later (<see cref="OffloadRules"/>).</summary>
    /// <returns>False for a kind of segmentation that was never offered.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> header, out FrameOffload offload) => TryDecode(
        BinaryPrimitives.ReadUInt64LittleEndian(header), BinaryPrimitives.ReadUInt16LittleEndian(header[8..]), out offload);

    /// <summary>As the other, from the first eight bytes and the two behind them.</summary>
    public static bool TryDecode(ulong start, ushort checksumOffset, out FrameOffload offload)
    {
        var kind = (SegmentationKind)((byte)(start >> 8) & unchecked((byte)~CongestionNotification));
        offload = new FrameOffload(
            (start & NeedsChecksum) != 0,
            (ushort)(start >> 48),
            checksumOffset,
            kind,
            (ushort)(start >> 32),
            (start & DataValid) != 0);
        return kind is SegmentationKind.None or SegmentationKind.Tcp4 or SegmentationKind.Tcp6 or SegmentationKind.Udp;
    }

    /// <summary>Writes what is left to the receiver.</summary>
    /// <param name="offload">The work.</param>
    /// <param name="header">At least ten bytes; the number of buffers is set to one if there is room for it.</param>
    public static void Encode(in FrameOffload offload, Span<byte> header)
    {
        header.Clear();
        if (offload.NeedsChecksum)
        {
            header[0] = NeedsChecksum;
            BinaryPrimitives.WriteUInt16LittleEndian(header[6..], offload.ChecksumStart);
            BinaryPrimitives.WriteUInt16LittleEndian(header[8..], offload.ChecksumOffset);
        }

        if (offload.Segmentation != SegmentationKind.None)
        {
            header[1] = (byte)offload.Segmentation;
            BinaryPrimitives.WriteUInt16LittleEndian(header[4..], offload.SegmentBytes);

            // A hint only: everything up to the end of the longest TCP header.
            BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)(offload.ChecksumStart + 20));
        }

        if (header.Length >= LengthBytes)
        {
            header[10] = 1;
        }
    }
}
