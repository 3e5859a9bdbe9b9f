using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Platform.Sockets;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Ports;

/// <summary>Ports of emulated adapters, with sockets of the test in QEMU's place, on a plane of its own.</summary>
public sealed class DatagramPortTests
{
    [Fact]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    [Requirement("SW-2")]
    public async Task Frames_pass_under_the_same_rules_and_again_after_the_plane_was_killed()
    {
        using var folder = new TempFolder();
        using var network = new TestNetwork("datagrams");
        await using var plane = await PlaneProcess.StartAsync(network);
        var lan = new SwitchSpecification(Guid.NewGuid(), "Private", SwitchKind.Private);
        await plane.Client.PutSwitchAsync(lan);
        var (portA, portB) = (Port(plane, lan, folder["a"], 1), Port(plane, lan, folder["b"], 2));
        using var a = UnixDatagramSocket.Bind(folder["a"], portA.SocketPath!);
        await plane.Client.PutPortAsync(portA);
        await plane.Client.PutPortAsync(portB);

        // Nobody is behind the second port yet: the frame is dropped and counted, and nothing breaks.
        Assert.Equal(0, a.Send(Frame(1)));
        await Wait.UntilAsync("a frame for nobody to be dropped", async () => await DroppedAsync("NotConnected", portB) == 1);
        using var b = UnixDatagramSocket.Bind(folder["b"], portB.SocketPath!);
        await PassesAsync(a, b, 2);

        // A stranger whose socket has another path is not heard.
        using (var stranger = UnixDatagramSocket.Bind(folder["stranger"], portA.SocketPath!))
        {
            Assert.Equal(0, stranger.Send(Frame(3)));
        }

        // Nor is a guest with another's address, nor one of another VLAN, nor a frame longer than any.
        await plane.Client.PutPortAsync(portA with { Policy = new PortPolicySpecification { SpoofGuard = true } });
        Assert.Equal(0, a.Send(Frames.Ethernet(MacAddress.Broadcast, Frames.Station(9))));
        Assert.Equal(0, a.Send(new byte[70_000]));
        await Wait.UntilAsync("three frames to be refused", async () =>
            await DroppedAsync("InvalidSource", portA) == 1 && await DroppedAsync("MacSpoofed", portA) == 1 && await DroppedAsync("TooLong", portA) == 1);
        await plane.Client.PutPortAsync(portB with { VlanMode = PortVlanMode.Access, AccessVlanId = 7 });
        var before = await plane.Client.GetPortAsync(portA.Id);
        Assert.Equal(0, a.Send(Frame(4)));
        await Wait.UntilAsync("the frame of another VLAN to have come in", async () => (await plane.Client.GetPortAsync(portA.Id)).Statistics.FramesIn > before.Statistics.FramesIn);

        // The packet thread is through with that frame when it has taken another VLAN.
        await plane.Client.PutPortAsync(portB with { VlanMode = PortVlanMode.Access, AccessVlanId = 8 });
        await plane.Client.PutPortAsync(portB);
        await PassesAsync(a, b, 5);

        await plane.KillAsync();
        Assert.NotEqual(0, a.Send(Frame(6)));
        await plane.StartAsync();
        await PassesAsync(a, b, 7);
        await PassesAsync(b, a, 8);
        Assert.True((await plane.Client.GetPortAsync(portB.Id)).Connected);

        await plane.Client.RemovePortAsync(portA.Id);
        Assert.False(File.Exists(portA.SocketPath));

        async Task<long> DroppedAsync(string reason, PortSpecification port) => (await plane.Client.GetPortAsync(port.Id)).Statistics.Dropped.GetValueOrDefault(reason);
    }

    [Fact]
    [Requirement("VM-5")]
    public async Task A_port_without_both_sockets_is_refused()
    {
        using var network = new TestNetwork("refused");
        await using var plane = await PlaneProcess.StartAsync(network);
        var lan = new SwitchSpecification(Guid.NewGuid(), "Private", SwitchKind.Private);
        await plane.Client.PutSwitchAsync(lan);
        var port = Port(plane, lan, "/run/q", 1);
        foreach (var wrong in new[] { port with { PeerSocketPath = null }, port with { PeerSocketPath = "here" }, port with { SocketPath = null }, port with { PeerSocketPath = port.SocketPath }, port with { PeerSocketPath = "/" + new string('x', 107) } })
        {
            var refused = await Assert.ThrowsAsync<ControlException>(() => plane.Client.PutPortAsync(wrong));
            Assert.Contains("absolute paths", refused.Message, StringComparison.Ordinal);
        }
    }

    private static PortSpecification Port(PlaneProcess plane, SwitchSpecification lan, string qemu, int station)
    {
        var id = Guid.NewGuid();
        return new PortSpecification(id, lan.Id, PortKind.Datagram, plane.Paths.PortSocket(id), null, $"02155D{station:X6}", PeerSocketPath: qemu);
    }

    private static byte[] Frame(byte mark, int station = 1) => Frames.Ethernet(MacAddress.Broadcast, Frames.Station(station), payload: [mark]);

    /// <summary>Exactly this frame arrives next: what was refused before did not.</summary>
    private static async Task PassesAsync(UnixDatagramSocket from, UnixDatagramSocket to, byte mark)
    {
        var sent = Frame(mark, from.Path.EndsWith('a') ? 1 : 2);
        Assert.Equal(0, from.Send(sent));
        var room = new byte[2048];
        var length = 0;
        await Wait.UntilAsync($"frame {mark} to arrive", () => (length = to.Receive(room, out _)) >= 0);
        Assert.Equal(sent, room[..length]);
    }
}
