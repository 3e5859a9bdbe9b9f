using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>A guest goes to another host and back and notices nothing: not on its disk, not in its memory, not on its network.</summary>
[Collection(SystemCollection.Name)]
public sealed class MoveTests
{
    private const string Uplink = "lan0";
    private const string Guest = "192.168.78.2";

    [Fact]
    [Requirement("LM-2")]
    [Requirement("LM-6")]
    [Requirement("LM-7")]
    public async Task AGuestKeepsItsDataAndItsConnectionsWhileItGoesToAnotherHostAndBack()
    {
        await using var first = await VireoHost.StartAsync();
        await using var second = await VireoHost.StartAsync();
        NetworkLink.Connect(first.Network, second.Network);
        Peer.Run("ip", "link", "add", Uplink, "netns", first.Network, "type", "veth", "peer", "name", Uplink, "netns", second.Network);
        foreach (var host in new[] { first, second })
        {
            Peer.Run("ip", "-n", host.Network, "link", "set", Uplink, "up");
            await host.CheckAsync("New-VMSwitch", "-Name", "lan", "-NetAdapterName", Uplink, "-AllowManagementOS", "true");
            await host.CheckAsync("Set-VMHost", "-UseAnyNetworkForMigration", "true");
            await host.CheckAsync("Enable-VMMigration");
        }

        var invitation = (await first.CheckAsync("trust", "invite")).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Single(word => word.StartsWith("vireo-", StringComparison.Ordinal));
        await second.CheckAsync("trust", "join", invitation);
        var adapter = (await first.QueryAsync("Get-VMNetworkAdapter", "-ManagementOS")).Single(one => one.GetProperty("SwitchName").GetString() == "lan").GetProperty("DeviceName").GetString()!;
        Peer.Run("ip", "-n", first.Network, "address", "add", "192.168.78.1/24", "dev", adapter);

        await first.NewGuestAsync("rover", switchName: "lan");
        string boot, sum;
        await using (var shell = await first.ShellAsync("rover"))
        {
            await shell.CheckAsync($"ip address add {Guest}/24 dev eth0");
            await shell.CheckAsync("head -c 4000000 /dev/urandom >/var/data && sync");
            sum = (await shell.CheckAsync("sha256sum /var/data")).Split(' ')[0];
            boot = (await shell.CheckAsync("cat /proc/sys/kernel/random/boot_id")).Trim();
            await shell.CheckAsync("iperf3 -s -D");
            await shell.ListensAsync(5201);
        }

        // One connection over both moves; it ends well only when its last report has come, too.
        var talking = first.InNetworkAsync("iperf3", "-c", Guest, "-t", "14", "-b", "4M", "-J");
        await first.CheckAsync("Move-VM", "-Name", "rover", "-DestinationHost", NetworkLink.SecondAddress, "-IncludeStorage", "-DestinationStoragePath", Path.Combine(second.Files, "rover"));
        Assert.Equal("Running", await second.StateAsync("rover"));
        Assert.DoesNotContain("rover", await first.CheckAsync("Get-VM"), StringComparison.Ordinal);
        await using (var shell = await second.ShellAsync("rover", isUp: true))
        {
            Assert.Equal(sum, (await shell.CheckAsync("echo 3 >/proc/sys/vm/drop_caches; sha256sum /var/data")).Split(' ')[0]);
            await shell.CheckAsync("head -c 4000000 /dev/urandom >/var/more && sync");
            sum = (await shell.CheckAsync("sha256sum /var/more")).Split(' ')[0];
        }

        await second.CheckAsync("Move-VM", "-Name", "rover", "-DestinationHost", NetworkLink.FirstAddress, "-IncludeStorage", "-DestinationStoragePath", Path.Combine(first.Files, "again"));
        await using (var shell = await first.ShellAsync("rover", isUp: true))
        {
            Assert.Equal(boot, (await shell.CheckAsync("cat /proc/sys/kernel/random/boot_id")).Trim());
            Assert.Equal(sum, (await shell.CheckAsync("echo 3 >/proc/sys/vm/drop_caches; sha256sum /var/more")).Split(' ')[0]);
        }

        (await talking).Succeeded();
        Assert.Empty(Directory.EnumerateFiles(second.Files, "*", SearchOption.AllDirectories));
    }
}
