using System.Buffers.Binary;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>
/// Frames built from headers that are mostly right and then damaged: <see cref="FrameParser"/> must neither throw nor point outside the
/// frame, and must say the same when asked for less.
/// </summary>
public sealed class FrameParserFuzz
{
    private static readonly ushort[] s_types = [0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x88CC, 0x0040];
    private static readonly byte[] s_nextHeaders = [0, 43, 44, 51, 60, 135, 139, 140, 6, 17, 58, 1, 59, 255];

    [Fact]
    public void Offsets_stay_inside_the_frame()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 300_000; round++)
        {
            var frame = Build(random);
            var whole = FrameParser.TryParse(frame, HeaderDepth.Network, out var headers);
            Assert.Equal(whole, FrameParser.TryParse(frame, HeaderDepth.Ethernet, out var shallow));
            if (!whole)
            {
                continue;
            }

            Assert.Equal(
                (shallow.TagCount, shallow.OuterTag, shallow.InnerTag, shallow.EtherType, shallow.NetworkOffset),
                (headers.TagCount, headers.OuterTag, headers.InnerTag, headers.EtherType, headers.NetworkOffset));
            Assert.InRange(headers.NetworkOffset, 14, Math.Min(frame.Length, 22));
            Assert.InRange(headers.NetworkEnd, 0, frame.Length);
            if (headers.TransportOffset != 0)
            {
                Assert.InRange(headers.TransportOffset, headers.NetworkOffset + 20, headers.NetworkEnd - 4);
                Assert.False(headers.Has(FrameFlags.LaterFragment));
            }
        }
    }

    [Fact]
    public void The_beginning_of_a_frame_tells_what_the_whole_would_or_that_it_cannot()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var whole = new byte[1500];
        var cutShort = 0;
        for (var round = 0; round < 200_000; round++)
        {
            var built = Build(random);
            var frame = whole.AsSpan(0, random.Next(300, 1500));
            random.NextBytes(frame);
            built.AsSpan(0, Math.Min(built.Length, frame.Length)).CopyTo(frame);
            WritePacket(frame[14..], random);
            if (random.Next(2) == 0)
            {
                BinaryPrimitives.WriteUInt16BigEndian(frame[12..], random.Next(4) == 0 ? (ushort)0x0800 : (ushort)0x86DD);
            }

            var right = FrameParser.TryParse(frame, HeaderDepth.Network, out var expected);
            var good = FrameParser.TryParse(frame[..random.Next(248, 257)], frame.Length, HeaderDepth.Network, out var headers);
            Assert.Equal(right, good);
            Assert.False(expected.IsCutShort);
            if (headers.IsCutShort)
            {
                cutShort++;
            }
            else
            {
                Assert.Equal(expected, headers);
            }
        }

        Assert.True(cutShort > 0);
    }

    [Fact]
    public void A_frame_with_a_key_has_the_headers_that_the_parser_finds()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var found = 0;
        for (var round = 0; round < 300_000; round++)
        {
            var frame = Build(random);
            if (frame.Length > 34 && random.Next(3) != 0)
            {
                byte[] header = [8, 0, 0x45, 0, 0, (byte)(frame.Length - 14 - random.Next(-1, 4)), 0, 0, (byte)(random.Next(3) << 5), 0, 64, random.Next(2) == 0 ? (byte)6 : (byte)17];
                header.CopyTo(frame, 12);
            }

            if (FlowKey.TryRead(frame, frame.Length, out var key, out var packetBytes))
            {
                found++;
                Assert.True(FrameParser.TryParse(frame, HeaderDepth.Network, out var headers));
                Assert.Equal(headers, FlowKey.Headers(key, packetBytes));
            }
        }

        Assert.True(found > 100);
    }

    internal static byte[] Build(Random random)
    {
        var frame = new byte[random.Next(4) == 0 ? random.Next(0, 60) : random.Next(14, 200)];
        random.NextBytes(frame);
        var offset = 12;
        for (var tags = random.Next(4); tags > 0 && offset + 6 <= frame.Length; tags--)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(offset), random.Next(2) == 0 ? (ushort)0x8100 : (ushort)0x88A8);
            offset += 4;
        }

        if (offset + 2 <= frame.Length)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(offset), s_types[random.Next(s_types.Length)]);
            WritePacket(frame.AsSpan(offset + 2), random);
        }

        if (random.Next(3) == 0 && frame.Length > 0)
        {
            frame[random.Next(frame.Length)] ^= (byte)(1 << random.Next(8));
        }

        return frame;
    }

    private static void WritePacket(Span<byte> packet, Random random)
    {
        if (packet.Length < 40)
        {
            return;
        }

        if (random.Next(2) == 0)
        {
            packet[0] = (byte)(0x40 | random.Next(4, 16));
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)(packet.Length - random.Next(-1, 5)));
            packet[6] &= 0x3F;
            packet[9] = s_nextHeaders[random.Next(s_nextHeaders.Length)];
            return;
        }

        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40 - random.Next(-1, 5)));
        packet[6] = s_nextHeaders[random.Next(s_nextHeaders.Length)];
        for (var offset = 40; offset + 8 <= packet.Length; offset += 8)
        {
            packet[offset] = s_nextHeaders[random.Next(s_nextHeaders.Length)];
            packet[offset + 1] = (byte)random.Next(0, random.Next(4) == 0 ? 30 : 3);
        }
    }
}
