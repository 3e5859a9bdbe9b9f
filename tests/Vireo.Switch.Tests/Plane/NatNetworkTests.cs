using Vireo.Control.Switching;
using Vireo.Switch.Nat;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Plane;

/// <summary>A switch with address translation between a client that asks for an address and a world that knows only the host.</summary>
public sealed class NatNetworkTests : IAsyncLifetime
{
    private readonly TestNetwork _host = new("host");
    private readonly TestNetwork _client = new("client");
    private readonly TestNetwork _world = new("world");
    private readonly TempFolder _folder = new();
    private readonly SwitchSpecification _default = new(Guid.NewGuid(), "Default Switch", SwitchKind.Internal, Nat: true);
    private PlaneProcess _plane = null!;

    /// <summary>Sets up; what was made before a step failed is taken down again, because nobody else does it then.</summary>
    public async Task InitializeAsync()
    {
        try
        {
            await SetUpAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async Task DisposeAsync()
    {
        if (_plane is not null)
        {
            await _plane.DisposeAsync();
        }

        _folder.Dispose();
        _client.Dispose();
        _host.Dispose();
        _world.Dispose();
    }

    [Fact]
    [Requirement("SW-1")]
    public async Task A_client_gets_an_address_and_the_way_out_and_the_gateway_survives_the_plane()
    {
        _client.Run("busybox", "udhcpc", "-i", "vclient0", "-f", "-n", "-q", "-t", "20", "-T", "1", "-s", _folder["script"], "-x", "hostname:client1");
        var nat = (await _plane.Client.GetSwitchAsync(_default.Id)).Nat!;
        Assert.Null(nat.Fault);
        Assert.Equal("vgate0", nat.InterfaceName);
        var lease = Assert.Single(nat.Leases);
        Assert.Equal(("02155D000002", "client1"), (lease.MacAddress, lease.HostName));
        Assert.True(IPv4Subnet.Parse(nat.Subnet).Overlaps(IPv4Subnet.Parse($"{lease.Address}/32")));
        Assert.Equal(nat.Gateway, (await File.ReadAllTextAsync(_folder["dns"])).Trim());
        Assert.True(_client.Pings(nat.Gateway));
        Assert.True(_host.Pings(lease.Address));
        Assert.True(_client.Pings("198.51.100.1"));

        // Nobody outside opens a connection, even one who knows the way.
        _world.Ip("route", "add", nat.Subnet, "via", "203.0.113.2");
        Assert.False(_world.Pings(lease.Address, 3));

        var server = Servers(_host);
        await _plane.KillAsync();
        Assert.Equal(server, Servers(_host));
        await _plane.StartAsync();
        Assert.Equal(server, Servers(_host));
        var again = (await _plane.Client.GetSwitchAsync(_default.Id)).Nat!;
        Assert.Equal((nat.Subnet, nat.Gateway, null), (again.Subnet, again.Gateway, again.Fault));
        Assert.Equal(lease, Assert.Single(again.Leases));
        Assert.Contains($"{nat.Gateway}/20", _host.Ip("address", "show", "vgate0"), StringComparison.Ordinal);

        // One that dies is started again.
        Peer.Run("kill", "-KILL", Assert.Single(server));
        await Wait.UntilAsync("another dnsmasq", () => Servers(_host) is [var other] && other != server[0]);

        // The table is replaced, not doubled, and goes with the switch.
        Assert.Single(Tables());
        await _plane.Client.RemoveSwitchAsync(_default.Id);
        Assert.Empty(Tables());
        Assert.Empty(Servers(_host));
    }

    /// <summary>The dnsmasq processes in a namespace.</summary>
    internal static string[] Servers(TestNetwork network) =>
    [
        .. Peer.TryRun("ip", "netns", "pids", network.Name).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(id => File.Exists($"/proc/{id}/comm") && File.ReadAllText($"/proc/{id}/comm").Trim() == "dnsmasq"),
    ];

    private string[] Tables() => _host.Run("nft", "list", "tables").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private async Task SetUpAsync()
    {
        TestNetwork.Connect(_host, "out0", _world, "in0");
        _host.Ip("address", "add", "203.0.113.2/24", "dev", "out0");
        _host.Ip("route", "add", "default", "via", "203.0.113.1");
        _world.Ip("address", "add", "203.0.113.1/24", "dev", "in0");
        _world.Ip("address", "add", "198.51.100.1/32", "dev", "lo");
        _plane = await PlaneProcess.StartAsync(_host);
        await _plane.Client.PutSwitchAsync(_default);
        await _plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), _default.Id, PortKind.Tap, null, "vgate0", "02155D000001"));
        await _plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), _default.Id, PortKind.Tap, null, "vclient0", "02155D000002"));

        // The plane keeps the other end; the client gets the interface.
        _host.Ip("link", "set", "vclient0", "netns", _client.Name);
        _client.Ip("link", "set", "vclient0", "up");
        await File.WriteAllTextAsync(
            _folder["script"],
            "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip address add $ip/$mask dev $interface\nip route add default via $router\necho \"$dns\" >" + _folder["dns"] + "\n");
        File.SetUnixFileMode(_folder["script"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
