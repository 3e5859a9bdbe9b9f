using System.Globalization;
using System.Text.Json;
using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>
/// A guest goes back and forth between two hosts fifty times: as it runs, saved, with a checkpoint and without, with what other features there are. After each move its data, its memory, its
/// clock, its connection and what was counted are right.
/// </summary>
[Collection(SystemCollection.Name)]
[Trait("Category", "Long")]
public sealed class FiftyMovesTests
{
    private const int Moves = 50;
    private const string Uplink = "lan0";
    private const string Name = "nomad";
    private const string Guest = "192.168.78.2";
    private VireoHost _here = null!;
    private VireoHost _there = null!;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Requirement("LM-1")]
    [Requirement("LM-2")]
    [Requirement("LM-6")]
    [Requirement("LM-7")]
    [Requirement("RM-4")]
    public async Task AGuestIsTheSameAfterEach(bool sharedMemoryDisks)
    {
        await using var hosts = await TwoVireoHosts.StartAsync(sharedMemoryDisks);
        (_here, _there) = (hosts.First, hosts.Second);
        Peer.Run("ip", "link", "add", Uplink, "netns", _here.Network, "type", "veth", "peer", "name", Uplink, "netns", _there.Network);
        foreach (var host in new[] { _here, _there })
        {
            Peer.Run("ip", "-n", host.Network, "link", "set", Uplink, "up");
            await host.CheckAsync("New-VMSwitch", "-Name", "lan", "-NetAdapterName", Uplink, "-AllowManagementOS", "true");
        }

        var client = _here;
        var adapter = (await client.QueryAsync("Get-VMNetworkAdapter", "-ManagementOS")).Single(one => one.GetProperty("SwitchName").GetString() == "lan").GetProperty("DeviceName").GetString()!;
        Peer.Run("ip", "-n", client.Network, "address", "add", "192.168.78.1/24", "dev", adapter);

        await _here.NewGuestAsync(Name, switchName: "lan", start: false);
        await _here.CheckAsync("Enable-VMResourceMetering", "-VMName", Name);
        await _here.CheckAsync("Add-VMNetworkAdapterAcl", "-VMName", Name, "-RemoteIPAddress", "192.168.78.0/24", "-Direction", "Both", "-Action", "Meter");
        await _here.CheckAsync("Set-VMNetworkAdapter", "-VMName", Name, "-DhcpGuard", "On", "-RouterGuard", "On", "-MaximumBandwidth", "100000000");
        await _here.CheckAsync("Start-VM", "-Name", Name);
        string boot;
        await using (var shell = await _here.ShellAsync(Name))
        {
            await shell.CheckAsync($"ip address add {Guest}/24 dev eth0");
            boot = (await shell.CheckAsync("cat /proc/sys/kernel/random/boot_id")).Trim();
            await shell.CheckAsync("nc -l -p 7007 -e cat >/dev/null 2>&1 </dev/null & iperf3 -s -D");
            await shell.ListensAsync(7007);
            await shell.ListensAsync(5201);
            await shell.CheckAsync("echo first >/var/data0; sha256sum /var/data0 >/var/sums; sync");
        }

        (await client.InNetworkAsync("iperf3", "-c", Guest, "-n", "8M")).Succeeded();

        // One connection all the time; what it sends comes back in order, and nothing is missing.
        using var folder = new TempFolder();
        var talking = client.InNetworkAsync(
            "sh", "-c",
            $"(i=0; while [ ! -e {folder["stop"]} ]; do i=$((i+1)); echo $i; sleep 0.1; done; echo last) | socat -t 300 - TCP:{Guest}:7007 >{folder["echoed"]}");
        var (uptime, metered, duration) = (0.0, 0L, TimeSpan.Zero);
        for (var move = 1; move <= Moves; move++)
        {
            var kind = move % 10;
            switch (kind)
            {
                case 3:
                    await _here.CheckAsync("Save-VM", "-Name", Name);
                    break;
                case 5:
                    await _here.CheckAsync("Checkpoint-VM", "-Name", Name, "-SnapshotName", $"at{move}");
                    break;
                case 8:
                    await _here.CheckAsync("Remove-VMSnapshot", "-VMName", Name, "-Name", "*");
                    break;
            }

            await _here.CheckAsync(
                "Move-VM", "-Name", Name, "-DestinationHost", _there == hosts.First ? NetworkLink.FirstAddress : NetworkLink.SecondAddress, "-IncludeStorage", "-DestinationStoragePath",
                Path.Combine(_there.Files, $"{move}"));
            (_here, _there) = (_there, _here);
            if (kind == 3)
            {
                Assert.Equal("Saved", await _here.StateAsync(Name));
                await _here.CheckAsync("Start-VM", "-Name", Name);
            }

            Assert.Equal("Running", await _here.StateAsync(Name));
            var heard = new FileInfo(folder["echoed"]).Length;
            await Wait.UntilAsync($"the connection to go on after move {move}", () => new FileInfo(folder["echoed"]).Length > heard + 20, TimeSpan.FromMinutes(2));
            await using var shell = await _here.ShellAsync(Name, isUp: true);
            Assert.Equal(boot, (await shell.CheckAsync("cat /proc/sys/kernel/random/boot_id")).Trim());

            // What was written before each move so far is on the disk, not only in memory.
            await shell.CheckAsync("echo 3 >/proc/sys/vm/drop_caches; sha256sum -c /var/sums >/dev/null");
            await shell.CheckAsync($"head -c 1000000 /dev/urandom >/var/data{move}; sha256sum /var/data{move} >>/var/sums; rm -f /var/data{move - 8}; sed -i '/data{move - 8}$/d' /var/sums; sync");
            var now = Number(await shell.CheckAsync("cut -d' ' -f1 /proc/uptime"));
            Assert.True(now > uptime, $"move {move}: the guest has run for {now} s, and for {uptime} s before it");
            uptime = now;
            var off = Math.Abs(Number(await shell.CheckAsync("date +%s")) - DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            Assert.True(off < 60, $"move {move}: the clock of the guest is {off} s off");
            var figures = (await _here.QueryAsync("Measure-VM", "-VMName", Name)).Single();
            var ago = TimeSpan.Parse(figures.GetProperty("MeteringDuration").GetString()!, CultureInfo.InvariantCulture);
            Assert.True(ago >= duration, $"move {move}: metered for {ago}, and for {duration} before it");
            duration = ago;
            var traffic = Traffic(figures);
            Assert.True(traffic >= metered, $"move {move}: {traffic} bytes were metered, and {metered} before it: {figures}");
            metered = traffic;
        }

        Assert.True(metered > 0);
        await File.WriteAllBytesAsync(folder["stop"], []);
        (await talking).Succeeded();
        var echoed = await File.ReadAllLinesAsync(folder["echoed"]);
        Assert.Equal([.. Enumerable.Range(1, echoed.Length - 1).Select(number => number.ToString(CultureInfo.InvariantCulture)), "last"], echoed);
        Assert.Empty(Directory.EnumerateFiles(_there.Files, "*", SearchOption.AllDirectories));
    }

    private static double Number(string text) => double.Parse(text.Trim(), CultureInfo.InvariantCulture);

    private static long Traffic(JsonElement figures) => figures.GetProperty("NetworkMeteredTrafficReport").EnumerateArray().Sum(one => one.GetProperty("TotalTraffic").GetInt64());
}
