using System.Buffers.Binary;
using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using Vireo.Vhost;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Ports;

/// <summary>Guests' ports against a driver that speaks vhost-user over real sockets and shared memory.</summary>
public sealed class VhostUserPortTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly TestSwitch _switch = new();
    private readonly Reactor _reactor = new("test-packets");
    private readonly List<VhostUserPort> _ends = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var end in _ends)
        {
            await end.CloseAsync();
        }

        _reactor.Dispose();
        _folder.Dispose();
    }

    [Fact]
    [Requirement("SW-1")]
    public async Task Guests_exchange_frames_of_every_length_in_merged_buffers()
    {
        var (socketA, portA) = await AddPortAsync();
        var (socketB, portB) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA);
        using var b = new MockNetworkGuest(socketB);
        b.Send(Ethernet(MacAddress.Broadcast, Station(2)));
        Assert.Equal(Ethernet(MacAddress.Broadcast, Station(2)), a.Receive().Bytes);
        foreach (var length in new[] { 14, 60, 1514, 1524, 1525, 3060, 9014, 65_000 })
        {
            var payload = new byte[length - 14];
            new Random(length).NextBytes(payload);
            var frame = Ethernet(Station(2), Station(1), length: length, payload: payload);
            a.Send(frame);
            var received = b.Receive();
            Assert.Equal(frame, received.Bytes);
            Assert.Equal((length + 12 + 1535) / 1536, received.Buffers);
        }

        // A guest sees a frame a moment before it is counted.
        await Wait.UntilAsync("the last frame to be counted", () => portB.FramesOut >= 8);
        Assert.Equal((8, 1), (portA.FramesIn, portB.FramesIn));
        Assert.Equal(8, portB.FramesOut);
        Assert.Equal(0, portA.Dropped.Sum() + portB.Dropped.Sum());
    }

    [Fact]
    [Requirement("IO-3")]
    public async Task Conversations_are_spread_over_the_receiver_s_queues_and_each_keeps_its_queue_and_order()
    {
        var (socketA, _) = await AddPortAsync();
        var (socketB, portB) = await AddPortAsync(queuePairs: 4);
        using var a = new MockNetworkGuest(socketA);
        using var b = new MockNetworkGuest(socketB, MockNetworkGuest.Mergeable | (1UL << 22), receiveQueues: 4);
        b.Send(Ethernet(MacAddress.Broadcast, Station(2)));
        a.Receive();
        const int conversations = 32;
        const int rounds = 5;
        for (byte round = 0; round < rounds; round++)
        {
            for (var port = 0; port < conversations; port++)
            {
                a.Send(Packets.Udp(Station(2), Station(1), port % 2 == 0 ? "10.0.0.1" : "fd00::1", port % 2 == 0 ? "10.0.0.2" : "fd00::2", 1000 + port, 53, [round, 2, 3, 4]));
            }
        }

        await Wait.UntilAsync("all to be delivered", () => portB.FramesOut == conversations * rounds);
        var arrived = Enumerable.Range(0, 4).Select(b.Arrived).ToList();
        Assert.All(arrived, queue => Assert.NotEmpty(queue));
        Assert.Equal(conversations * rounds, arrived.Sum(queue => queue.Count));
        var seen = arrived.SelectMany((queue, number) => queue.Select(frame => (Queue: number, Port: PortOf(frame), Round: frame[TransportOf(frame) + 8]))).GroupBy(one => one.Port).ToList();
        Assert.Equal(conversations, seen.Count);
        Assert.All(seen, conversation =>
        {
            Assert.Single(conversation.Select(one => one.Queue).Distinct());
            Assert.Equal([0, 1, 2, 3, 4], conversation.Select(one => one.Round));
        });

        static int TransportOf(byte[] frame) => frame[12] == 0x08 ? 34 : 54;
        static int PortOf(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(TransportOf(frame)));
    }

    [Fact]
    [Requirement("SW-14")]
    public async Task Frames_in_one_buffer_reach_one_receiver_or_several_whole()
    {
        var (socketA, portA) = await AddPortAsync();
        var (socketB, portB) = await AddPortAsync();
        var (socketC, portC) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA);
        using var b = new MockNetworkGuest(socketB);
        using var c = new MockNetworkGuest(socketC, features: 0, bufferBytes: 1600);
        b.Send(Ethernet(MacAddress.Broadcast, Station(2)));
        a.Receive();
        c.Receive();
        foreach (var length in new[] { 14, 60, 255, 256, 257, 1514, 1525, 9014, 65_000 })
        {
            var payload = new byte[length - 14];
            new Random(length).NextBytes(payload);
            var one = Ethernet(Station(2), Station(1), length: length, payload: payload);
            a.SendRaw([.. new byte[12], .. one]);
            Assert.Equal(one, b.Receive().Bytes);
            var all = Ethernet(MacAddress.Broadcast, Station(1), length: length, payload: payload);
            a.SendRaw([.. new byte[12], .. all]);
            Assert.Equal(all, b.Receive().Bytes);
            if (length <= 1588)
            {
                Assert.Equal(all, c.Receive().Bytes);
            }
        }

        await Wait.UntilAsync("the last frame to be counted", () => portC.Dropped[DropReason.TooLong.Id] >= 2);
        Assert.Equal(18, portA.FramesIn);
        Assert.Equal(0, portA.Dropped.Sum() + portB.Dropped.Sum());
        Assert.Equal(2, portC.Dropped[DropReason.TooLong.Id]);
    }

    [Theory]
    [InlineData("12")]
    [InlineData("12 78")]
    [InlineData("78")]
    [InlineData("12 26 268")]
    [InlineData("268")]
    [InlineData("1 2 3 400 401")]
    [InlineData("12 78 500 1000 1500 2000 40000")]
    [Requirement("SW-14")]
    public async Task Frames_in_pieces_reach_one_receiver_or_several_whole(string cuts)
    {
        var (socketA, portA) = await AddPortAsync();
        var (socketB, portB) = await AddPortAsync();
        var (socketC, _) = await AddPortAsync();
        int[] places = [.. cuts.Split(' ').Select(cut => int.Parse(cut, CultureInfo.InvariantCulture))];
        using var a = new MockNetworkGuest(socketA, MockNetworkGuest.Mergeable | MockNetworkGuest.Indirect);
        using var b = new MockNetworkGuest(socketB);
        using var c = new MockNetworkGuest(socketC, bufferBytes: 333);
        b.Send(Ethernet(MacAddress.Broadcast, Station(2)));
        a.Receive();
        c.Receive();
        foreach (var length in new[] { 14, 60, 255, 256, 257, 1514, 9014, 20_000 })
        {
            var payload = new byte[length - 14];
            new Random(length).NextBytes(payload);
            var one = Ethernet(Station(2), Station(1), length: length, payload: payload);
            a.SendPieces(one, places, indirect: false);
            Assert.Equal(one, b.Receive().Bytes);
            var all = Ethernet(MacAddress.Broadcast, Station(1), length: length, payload: payload);
            a.SendPieces(all, places, indirect: true);
            Assert.Equal(all, b.Receive().Bytes);
            Assert.Equal(all, c.Receive().Bytes);
        }

        Assert.Equal(0, portA.Dropped.Sum() + portB.Dropped.Sum());
    }

    [Fact]
    [Requirement("SW-13")]
    public async Task A_receiver_without_room_loses_frames_and_they_are_counted()
    {
        var (socketA, _) = await AddPortAsync();
        var (socketB, portB) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA);
        using (var b = new MockNetworkGuest(socketB, features: 0, bufferBytes: 1600, buffers: 4))
        {
            a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 2000));
            await Wait.UntilAsync("the drop of a frame that fits no buffer", () => portB.Dropped[DropReason.TooLong.Id] == 1);
            for (var i = 0; i < 6; i++)
            {
                a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 100 + i));
            }

            await Wait.UntilAsync("two drops for want of buffers", () => portB.Dropped[DropReason.QueueFull.Id] == 2);
            for (var i = 0; i < 4; i++)
            {
                Assert.Equal(100 + i, b.Receive().Bytes.Length);
            }
        }

        // Its buffers were given back, so the next driver finds an empty ring.
        await Wait.UntilAsync("the guest to be gone", () => !portB.BackEnd.IsConnected);
        a.Send(Ethernet(MacAddress.Broadcast, Station(1)));
        using var again = new MockNetworkGuest(socketB);
        a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 77));
        Assert.Equal(77, again.Receive().Bytes.Length);
    }

    [Fact]
    [Requirement("SW-14")]
    public async Task Work_left_to_the_network_is_passed_on_or_done()
    {
        var (socketA, portA) = await AddPortAsync();
        var (socketB, _) = await AddPortAsync();
        var (socketC, _) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA, MockNetworkGuest.Mergeable | MockNetworkGuest.Offloads);
        using var able = new MockNetworkGuest(socketB, MockNetworkGuest.Mergeable | MockNetworkGuest.Offloads);
        using var plain = new MockNetworkGuest(socketC);
        var whole = Tcp(MacAddress.Broadcast, Station(1), 20_000, partial: true);
        a.Send(whole, new FrameOffload(true, 34, 16, SegmentationKind.Tcp4, 1400));
        var received = able.Receive();
        Assert.Equal(whole, received.Bytes);
        Assert.Equal(new FrameOffload(true, 34, 16, SegmentationKind.Tcp4, 1400), received.Offload);
        for (var left = 20_000; left > 0; left -= 1400)
        {
            var piece = plain.Receive();
            Assert.Equal(54 + Math.Min(1400, left), piece.Bytes.Length);
            Assert.False(piece.Offload.NeedsChecksum);
            Assert.Equal(0xFFFF, Vireo.Switch.Offloads.Checksum.Sum(piece.Bytes.AsSpan(34), Vireo.Switch.Offloads.Checksum.Sum(piece.Bytes.AsSpan(26, 8), 6 + (ulong)(piece.Bytes.Length - 34))));
        }

        // Offsets that point outside, a kind that does not exist, no header at all: refused, and the queue goes on.
        a.Send(whole, new FrameOffload(true, 60_000, 16, SegmentationKind.None, 0));
        a.Send(whole, new FrameOffload(true, 34, 16, (SegmentationKind)3, 1400));
        a.SendRaw(new byte[5]);
        await Wait.UntilAsync("three refusals", () => portA.Dropped[DropReason.Malformed.Id] == 3);
        a.Send(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(64, able.Receive().Bytes.Length);
    }

    [Fact]
    [Requirement("SW-2")]
    public async Task Vlan_and_switch_change_while_the_guest_stays_attached()
    {
        var (socketA, portA) = await AddPortAsync();
        var (socketB, portB) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA);
        using var b = new MockNetworkGuest(socketB);
        portB.Policy = _switch.Compiler.Compile(new PortSettings(PortVlanMode.Access, 7, []), portB.Policy);
        a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 61));
        portA.Policy = _switch.Compiler.Compile(new PortSettings(PortVlanMode.Access, 7, []), portA.Policy);
        a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 62));
        Assert.Equal(62, b.Receive().Bytes.Length);

        var other = new SwitchState(Guid.NewGuid(), new MacTable(1024, 300, 5));
        await _reactor.InvokeAsync(() => _switch.Switch.Remove(portB));
        a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 63));
        b.Send(Ethernet(MacAddress.Broadcast, Station(2), length: 64));
        await Wait.UntilAsync("a frame into a cable that goes nowhere", () => portB.Dropped[DropReason.NotConnected.Id] == 1);
        await _reactor.InvokeAsync(() =>
        {
            other.Add(portB);
            _switch.Switch.Remove(portA);
            other.Add(portA);
        });
        a.Send(Ethernet(MacAddress.Broadcast, Station(1), length: 65));
        Assert.Equal(65, b.Receive().Bytes.Length);
        Assert.True(a.IsQuiet);
    }

    [Fact]
    [Requirement("LM-1")]
    public async Task A_guest_that_arrived_by_migration_is_announced()
    {
        var (socketA, _) = await AddPortAsync();
        var (socketB, _) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA);
        using var b = new MockNetworkGuest(socketB);
        var address = new byte[8];
        Station(1).Write(address);
        const uint sendRarp = 19;
        Assert.True(a.FrontEnd.Tell(sendRarp, address));
        var frame = b.Receive().Bytes;
        Assert.Equal(MacAddress.Broadcast, MacAddress.Read(frame));
        Assert.Equal(Station(1), MacAddress.Read(frame.AsSpan(6)));
        Assert.Equal(0x8035, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)));
        Assert.Equal(Station(1), MacAddress.Read(frame.AsSpan(22)));
    }

    [Fact]
    public async Task Nothing_wakes_the_packet_thread_while_nothing_happens()
    {
        var (socketA, _) = await AddPortAsync();
        var (socketB, _) = await AddPortAsync();
        using var a = new MockNetworkGuest(socketA);
        using var b = new MockNetworkGuest(socketB);
        a.Send(Ethernet(MacAddress.Broadcast, Station(1)));
        b.Receive();
        var last = -1L;
        var still = 0;
        await Wait.UntilAsync("the packet thread to sleep", () =>
        {
            still = _reactor.Sleeps == last ? still + 1 : 0;
            last = _reactor.Sleeps;
            return still == 10;
        });
    }

    private async Task<(string Socket, PortState Port)> AddPortAsync(int queuePairs = 1)
    {
        var end = new VhostUserPort(queuePairs, new ReactorSeat(_reactor));
        _ends.Add(end);
        var port = new PortState(Guid.NewGuid(), _switch.Compiler.Compile(new PortSettings(PortVlanMode.Untagged, 0, []), null), end);
        var socket = _folder[$"p{_ends.Count}"];
        await _reactor.InvokeAsync(() =>
        {
            end.Start(port, _switch.Forwarder);
            _switch.Switch.Add(port);
        });
        await end.ListenAsync(socket, new VhostUserBackendOptions());
        return (socket, port);
    }
}
