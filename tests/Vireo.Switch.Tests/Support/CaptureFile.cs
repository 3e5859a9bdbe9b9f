using System.Buffers.Binary;

namespace Vireo.Switch.Tests.Support;

/// <summary>Reads the frames of a pcap or pcapng file (draft-ietf-opsawg-pcap, -pcapng), Ethernet only.</summary>
internal static class CaptureFile
{
    public static IReadOnlyList<byte[]> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        return magic == 0x0A0D0D0A ? ReadBlocks(bytes) : ReadRecords(bytes, magic is 0xA1B2C3D4 or 0xA1B23C4D);
    }

    private static List<byte[]> ReadRecords(byte[] bytes, bool little)
    {
        List<byte[]> frames = [];
        for (var offset = 24; offset + 16 <= bytes.Length;)
        {
            var length = Read32(bytes, offset + 8, little);
            frames.Add(bytes[(offset + 16)..Math.Min(bytes.Length, offset + 16 + length)]);
            offset += 16 + length;
        }

        return frames;
    }

    private static List<byte[]> ReadBlocks(byte[] bytes)
    {
        var little = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8)) == 0x1A2B3C4D;
        List<byte[]> frames = [];
        for (var offset = 0; offset + 12 <= bytes.Length;)
        {
            const int enhancedPacket = 6;
            if (Read32(bytes, offset, little) == enhancedPacket)
            {
                frames.Add(bytes.AsSpan(offset + 28, Read32(bytes, offset + 20, little)).ToArray());
            }

            offset += Read32(bytes, offset + 4, little);
        }

        return frames;
    }

    private static int Read32(byte[] bytes, int offset, bool little) =>
        little ? BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(offset)) : BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(offset));
}
