using System.Buffers.Binary;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Switch.Threads;
using Vireo.Testing;
using Vireo.Vhost;
using Xunit.Abstractions;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Threads;

/// <summary>Guests over real vhost-user queues, whose ports move under them.</summary>
public sealed class GuestMoveTests(ITestOutputHelper output)
{
    private const int Exchanges = 400;

    [Fact]
    [Requirement("IO-3")]
    public async Task Guests_do_not_notice_that_their_ports_move()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var folder = new TempFolder();
        using var threads = await PacketThreads.StartAsync(2, TimeProvider.System);
        var network = new TestSwitch(threads: threads);
        List<(VhostUserPort End, PortState Port)> ports = [];
        foreach (var name in new[] { "a", "b" })
        {
            var end = new VhostUserPort(1, threads.NewSeat());
            var port = new PortState(Guid.NewGuid(), network.Compiler.Compile(new PortSettings(Control.Switching.PortVlanMode.Untagged, 0, []), null), end);
            await threads.StopAsync(() =>
            {
                end.Start(port, threads.First.Forwarder);
                network.Switch.Add(port);
            });
            await end.ListenAsync(folder[name], new VhostUserBackendOptions());
            ports.Add((end, port));
        }

        var moves = 0;
        using (var a = new MockNetworkGuest(folder["a"]))
        using (var b = new MockNetworkGuest(folder["b"]))
        {
            var talking = Task.Run(() =>
            {
                for (var number = 0; number < Exchanges; number++)
                {
                    var length = 64 + (number * 37 % 1400);
                    Say(a, b, Station(1), number == 0 ? MacAddress.Broadcast : Station(2), number, length);
                    Say(b, a, Station(2), Station(1), number, length);
                }
            });
            while (!talking.IsCompleted)
            {
                await threads.MoveAsync([(ports[random.Next(2)].Port, threads.All[random.Next(2)])]);
                moves++;
            }

            await talking;
            Assert.True(a.IsQuiet && b.IsQuiet);
        }

        output.WriteLine($"{moves} moves");
        Assert.All(ports, one => Assert.Equal((Exchanges, Exchanges), (one.Port.FramesIn, one.Port.FramesOut)));
        Assert.All(ports, one => Assert.All(one.Port.Dropped, count => Assert.Equal(0, count)));
        foreach (var (end, _) in ports)
        {
            await end.CloseAsync();
            await threads.StopAsync(end.Stop);
        }

        await threads.StopTimersAsync();
    }

    private static void Say(MockNetworkGuest from, MockNetworkGuest to, MacAddress source, MacAddress destination, int number, int length)
    {
        var payload = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(payload, number);
        var frame = Ethernet(destination, source, length: length, payload: payload);
        from.Send(frame);
        Assert.Equal(frame, to.Receive().Bytes);
    }
}
