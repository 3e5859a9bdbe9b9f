using Vireo.Control.Switching;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Plane;

/// <summary>The plane loses its power in the middle of a request; asked again, it ends where it would have without.</summary>
public sealed class PlaneCrashTests
{
    [Theory]
    [InlineData("switch.applied:1")]
    [InlineData("switch.applied:2")]
    [InlineData("switch.port.applied:1")]
    [InlineData("switch.port.applied:2")]
    [InlineData("switch.nat.started:1")]
    [InlineData("file.written:1")]
    [InlineData("file.renamed:2")]
    [InlineData("file.written:4")]
    [InlineData("switch.port.removed:1")]
    [InlineData("switch.removed:1")]
    [Requirement("VM-10")]
    public async Task A_request_that_was_cut_off_can_be_repeated(string crashAt)
    {
        using var network = new TestNetwork("crash");
        await using var plane = await PlaneProcess.StartAsync(network, crashAt);
        var nat = new SwitchSpecification(Guid.NewGuid(), "Default Switch", SwitchKind.Internal, Nat: true);
        var lan = new SwitchSpecification(Guid.NewGuid(), "Private", SwitchKind.Private);
        var gate = new PortSpecification(Guid.NewGuid(), nat.Id, PortKind.Tap, null, "vgate0", "02155D000001");
        var guest = Guid.NewGuid();
        var adapter = new PortSpecification(guest, lan.Id, PortKind.VhostUser, plane.Paths.PortSocket(guest), null, "02155D000002");
        var died = await plane.InsistAsync(client => client.PutSwitchAsync(nat));
        died |= await plane.InsistAsync(client => client.PutSwitchAsync(lan));
        died |= await plane.InsistAsync(client => client.PutPortAsync(gate));
        died |= await plane.InsistAsync(client => client.PutPortAsync(adapter));

        var switches = await plane.Client.ListSwitchesAsync();
        Assert.Equal([nat, lan], switches.Select(one => one.Switch));
        Assert.Equal([gate, adapter], (await plane.Client.ListPortsAsync()).Select(one => one.Port));
        Assert.All(switches, one => Assert.Null(one.Fault));
        Assert.Null(switches[0].Nat!.Fault);
        Assert.Single(NatNetworkTests.Servers(network));
        Assert.True(File.Exists(adapter.SocketPath));

        died |= await plane.InsistAsync(client => client.RemovePortAsync(gate.Id));
        died |= await plane.InsistAsync(client => client.RemovePortAsync(adapter.Id));
        died |= await plane.InsistAsync(client => client.RemoveSwitchAsync(nat.Id));
        died |= await plane.InsistAsync(client => client.RemoveSwitchAsync(lan.Id));
        Assert.True(died);
        Assert.Empty(await plane.Client.ListSwitchesAsync());
        Assert.Empty(await plane.Client.ListPortsAsync());
        Assert.Empty(NatNetworkTests.Servers(network));
        Assert.False(File.Exists(adapter.SocketPath));
        Assert.DoesNotContain("vgate0", network.Ip("-brief", "link"), StringComparison.Ordinal);
        Assert.Empty(network.Run("nft", "list", "tables"));
    }
}
