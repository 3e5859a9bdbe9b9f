using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Host.Tests.Metering;

/// <summary>
/// A real guest works by the count: so many bytes, so many frames. What metering says of it is held against that, and against the process's own
/// account, while host and planes are killed, and the guest is saved and started again.
/// </summary>
public sealed class MeteredGuestTests : IAsyncLifetime
{
    private const string Name = "metered";
    private const string Prefix = "192.168.66.0/24";
    private const int Payload = 1000;

    // Ethernet, IPv4, ICMP.
    private const int FrameBytes = Payload + 14 + 20 + 8;
    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;
    private PlaneProcess? _host;
    private HostClient? _client;
    private SerialShell? _shell;
    private long _frames;
    private long _written;

    private HostClient Client => _client!;

    public async Task InitializeAsync()
    {
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        _storage = await PlaneProcess.StartAsync("storage", _root.Path);
        _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
        await StartHostAsync();
    }

    public async Task DisposeAsync()
    {
        if (_shell is not null)
        {
            await _shell.DisposeAsync();
        }

        if (_client is not null)
        {
            await Client.RunAsync("Stop-VM", new { Name, TurnOff = true });
            Client.Dispose();
        }

        foreach (var plane in new[] { _host, _switching, _storage }.OfType<PlaneProcess>())
        {
            await plane.DisposeAsync();
        }

        _network.Dispose();
        _root.Dispose();
    }

    [Fact]
    [Requirement("RM-1")]
    [Requirement("RM-2")]
    [Requirement("RM-4")]
    public async Task What_a_guest_uses_is_metered_whatever_is_killed_meanwhile()
    {
        await StartGuestAsync();

        // Counted work: blocks to the disk, frames to the network; the processor's is told by the kernel.
        await WriteAsync(24);
        await PingAsync(20);
        await Shell.CheckAsync("echo 3 > /proc/sys/vm/drop_caches; cat /root/block > /dev/null");
        var process = await ProcessAsync();
        var least = ProcessorTime(process);
        var report = await MeasureAsync();
        var most = ProcessorTime(process);
        Assert.InRange(Span(report, "ProcessorTime"), least, most);
        Assert.True((long)report["AverageProcessorUsage"]! > 0);
        Assert.Equal((256, 256, 1024), ((int)report["MinRAM"]!, (int)report["MaxRAM"]!, (int)report["TotalDisk"]!));
        Assert.InRange((long)report["AvgRAM"]!, 1, 256);
        Assert.InRange(Span(report, "RunningDuration"), TimeSpan.FromTicks(1), Span(report, "MeteringDuration"));
        var disk = Assert.Single(report["HardDiskMetrics"]!.AsArray())!;
        Assert.Equal(_root["guest.vhdx"], (string?)disk["VirtualHardDisk"]!["Path"]);
        Assert.InRange((long)disk["DataRead"]!, 24, 1024);
        Assert.True((long)disk["NormalizedIOCount"]! >= (48 << 20) / 8192);
        Assert.NotNull(disk["AverageLatency"]);
        AssertWork(report);

        // The host is killed, and the guest goes on.
        await KillHostAsync();
        await WriteAsync(8);
        await PingAsync(10);
        await StartHostAsync();
        report = await MeasureAsync();
        AssertWork(report);
        Assert.InRange(Span(report, "ProcessorTime"), most, ProcessorTime(process));

        // Counters of planes that were killed begin anew.
        foreach (var killStorage in new[] { true, false })
        {
            if (killStorage)
            {
                await _storage!.KillAsync();
                _storage = await PlaneProcess.StartAsync("storage", _root.Path);
            }
            else
            {
                await _switching!.KillAsync();
                _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
                await ReachAsync();
            }

            await WriteAsync(8);
            await PingAsync(10);
            AssertWork(await MeasureAsync());
        }

        // A guest whose power is cut is read before its disk and port are closed.
        await Client.ObjectsAsync("Stop-VM", new { Name, TurnOff = true });
        AssertWork(await MeasureAsync());
        await Client.ObjectsAsync("Reset-VMResourceMetering", new { VMName = Name });
        report = await MeasureAsync();
        Assert.Equal((0, 0), ((int)report["AggregatedNormalizedIOCount"]!, (int)report["NetworkOutbound"]!));
        Assert.Equal(TimeSpan.Zero, Span(report, "ProcessorTime"));
        Assert.Null(report["MinRAM"]);
    }

    [Fact]
    [Requirement("RM-4")]
    [Trait("Category", "Long")]
    public async Task A_saved_guest_that_goes_on_goes_on_in_its_figures()
    {
        await StartGuestAsync();
        await WriteAsync(8);
        await PingAsync(10);
        var used = Span(await MeasureAsync(), "ProcessorTime");
        await Client.ObjectsAsync("Save-VM", new { Name });
        var saved = await MeasureAsync();
        AssertWork(saved);
        Assert.True(Span(saved, "ProcessorTime") >= used);
        await Client.ObjectsAsync("Start-VM", new { Name });
        await OpenShellAsync();
        await ReachAsync();
        await WriteAsync(8);
        await PingAsync(10);

        // A guest that ends by itself is read before its disk and port are closed.
        await Client.ObjectsAsync("Stop-VM", new { Name });
        var report = await MeasureAsync();
        AssertWork(report);
        Assert.True(Span(report, "ProcessorTime") >= Span(saved, "ProcessorTime"));
    }

    private SerialShell Shell => _shell!;

    private async Task StartGuestAsync()
    {
        GuestDisk.Build(_root["guest.vhdx"], generation: 1);
        await Client.ObjectsAsync("New-VMSwitch", new { Name = "inside", SwitchType = "Internal" });
        await Client.ObjectsAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 256 << 20, VHDPath = _root["guest.vhdx"], SwitchName = "inside" });
        foreach (var direction in new[] { "Inbound", "Outbound" })
        {
            await Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { VMName = Name, Action = "Meter", Direction = direction, RemoteIPAddress = new[] { Prefix } });
        }

        await Client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = Name });
        await Client.ObjectsAsync("Start-VM", new { Name });
        await OpenShellAsync();
        await Shell.CheckAsync("ip address add 192.168.66.2/24 dev eth0");
        await ReachAsync();
    }

    /// <summary>All that was done is in the figures, and next to nothing else: none of it twice.</summary>
    private void AssertWork(JsonNode report)
    {
        var rules = report["NetworkMeteredTrafficReport"]!.AsArray();
        Assert.Equal(2, rules.Count);
        Assert.All(rules, rule =>
        {
            Assert.Equal(Prefix, (string?)rule!["RemoteAddress"]);
            Assert.InRange((long)rule["TotalBytes"]!, _frames * FrameBytes, (_frames * FrameBytes) + (FrameBytes * 9L));
            Assert.Equal((long)rule["TotalBytes"]! >> 20, (long)rule["TotalTraffic"]!);
        });
        var adapter = Assert.Single(report["NetworkAdapterMetrics"]!.AsArray())!;
        Assert.True((long)adapter["OutboundBytes"]! >= _frames * FrameBytes);
        Assert.True((long)adapter["InboundBytes"]! >= _frames * FrameBytes);

        // The file system writes more than the data, but not as much again.
        Assert.InRange((long)report["AggregatedDiskDataWritten"]!, _written, (2 * _written) + 16);
        Assert.Equal((256, 256), ((int)report["MinRAM"]!, (int)report["MaxRAM"]!));
    }

    private async Task WriteAsync(int megabytes)
    {
        await Shell.CheckAsync($"dd if=/dev/urandom of=/root/block bs=1M count={megabytes} conv=fsync && sync", TimeSpan.FromMinutes(2));
        _written += megabytes;
    }

    private async Task PingAsync(int count)
    {
        Assert.Contains(" 0% packet loss", await Shell.CheckAsync($"ping -c {count} -i 0.02 -W 10 -s {Payload} 192.168.66.1", TimeSpan.FromMinutes(2)), StringComparison.Ordinal);
        _frames += count;
    }

    /// <summary>The management operating system answers the guest; what was sent until then is counted too.</summary>
    private async Task ReachAsync()
    {
        var adapter = Assert.Single(await Client.ObjectsAsync("Get-VMNetworkAdapter", new { ManagementOS = true, SwitchName = "inside" }));
        var device = (string)adapter["DeviceName"]!;
        await Wait.UntilAsync($"the interface {device}", () => Task.FromResult(Peer.TryRun("ip", "-n", _network.Name, "address", "replace", "192.168.66.1/24", "dev", device).ExitCode == 0));
        await Wait.UntilAsync(
            "the guest to reach the management operating system", async () => (await Shell.RunAsync("arping -q -c 1 -w 2 -I eth0 192.168.66.1")).ExitCode == 0, TimeSpan.FromMinutes(2));
    }

    private async Task OpenShellAsync()
    {
        if (_shell is not null)
        {
            await _shell.DisposeAsync();
        }

        var machine = Assert.Single(await Client.ObjectsAsync("Get-VM", new { Name }));
        var run = _root[$"run/m/{Guid.Parse((string)machine["Id"]!):N}"];
        _shell = await SerialShell.OpenAsync(Path.Combine(run, "com1"), File.Exists(Path.Combine(run, "com1.log")) && _frames == 0 ? Path.Combine(run, "com1.log") : null);
    }

    private async Task StartHostAsync()
    {
        _host = await PlaneProcess.StartAsync("host", _root.Path);
        _client?.Dispose();
        _client = new HostClient(_root.Path);
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await Client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => _host.Log);
    }

    private async Task KillHostAsync()
    {
        await _host!.KillAsync();
        await _host.DisposeAsync();
    }

    private async Task<JsonNode> MeasureAsync() => Assert.Single(await Client.ObjectsAsync("Measure-VM", new { Name }));

    private async Task<int> ProcessAsync()
    {
        var id = (string)Assert.Single(await Client.ObjectsAsync("Get-VM", new { Name }))["Id"]!;
        return Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
            .Single(candidate => CommandLine(candidate) is { Length: > 1 } words && words.Contains("-uuid") && words.Contains(id));
    }

    private static string[] CommandLine(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline").Split('\0');
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static TimeSpan ProcessorTime(int process)
    {
        var fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ');
        return TimeSpan.FromMilliseconds(10.0 * (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)));
    }

    private static TimeSpan Span(JsonNode report, string property) => TimeSpan.Parse((string)report[property]!, CultureInfo.InvariantCulture);
}
