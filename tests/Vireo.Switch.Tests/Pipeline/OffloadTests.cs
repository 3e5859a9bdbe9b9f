using System.Buffers.Binary;
using Vireo.Switch.Offloads;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Pipeline;

[Requirement("SW-14")]
public sealed class OffloadTests
{
    private readonly TestSwitch _switch = new();

    [Theory]
    [InlineData(false, 1000)]
    [InlineData(true, 999)]
    public void A_partial_checksum_is_completed_for_those_who_cannot_take_it_and_left_for_those_who_can(bool ipv6, int payload)
    {
        var (a, _) = _switch.AddPort();
        var (able, _) = _switch.AddPort();
        var (plain, _) = _switch.AddPort();
        able.Offered = new PortCapabilities(Checksum: true, false, false, false);
        var partial = Tcp(MacAddress.Broadcast, Station(1), payload, ipv6, partial: true);
        a.Inject(partial, new FrameOffload(true, (ushort)(ipv6 ? 54 : 34), 16, SegmentationKind.None, 0));
        Assert.Equal(partial, able.TryTake());
        Assert.Equal(Tcp(MacAddress.Broadcast, Station(1), payload, ipv6), plain.TryTake());
    }

    [Theory]
    [InlineData(false, 1000, 60_000)]
    [InlineData(true, 1440, 60_001)]
    [InlineData(false, 1448, 1448)]
    public void An_uncut_segment_is_cut_for_those_who_cannot_take_it(bool ipv6, int segmentBytes, int payloadBytes)
    {
        var (a, _) = _switch.AddPort(4);
        var (b, portB) = _switch.AddPort(4);
        var whole = Tcp(Station(2), Station(1), payloadBytes, ipv6, partial: true);
        var kind = ipv6 ? SegmentationKind.Tcp6 : SegmentationKind.Tcp4;
        var start = ipv6 ? 54 : 34;
        a.Inject(whole, new FrameOffload(true, (ushort)start, 16, kind, (ushort)segmentBytes));

        List<byte> payload = [];
        var sequence = 0xFFFF_FF00;
        var pieces = 0;
        while (b.TryTake() is { } piece)
        {
            Assert.True(FrameParser.TryParse(piece, HeaderDepth.Network, out var headers));
            Assert.False(headers.Has(FrameFlags.Malformed));
            Assert.Equal(piece.Length, headers.NetworkEnd);
            Assert.Equal(sequence, BinaryPrimitives.ReadUInt32BigEndian(piece.AsSpan(start + 4)));
            var addresses = ipv6 ? piece.AsSpan(22, 32) : piece.AsSpan(26, 8);
            Assert.Equal(0xFFFF, Checksum.Sum(piece.AsSpan(start), Checksum.Sum(addresses, 6 + (ulong)(piece.Length - start))));
            if (!ipv6)
            {
                Assert.Equal(0xFFFF, Checksum.Sum(piece.AsSpan(14, 20)));
                Assert.Equal(pieces, BinaryPrimitives.ReadUInt16BigEndian(piece.AsSpan(18)));
            }

            payload.AddRange(piece[(start + 20)..]);
            var last = payload.Count == payloadBytes;
            Assert.True(last || piece.Length - start - 20 == segmentBytes);
            Assert.Equal((pieces == 0 ? 0x80 : 0) | 0x10 | (last ? 0x09 : 0), piece[start + 13]);
            sequence = unchecked(sequence + (uint)(piece.Length - start - 20));
            pieces++;
        }

        Assert.Equal(whole[(start + 20)..], payload);
        Assert.Equal(pieces, portB.FramesOut);
        Assert.Equal((payloadBytes + segmentBytes - 1) / segmentBytes, pieces);
    }

    [Theory]
    [InlineData(68, true)]
    [InlineData(53, false)]
    public void An_answer_to_a_dhcp_client_leaves_complete_even_for_those_who_could_complete_it(ushort port, bool complete)
    {
        var (a, _) = _switch.AddPort();
        var (able, _) = _switch.AddPort();
        able.Offered = new PortCapabilities(Checksum: true, true, true, false);
        var frame = Ethernet(MacAddress.Broadcast, Station(1), 0x0800, 342);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 67);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), port);
        a.Inject(frame, new FrameOffload(true, 34, 6, SegmentationKind.None, 0));
        var left = able.TryTake()!;
        Assert.Equal(complete, BinaryPrimitives.ReadUInt16BigEndian(left.AsSpan(40)) != 0);
        Assert.Equal(complete ? 0xFFFF : Checksum.Sum(frame.AsSpan(34)), Checksum.Sum(left.AsSpan(34)));
    }

    [Theory]
    [InlineData(60, 10)]
    [InlineData(13, 0)]
    [InlineData(65_535, 65_535)]
    public void A_checksum_outside_the_frame_is_refused(int start, int offset)
    {
        var (a, portA) = _switch.AddPort();
        var (b, _) = _switch.AddPort();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1), length: 64), new FrameOffload(true, (ushort)start, (ushort)offset, SegmentationKind.None, 0));
        Assert.Equal(0, b.Drain());
        Assert.Equal(1, portA.Dropped[DropReason.Malformed.Id]);
    }

    [Fact]
    public void Random_requests_to_cut_harm_nobody()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var (a, _) = _switch.AddPort();
        var (b, _) = _switch.AddPort();
        for (var i = 0; i < 20_000; i++)
        {
            var frame = Tcp(MacAddress.Broadcast, Station(1), random.Next(0, 3000), random.Next(2) == 0, partial: true);
            for (var flips = random.Next(4); flips > 0; flips--)
            {
                frame[random.Next(12, Math.Min(80, frame.Length))] = (byte)random.Next(256);
            }

            var kind = (SegmentationKind)random.Next(6);
            a.Inject(frame, new FrameOffload(random.Next(8) != 0, (ushort)random.Next(0, 80), (ushort)random.Next(0, 40), kind, (ushort)random.Next(0, 2000)));
            b.Drain();
        }
    }
}
