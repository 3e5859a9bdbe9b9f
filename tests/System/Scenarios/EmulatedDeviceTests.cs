using System.Text;
using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>Devices for guests that have no drivers for ours.</summary>
[Collection(KillCollection.Name)]
public sealed class EmulatedDeviceTests(SystemHost system)
{
    private const string Greeting = "started from the network";

    [Fact]
    [Requirement("VM-5")]
    public Task AMachineWithALegacyAdapterStartsFromTheNetwork() => StartFromNetworkAsync(system.Host, kill: false);

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public Task ItDoesSoAgainAfterThePlanesWereKilled() => StartFromNetworkAsync(system.Host, kill: true);

    private static async Task StartFromNetworkAsync(VireoHost host, bool kill)
    {
        await host.CheckAsync("New-VMSwitch", "-Name", "pxe", "-SwitchType", "Internal");
        await using var server = await BootServer.StartAsync(host, "pxe");
        await host.CheckAsync("New-VM", "-Name", "pxe1", "-Generation", "1", "-MemoryStartupBytes", "64MB", "-NoVHD");
        await host.CheckAsync("Remove-VMNetworkAdapter", "-VMName", "pxe1");
        await host.CheckAsync("Add-VMNetworkAdapter", "-VMName", "pxe1", "-IsLegacy", "$true", "-SwitchName", "pxe");
        await host.CheckAsync("Add-VMNetworkAdapterAcl", "-VMName", "pxe1", "-RemoteIPAddress", "10.99.0.0/24", "-Direction", "Both", "-Action", "Meter");
        await host.CheckAsync("Set-VMBios", "-VMName", "pxe1", "-StartupOrder", "LegacyNetworkAdapter,CD,IDE,Floppy");
        await host.CheckAsync("Start-VM", "-Name", "pxe1");
        await GreetsAsync(host, times: 1);
        var meter = (await host.QueryAsync("Get-VMNetworkAdapterAcl", "-VMName", "pxe1")).First();
        Assert.Equal("Meter", meter.GetProperty("Action").GetString());

        if (kill)
        {
            // The process goes on with the adapter; whoever serves it now is another.
            await host.KillAsync(Plane.Switch);
            await host.KillAsync(Plane.Host);
            await Wait.UntilAsync("the host to answer again", async () => (await host.RunAsync("Get-VM", "-Name", "pxe1")).ExitCode == 0);
            await host.CheckAsync("Restart-VM", "-Name", "pxe1", "-Force");
            await GreetsAsync(host, times: 2);
        }

        await host.CheckAsync("Stop-VM", "-Name", "pxe1", "-TurnOff");
        await host.CheckAsync("Remove-VM", "-Name", "pxe1", "-Force");
        await host.CheckAsync("Remove-VMSwitch", "-Name", "pxe", "-Force");
    }

    private static async Task GreetsAsync(VireoHost host, int times)
    {
        var id = (await host.QueryAsync("Get-VM", "-Name", "pxe1")).Single().GetProperty("Id").GetGuid();
        var log = Path.Combine(host.Root, "run", "m", id.ToString("N"), "com1.log");
        await Wait.UntilAsync(
            $"the guest to have started from the network {times} times",
            () => File.Exists(log) && File.ReadAllText(log).Split(Greeting).Length > times,
            TimeSpan.FromMinutes(2),
            () => (File.Exists(log) ? File.ReadAllText(log) : "no output") + host.Log());
    }

    /// <summary>DHCP and TFTP (dnsmasq) on the host's own adapter of a switch, with a program for bare metal that greets on the first serial port.</summary>
    private sealed class BootServer : IAsyncDisposable
    {
        private readonly System.Diagnostics.Process _process;

        private BootServer(System.Diagnostics.Process process) => _process = process;

        public static async Task<BootServer> StartAsync(VireoHost host, string switchName)
        {
            // What PXE hands control to at 0:7C00 (PXE 2.1, 4.4.5): DS = 0, then the text byte by byte to port 3F8, then rest.
            byte[] program = [0x31, 0xC0, 0x8E, 0xD8, 0xBE, 0x15, 0x7C, 0xBA, 0xF8, 0x03, 0xAC, 0x84, 0xC0, 0x74, 0x03, 0xEE, 0xEB, 0xF8, 0xF4, 0xEB, 0xFD, .. Encoding.ASCII.GetBytes(Greeting + "\n\0")];
            var folder = Path.Combine(host.Files, "tftp");
            Directory.CreateDirectory(folder);
            await File.WriteAllBytesAsync(Path.Combine(folder, "greet.0"), program);
            var link = (await host.QueryAsync("Get-VMNetworkAdapter", "-ManagementOS", "-SwitchName", switchName)).Single().GetProperty("DeviceName").GetString()!;
            (await host.InNetworkAsync("ip", "address", "add", "10.99.0.1/24", "dev", link)).Succeeded();
            var start = new System.Diagnostics.ProcessStartInfo(
                "nsenter",
                [
                    $"--net=/run/netns/{host.Network}", "dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null", "--user=root", "--bind-interfaces", $"--interface={link}",
                    "--dhcp-range=10.99.0.10,10.99.0.99,1h", "--dhcp-boot=greet.0", "--enable-tftp", $"--tftp-root={folder}", $"--dhcp-leasefile={Path.Combine(folder, "leases")}", "--pid-file=",
                ])
            { UseShellExecute = false };
            return new BootServer(System.Diagnostics.Process.Start(start)!);
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }
    }
}
