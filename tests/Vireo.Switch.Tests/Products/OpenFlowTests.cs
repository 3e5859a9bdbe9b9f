using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Vireo.Control.Switching;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Products;

/// <summary>Open vSwitch's own tool is the controller.</summary>
public sealed class OpenFlowTests : IAsyncDisposable
{
    private const string Settings = "0f1013a0-7a1c-4c57-9c0a-2a7c1c9d0002";
    private readonly ExtendedSwitch _switch = new();
    private int _port;

    public ValueTask DisposeAsync() => _switch.DisposeAsync();

    [Fact]
    [Requirement("SW-12")]
    public async Task A_controller_sees_the_switch_and_its_entries_decide()
    {
        await StartAsync();
        var (a, _) = await _switch.AddPortAsync();
        var (b, _) = await _switch.AddPortAsync();
        var (c, _) = await _switch.AddPortAsync();
        var shown = Control("show");
        Assert.Contains("OFPT_FEATURES_REPLY (OF1.3)", shown, StringComparison.Ordinal);
        Assert.Contains("n_tables:8", shown, StringComparison.Ordinal);
        Assert.All(new[] { " 1(port)", " 2(port)", " 3(port)" }, port => Assert.Contains(port, shown, StringComparison.Ordinal));
        Assert.Contains("Vireo virtual switch", Control("dump-desc"), StringComparison.Ordinal);

        // Nobody has said anything: the switch goes on as it would without.
        Assert.Contains("priority=0 actions=NORMAL", Control("dump-flows"), StringComparison.Ordinal);
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal((0, 1, 1), (a.Drain(), b.Drain(), c.Drain()));

        Control("del-flows");
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal((0, 0, 0), (a.Drain(), b.Drain(), c.Drain()));
        Control("add-flow", "priority=10,in_port=1,dl_type=0x88b5,actions=output:2");
        Control("add-flow", "cookie=0x77,priority=20,udp,nw_dst=10.0.0.0/24,tp_dst=53,actions=mod_dl_dst:02:00:00:00:00:99,output:3");
        Control("add-flow", "priority=5,arp,arp_spa=10.0.0.1,actions=FLOOD");
        Control("add-flow", "priority=7,in_port=2,actions=IN_PORT");
        a.Inject(Ethernet(Station(3), Station(1)));
        Assert.Equal((0, 1, 0), (a.Drain(), b.Drain(), c.Drain()));
        a.Inject(Packets.Udp(Station(2), Station(1), "10.0.0.1", "10.0.0.7", 1, 53));
        Assert.Equal(new MacAddress(0x0200_0000_0099), MacAddress.Read(c.TryTake()));
        a.Inject(Packets.Udp(Station(2), Station(1), "10.0.0.1", "10.0.1.7", 1, 53));
        a.Inject(Packets.Arp(Station(1), "10.0.0.1", "10.0.0.2"));
        a.Inject(Packets.Arp(Station(1), "10.0.0.3", "10.0.0.2"));
        Assert.Equal((0, 1, 1), (a.Drain(), b.Drain(), c.Drain()));
        b.Inject(Ethernet(Station(1), Station(2)));
        _switch.Chain.Running.Single().DrainInjected();
        Assert.Equal((0, 1, 0), (a.Drain(), b.Drain(), c.Drain()));

        var entries = Control("dump-flows");
        Assert.Contains("cookie=0x77, ", entries, StringComparison.Ordinal);
        Assert.Contains("n_packets=1", entries, StringComparison.Ordinal);
        Assert.Contains("priority=20,udp,nw_dst=10.0.0.0/24,tp_dst=53 actions=set_field:02:00:00:00:00:99->eth_dst,output:3", entries, StringComparison.Ordinal);
        Assert.Contains("flow_count=4", Control("dump-aggregate"), StringComparison.Ordinal);
        Assert.Contains("active=4", Control("dump-tables"), StringComparison.Ordinal);
        Assert.Contains("rx pkts=7", Control("dump-ports", "1"), StringComparison.Ordinal);

        // A change keeps the counters, a strict deletion hits one entry, and a loose one all that are more specific.
        Control("mod-flows", "udp,actions=drop");
        Assert.Contains("n_packets=1, n_bytes=", Control("dump-flows", "udp"), StringComparison.Ordinal);
        a.Inject(Packets.Udp(Station(2), Station(1), "10.0.0.1", "10.0.0.7", 1, 53));
        Assert.Equal(0, c.Drain());
        Control("--strict", "del-flows", "priority=10,in_port=1,dl_type=0x88b5");
        Assert.Contains("flow_count=3", Control("dump-aggregate"), StringComparison.Ordinal);
        Control("del-flows", "ip");
        Assert.Contains("flow_count=2", Control("dump-aggregate"), StringComparison.Ordinal);

        // Two tables: the first changes, the second sends.
        Control("add-flow", "table=0,priority=30,in_port=3,actions=set_field:02:00:00:00:00:77->eth_src,goto_table:3");
        Control("add-flow", "table=3,dl_src=02:00:00:00:00:77,actions=output:1,output:2");
        c.Inject(Ethernet(Station(8), Station(3)));
        Assert.Equal(new MacAddress(0x0200_0000_0077), MacAddress.Read(a.TryTake().AsSpan(6)));
        Assert.Equal(1, b.Drain());
    }

    [Fact]
    [Requirement("SW-12")]
    public async Task What_cannot_be_is_refused_with_the_standards_error()
    {
        await StartAsync();
        Assert.Contains("OFPBAC", Refused("add-flow", "actions=group:1"), StringComparison.Ordinal);
        Assert.Contains("OFPBIC_UNSUP_INST", Refused("add-flow", "actions=write_metadata:1"), StringComparison.Ordinal);
        Assert.Contains("OFPBMC_BAD_FIELD", Refused("add-flow", "tun_id=5,actions=drop"), StringComparison.Ordinal);
        Assert.Contains("OFPBAC_UNSUPPORTED_ORDER", Refused("add-flow", "actions=output:1,mod_dl_dst:02:00:00:00:00:99,output:2"), StringComparison.Ordinal);
        Assert.Contains("OFPFMFC_BAD_TABLE_ID", Refused("add-flow", "table=100,actions=drop"), StringComparison.Ordinal);
        Control("add-flow", "check_overlap,priority=3,in_port=1,actions=drop");
        Assert.Contains("OFPFMFC_OVERLAP", Refused("add-flow", "check_overlap,priority=3,dl_type=0x800,actions=drop"), StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("SW-12")]
    public async Task Frames_go_to_the_controller_and_come_from_it_and_entries_expire()
    {
        await StartAsync();
        var (a, _) = await _switch.AddPortAsync();
        var (b, _) = await _switch.AddPortAsync();
        using var controller = new TcpClient();
        await controller.ConnectAsync(IPAddress.Loopback, _port);
        var stream = controller.GetStream();
        Assert.Equal(0, (await ReadAsync(stream))[1]);
        await stream.WriteAsync(new byte[] { 4, 0, 0, 8, 0, 0, 0, 1, 4, 20, 0, 8, 0, 0, 0, 2 });
        Assert.Equal(21, (await ReadAsync(stream))[1]);
        Control("add-flow", "cookie=0x1234,priority=9,in_port=1,send_flow_rem,hard_timeout=30,actions=CONTROLLER:65535");
        var frame = Packets.Udp(Station(2), Station(1), "10.0.0.1", "10.0.0.7", 1, 53);
        a.Inject(frame);
        Assert.Equal(0, b.Drain());
        var packetIn = await ReadAsync(stream);
        Assert.Equal(10, packetIn[1]);
        Assert.Equal(0x1234UL, BinaryPrimitives.ReadUInt64BigEndian(packetIn.AsSpan(16)));
        Assert.Equal(1u, BinaryPrimitives.ReadUInt32BigEndian(packetIn.AsSpan(32)));
        Assert.Equal(frame, packetIn[42..]);

        Control("packet-out", $"in_port=controller,packet={Convert.ToHexString(frame)},actions=output:2");
        await Wait.UntilAsync("the frame", () =>
        {
            _switch.Chain.Running.Single().DrainInjected();
            return b.TryTake() is { } got && got.AsSpan().SequenceEqual(frame);
        });

        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(31));
        var removed = await ReadAsync(stream);
        Assert.Equal((11, 1), (removed[1], removed[18]));
        Assert.Equal(1UL, BinaryPrimitives.ReadUInt64BigEndian(removed.AsSpan(32)));
        Assert.DoesNotContain("0x1234", Control("dump-flows"), StringComparison.Ordinal);
        await _switch.AddPortAsync();
        var status = await ReadAsync(stream);
        Assert.Equal((12, 0), (status[1], status[8]));
    }

    private async Task StartAsync()
    {
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            _port = ((IPEndPoint)free.LocalEndpoint).Port;
        }

        var product = _switch.InstallFrom(ProductFolder.Of("OpenFlow"));
        await _switch.Chain.ApplyAsync([new SwitchExtensionSpecification(product.Manifest.Id, true, [ExtendedSwitch.Feature(product, Settings, $$"""{"Listen":"127.0.0.1:{{_port}}"}""")])]);
    }

    private string Control(string command, params string[] arguments)
    {
        string[] words = command.StartsWith("--", StringComparison.Ordinal) ? [command, arguments[0], $"tcp:127.0.0.1:{_port}", .. arguments[1..]] : [command, $"tcp:127.0.0.1:{_port}", .. arguments];
        return Peer.Run("ovs-ofctl", ["-O", "OpenFlow13", "--timeout=60", .. words]);
    }

    private string Refused(string command, string argument)
    {
        var result = Peer.TryRun("ovs-ofctl", "-O", "OpenFlow13", "--timeout=60", command, $"tcp:127.0.0.1:{_port}", argument);
        return result.Output + result.Error;
    }

    private static async Task<byte[]> ReadAsync(NetworkStream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var header = new byte[8];
        await stream.ReadExactlyAsync(header, limit.Token);
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(2))];
        header.CopyTo(message, 0);
        await stream.ReadExactlyAsync(message.AsMemory(8), limit.Token);
        return message;
    }
}
