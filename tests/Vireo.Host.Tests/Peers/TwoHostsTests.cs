using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.Host.Tests.Peers;

/// <summary>Two hosts in two networks: processes, cables, power cuts.</summary>
public sealed class TwoHostsTests
{
    [Fact]
    [Requirement("LM-7")]
    public async Task A_pair_is_two_commands_and_listens_in_the_networks_that_are_chosen()
    {
        await using var hosts = await TwoHosts.StartAsync();
        Assert.Equal(["beta"], await hosts.First.PeersAsync());
        Assert.Equal(["alpha"], await hosts.Second.PeersAsync());
        Assert.Equal(["192.0.2.2:6600"], await ListeningAsync(hosts.Second));

        // Networks are what the commands say.
        var client = hosts.Second.Client;
        var network = Assert.Single(await client.ObjectsAsync("Get-VMMigrationNetwork", new { }));
        Assert.Equal(("192.0.2.0/24", 0), ((string?)network["Subnet"], (int)network["Priority"]!));
        Assert.Equal("ResourceExists", (string?)(await client.ErrorAsync("Add-VMMigrationNetwork", new { Subnet = "192.0.2.7/24" }))["errorId"]);
        Assert.Equal("InvalidParameter", (string?)(await client.ErrorAsync("Add-VMMigrationNetwork", new { Subnet = "192.0.2" }))["errorId"]);
        await client.ObjectsAsync("Add-VMMigrationNetwork", new { Subnet = "127.0.0.1", Priority = 7 });
        Assert.Equal(["127.0.0.1:6600", "192.0.2.2:6600"], (await ListeningAsync(hosts.Second)).Order(StringComparer.Ordinal));
        await client.ObjectsAsync("Set-VMMigrationNetwork", new { Subnet = "127.0.0.1/32", NewSubnet = "127.0.0.0/8", NewPriority = 3 });
        Assert.Equal(3, (int)Assert.Single(await client.ObjectsAsync("Get-VMMigrationNetwork", new { Subnet = "127*" }))["Priority"]!);
        Assert.Equal("ObjectNotFound", (string?)(await client.ErrorAsync("Set-VMMigrationNetwork", new { Subnet = "10.0.0.0/8", NewPriority = 1 }))["errorId"]);
        await client.ObjectsAsync("Remove-VMMigrationNetwork", new { Subnet = "127.0.0.0/8" });
        Assert.Equal("ObjectNotFound", (string?)(await client.ErrorAsync("Remove-VMMigrationNetwork", new { Subnet = "127.0.0.0/8" }))["errorId"]);

        var host = Assert.Single(await client.ObjectsAsync("Set-VMHost", new { PeerPort = 7700, MaximumVirtualMachineMigrations = 4, VirtualMachineMigrationPerformanceOption = "TCPIP", Passthru = true }));
        Assert.Equal(["192.0.2.2:7700"], await ListeningAsync(hosts.Second));
        Assert.Equal((true, 4, "Certificate"), ((bool)host["VirtualMachineMigrationEnabled"]!, (int)host["MaximumVirtualMachineMigrations"]!, (string?)host["VirtualMachineMigrationAuthenticationType"]));
        Assert.Equal("NotSupported", (string?)(await client.ErrorAsync("Set-VMHost", new { VirtualMachineMigrationAuthenticationType = "Kerberos" }))["errorId"]);
        Assert.Equal("NotSupported", (string?)(await client.ErrorAsync("Set-VMHost", new { VirtualMachineMigrationPerformanceOption = "SMB" }))["errorId"]);
        host = Assert.Single(await client.ObjectsAsync("Set-VMHost", new
        {
            VirtualMachineMigrationMaximumBandwidth = 800_000_000,
            VirtualMachineMigrationDowntimeLimit = "00:00:00.050",
            VirtualMachineMigrationAutoConverge = false,
            VirtualMachineMigrationChannels = 4,
            Passthru = true,
        }));
        Assert.Equal(
            (800_000_000, "00:00:00.0500000", false, 4),
            ((long)host["VirtualMachineMigrationMaximumBandwidth"]!, (string?)host["VirtualMachineMigrationDowntimeLimit"], (bool)host["VirtualMachineMigrationAutoConverge"]!, (int)host["VirtualMachineMigrationChannels"]!));
        Assert.Contains("0 for no limit", (string?)(await client.ErrorAsync("Set-VMHost", new { VirtualMachineMigrationMaximumBandwidth = 1000 }))["message"], StringComparison.Ordinal);
        Assert.Equal("InvalidParameter", (string?)(await client.ErrorAsync("Set-VMHost", new { VirtualMachineMigrationDowntimeLimit = "00:02:00" }))["errorId"]);
        await client.ErrorAsync("Set-VMHost", new { VirtualMachineMigrationChannels = 17 });

        // It listens no longer when neither migration nor a guest needs it; a host that starts again listens again.
        await hosts.First.StartHostAsync();
        await Wait.UntilAsync("it listens again", async () => (await ListeningAsync(hosts.First)).Count == 1, TimeSpan.FromMinutes(1));
        Assert.Equal(["beta"], await hosts.First.PeersAsync());
        var (isLeft, _) = await client.PostAsync("api/trust/leave", new { });
        Assert.True(isLeft);
        await client.ObjectsAsync("Disable-VMMigration", new { });
        Assert.Empty(await ListeningAsync(hosts.Second));
    }

    [Theory]
    [InlineData("peers.join.admitted", true)]
    [Requirement("LM-7")]
    public Task A_join_that_is_cut_short_is_repeated(string point, bool diesAtHost) => CutAsync(point, diesAtHost);

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("peers.join.begun", false)]
    [InlineData("peers.join.answered", false)]
    [InlineData("peers.join.stored", false)]
    [InlineData("file.written:1", true)]
    [InlineData("file.renamed:1", true)]
    [Requirement("LM-7")]
    public Task A_join_that_is_cut_short_elsewhere_is_repeated(string point, bool diesAtHost) => CutAsync(point, diesAtHost);

    private static async Task CutAsync(string point, bool diesAtHost)
    {
        await using var hosts = await TwoHosts.StartAsync(trusted: false);
        await hosts.First.Client.ObjectsAsync("Add-VMMigrationNetwork", new { Subnet = NetworkLink.Subnet });
        var token = await hosts.First.InviteAsync();
        var dying = diesAtHost ? hosts.First : hosts.Second;
        await dying.StartHostAsync(point);
        if (diesAtHost)
        {
            await Wait.UntilAsync("it listens again", async () => (await ListeningAsync(hosts.First)).Count == 1, TimeSpan.FromMinutes(1));
            var (isDone, refusal) = await hosts.Second.Client.PostAsync("api/trust/join", new { token });
            Assert.False(isDone);
            Assert.Equal("PeerConnectionLost", (string?)refusal["errorId"]);
        }
        else
        {
            await Assert.ThrowsAnyAsync<Exception>(() => hosts.Second.Client.PostAsync("api/trust/join", new { token }));
        }

        await Wait.UntilAsync($"the host dies at {point}", () => dying.Host.HasExited, TimeSpan.FromMinutes(1), () => dying.Host.Log);
        await dying.StartHostAsync();
        await Wait.UntilAsync("it listens again", async () => (await ListeningAsync(hosts.First)).Count == 1, TimeSpan.FromMinutes(1));
        await hosts.Second.JoinAsync(token);
        Assert.Equal(["beta"], await hosts.First.PeersAsync());
        Assert.Equal(["alpha"], await hosts.Second.PeersAsync());
        Assert.Empty(Directory.EnumerateFiles(hosts.First.Root, "*.tmp"));
    }

    private static async Task<IReadOnlyList<string>> ListeningAsync(TwoHosts.Side side) =>
        [.. (await side.Client.GetAsync("api/trust"))["listening"]!.AsArray().Select(place => (string)place!)];
}
