using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Offloads;

/// <summary>The Internet checksum (RFC 1071).</summary>
internal static class Checksum
{
    /// <summary>Sum of the 16-bit words of <paramref name="bytes"/> with end-around carry, not complemented.</summary>
    public static ushort Sum(ReadOnlySpan<byte> bytes, ulong initial = 0)
    {
        // Adding 32-bit words into 64 bits needs no carry until 2^32 of them: the sum may be folded once, at the end (RFC 1071 2).
        var sum = initial;
        while (bytes.Length >= 4)
        {
            sum += BinaryPrimitives.ReadUInt32BigEndian(bytes);
            bytes = bytes[4..];
        }

        if (bytes.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
            bytes = bytes[2..];
        }

        if (bytes.Length == 1)
        {
            sum += (ulong)bytes[0] << 8;
        }

        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    /// <summary>
    /// Completes a checksum whose field holds the sum of the pseudo header: sums from <paramref name="start"/> to the end and stores the
    /// complement <paramref name="offset"/> bytes behind it.
    /// </summary>
    public static void Complete(Span<byte> frame, int start, int offset)
    {
        var sum = (ushort)~Sum(frame[start..]);

        // RFC 768: a UDP checksum of zero means "none", so a sum that comes out as zero is sent as its other form. It is valid for TCP too.
        BinaryPrimitives.WriteUInt16BigEndian(frame[(start + offset)..], sum == 0 ? (ushort)0xFFFF : sum);
    }

    /// <summary>Completes the checksum of a frame that is leaving.</summary>
    /// <returns>False when there is no room to change it.</returns>
    public static bool TryComplete(FrameBatch batch, int index)
    {
        var bytes = batch.WritableBytes(index);
        if (bytes.IsEmpty)
        {
            return false;
        }

        ref var frame = ref batch[index];
        Complete(bytes, frame.Offload.ChecksumStart, frame.Offload.ChecksumOffset);
        frame.Offload = new FrameOffload(false, 0, 0, SegmentationKind.None, 0, ChecksumValid: true);
        return true;
    }
}
