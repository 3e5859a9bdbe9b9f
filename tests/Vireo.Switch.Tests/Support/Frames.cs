using System.Buffers.Binary;
using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tests.Support;

/// <summary>Builds frames for tests.</summary>
internal static class Frames
{
    public static MacAddress Station(int number) => new(0x0215_5D00_0000 + (ulong)number);

    public static byte[] Ethernet(MacAddress destination, MacAddress source, ushort type = 0x88B5, int length = 64, ReadOnlySpan<byte> payload = default)
    {
        var frame = new byte[Math.Max(length, 14 + payload.Length)];
        destination.Write(frame);
        source.Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), type);
        payload.CopyTo(frame.AsSpan(14));
        return frame;
    }

    public static byte[] Tagged(byte[] frame, int tag, ushort protocol = FrameParser.CustomerTagProtocol)
    {
        var tagged = new byte[frame.Length + 4];
        frame.AsSpan(0, 12).CopyTo(tagged);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(12), protocol);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(14), (ushort)tag);
        frame.AsSpan(12).CopyTo(tagged.AsSpan(16));
        return tagged;
    }

    /// <summary>TCP over IPv4 or IPv6 with right checksums, or with only the pseudo header's sum as a sender with offloads leaves it.</summary>
    public static byte[] Tcp(MacAddress destination, MacAddress source, int payloadBytes, bool ipv6 = false, bool partial = false)
    {
        var networkBytes = ipv6 ? 40 : 20;
        var packet = new byte[networkBytes + 20 + payloadBytes];
        var segment = packet.AsSpan(networkBytes);
        for (var i = 0; i < payloadBytes; i++)
        {
            segment[20 + i] = (byte)(i * 7);
        }

        BinaryPrimitives.WriteUInt16BigEndian(segment, 5001);
        BinaryPrimitives.WriteUInt16BigEndian(segment[2..], 80);
        BinaryPrimitives.WriteUInt32BigEndian(segment[4..], 0xFFFF_FF00);
        segment[12] = 5 << 4;
        segment[13] = 0x80 | 0x10 | 0x08 | 0x01;
        if (ipv6)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)segment.Length);
            packet[6] = 6;
            packet[7] = 64;
            packet[23] = 1;
            packet[39] = 2;
        }
        else
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
            packet[8] = 64;
            packet[9] = 6;
            packet[12] = packet[16] = 10;
            packet[15] = 1;
            packet[19] = 2;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), (ushort)~Checksum.Sum(packet.AsSpan(0, 20)));
        }

        var addresses = ipv6 ? packet.AsSpan(8, 32) : packet.AsSpan(12, 8);
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], Checksum.Sum(addresses, 6 + (ulong)segment.Length));
        if (!partial)
        {
            Checksum.Complete(segment, 0, 16);
        }

        return Ethernet(destination, source, ipv6 ? (ushort)0x86DD : (ushort)0x0800, payload: packet);
    }
}
