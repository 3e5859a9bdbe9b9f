using Vireo.Testing;

namespace Vireo.SystemTests.Scenarios;

/// <summary>Guests on a switch see who they should see, and nobody else.</summary>
[Collection(SystemCollection.Name)]
public sealed class NetworkTests(SystemHost system)
{
    [Fact]
    [Requirement("SW-1")]
    [Requirement("SW-2")]
    [Trait("Category", "Long")]
    public async Task TwoGuestsOfOneVlanTalkAndAThirdInAnotherCannot()
    {
        var host = system.Host;
        await host.CheckAsync("New-VMSwitch", "-Name", "lan", "-SwitchType", "Private");
        string[] names = ["net1", "net2", "net3"];
        foreach (var name in names)
        {
            await host.NewGuestAsync(name, switchName: "lan", start: false);
            await host.CheckAsync("Set-VMNetworkAdapterVlan", "-VMName", name, "-Access", "-VlanId", name == "net3" ? "13" : "12");
        }

        await host.CheckAsync("Start-VM", "-Name", "net*");
        await using var one = await host.ShellAsync("net1");
        await using var two = await host.ShellAsync("net2");
        await using var three = await host.ShellAsync("net3");
        await one.CheckAsync("ip address add 192.168.77.1/24 dev eth0");
        await two.CheckAsync("ip address add 192.168.77.2/24 dev eth0");
        await three.CheckAsync("ip address add 192.168.77.3/24 dev eth0");

        Assert.Contains(" 0% packet loss", await one.CheckAsync("ping -c 5 -i 0.2 -W 5 192.168.77.2"), StringComparison.Ordinal);
        Assert.Contains(" 0% packet loss", await two.CheckAsync("ping -c 5 -i 0.2 -W 5 192.168.77.1"), StringComparison.Ordinal);
        Assert.NotEqual(0, (await one.RunAsync("ping -c 3 -i 0.2 -W 2 192.168.77.3")).ExitCode);
        Assert.NotEqual(0, (await three.RunAsync("ping -c 3 -i 0.2 -W 2 192.168.77.1")).ExitCode);

        await two.CheckAsync("iperf3 -s -D");
        await two.ListensAsync(5201);
        var report = await one.CheckAsync("iperf3 -c 192.168.77.2 -t 3", TimeSpan.FromMinutes(2));
        Assert.Contains("receiver", report, StringComparison.Ordinal);
        report = await one.CheckAsync("iperf3 -c 192.168.77.2 -t 3 -R", TimeSpan.FromMinutes(2));
        Assert.Contains("receiver", report, StringComparison.Ordinal);
        Assert.NotEqual(0, (await three.RunAsync("iperf3 -c 192.168.77.2 -t 1 --connect-timeout 2000")).ExitCode);

        // The VLAN changes under a running guest.
        await host.CheckAsync("Set-VMNetworkAdapterVlan", "-VMName", "net3", "-Access", "-VlanId", "12");
        Assert.Contains(" 0% packet loss", await three.CheckAsync("ping -c 5 -i 0.2 -W 5 192.168.77.1"), StringComparison.Ordinal);

        await host.CheckAsync("Stop-VM", "-Name", "net*", "-TurnOff");
        await host.CheckAsync("Remove-VM", "-Name", "net*", "-Force");
        await host.CheckAsync("Remove-VMSwitch", "-Name", "lan", "-Force");
    }

    [Fact]
    [Requirement("SW-1")]
    [Requirement("VM-8")]
    public async Task AGuestOnTheDefaultSwitchGetsAnAddressAndTheHostReachesIt()
    {
        var host = system.Host;
        await host.NewGuestAsync("dhcp1", generation: 1, switchName: "Default Switch");
        await host.CheckAsync("Wait-VM", "-Name", "dhcp1", "-For", "IPAddress", "-Timeout", "180");
        var adapter = (await host.QueryAsync("Get-VMNetworkAdapter", "-VMName", "dhcp1")).Single();
        var address = adapter.GetProperty("IPAddresses").EnumerateArray().Select(value => value.GetString()!).First(value => value.Contains('.', StringComparison.Ordinal));
        (await host.InNetworkAsync("ping", "-c", "3", "-i", "0.3", "-W", "5", address)).Succeeded();
        await host.CheckAsync("Stop-VM", "-Name", "dhcp1");
        await host.CheckAsync("Remove-VM", "-Name", "dhcp1", "-Force");
    }
}
