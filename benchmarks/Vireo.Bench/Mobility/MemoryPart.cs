using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Bench.Machines;
using Vireo.Testing.Guests;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>
/// A busy guest goes from one host to the other and back, its disk lying on storage of both; and the same guest between two bare QEMUs on the same cable, with bridges and taps, in
/// turns. Both times count from the start of the process that waits for the guest until it runs there and the old one is gone.
/// </summary>
internal sealed class MemoryPart : IMobilityPart
{
    private const string Ours = "192.168.78.2";
    private const string Theirs = "192.168.79.2";
    private const int LinkMegabits = 1000;
    private const int DowntimeMilliseconds = 50;
    private const double PauseMilliseconds = 20;

    /// <inheritdoc/>
    public string Name => "memory";

    /// <inheritdoc/>
    public async Task RunAsync(MobilityBench bench)
    {
        // As bare QEMU does. What guests are emulated may come to harm by that, on both sides; then a round has no figures.
        Environment.SetEnvironmentVariable("VIREO_MOVE_EMULATED_LIVE", "1");
        await using var hosts = await TwoVireoHosts.StartAsync();
        Environment.SetEnvironmentVariable("VIREO_MOVE_EMULATED_LIVE", null);
        await Cable.LimitAsync(hosts, LinkMegabits);
        await using var vireo = await StartOursAsync(bench, hosts);
        await using var qemu = await StartTheirsAsync(bench, hosts);
        Side[] sides = [vireo, qemu];
        foreach (var side in sides)
        {
            var idle = await side.Pings.WatchAsync(() => Task.Delay(TimeSpan.FromSeconds(2)));
            MobilityBench.Say(string.Create(
                CultureInfo.InvariantCulture, $"  {side.Name}: without a move the longest silence is {idle.Milliseconds:0} ms, of the stream {idle.StreamMilliseconds:0} ms, {idle.Lost} of {idle.Asked} pings lost"));

            // The first move of a host compiles what it runs.
            await side.Move();
            await side.Move();
        }

        for (var round = 0; round < bench.Rounds; round++)
        {
            foreach (var side in round % 2 == 0 ? sides : sides.Reverse())
            {
                await side.RunAsync();
            }
        }

        foreach (var side in sides)
        {
            MobilityBench.Say($"  {side}");
        }

        bench.Add(new("a guest moves, total", "ms", Tool.Median(vireo.Totals), "QEMU", Tool.Median(qemu.Totals), LessIsBetter: true), 1 / 1.1);
        bench.Add(new("longest silence", "ms", vireo.Pause, "QEMU + 20 ms", qemu.Pause + PauseMilliseconds, LessIsBetter: true), 1);
        bench.Add(new("pings lost in a move", "", vireo.Lost, "QEMU", qemu.Lost, LessIsBetter: true), null);
    }

    private static async Task<Side> StartOursAsync(MobilityBench bench, TwoVireoHosts hosts)
    {
        await Cable.LayAsync(hosts, "lan0");
        foreach (var host in new[] { hosts.First, hosts.Second })
        {
            await host.CheckAsync("New-VMSwitch", "-Name", "lan", "-NetAdapterName", "lan0", "-AllowManagementOS", "true");
            await host.CheckAsync(
                "Set-VMHost", "-VirtualMachineMigrationPerformanceOption", "TCPIP", "-VirtualMachineMigrationDowntimeLimit", string.Create(CultureInfo.InvariantCulture, $"00:00:00.{DowntimeMilliseconds:000}"));
        }

        var adapter = (await hosts.First.QueryAsync("Get-VMNetworkAdapter", "-ManagementOS")).First(one => one.GetProperty("SwitchName").GetString() == "lan").GetProperty("DeviceName").GetString()!;
        await Tool.OutputAsync("ip", ["-n", hosts.First.Network, "address", "add", "192.168.78.1/24", "dev", adapter]);
        GuestDisk.Build(bench["guest.vhdx"], 1);
        await hosts.First.CheckAsync(
            "New-VM", "-Name", "guest", "-Generation", "1", "-MemoryStartupBytes", string.Create(CultureInfo.InvariantCulture, $"{BusyGuest.MemoryMegabytes}MB"), "-VHDPath", bench["guest.vhdx"], "-Path", bench.Folder,
            "-SwitchName", "lan");
        await hosts.First.CheckAsync("Start-VM", "guest");
        await using (var shell = await hosts.First.ShellAsync("guest"))
        {
            await BusyGuest.BeginAsync(shell, Ours);
        }

        var here = hosts.First;
        return new Side("Vireo", new Pings(hosts.First.Network, Ours), MoveAsync, () => ValueTask.CompletedTask);

        async Task<double> MoveAsync()
        {
            var (from, to, address) = here == hosts.First ? (hosts.First, hosts.Second, NetworkLink.SecondAddress) : (hosts.Second, hosts.First, NetworkLink.FirstAddress);
            var begin = Stopwatch.GetTimestamp();
            await from.CheckAsync("Move-VM", "-Name", "guest", "-DestinationHost", address);
            here = to;
            return Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }
    }

    private static async Task<Side> StartTheirsAsync(MobilityBench bench, TwoVireoHosts hosts)
    {
        await Cable.LayAsync(hosts, "raw0");
        foreach (var network in new[] { hosts.First.Network, hosts.Second.Network })
        {
            await Tool.OutputAsync("ip", ["-n", network, "link", "add", "br0", "type", "bridge"]);
            await Tool.OutputAsync("ip", ["-n", network, "tuntap", "add", "tap0", "mode", "tap"]);
            foreach (var name in new[] { "raw0", "tap0" })
            {
                await Tool.OutputAsync("ip", ["-n", network, "link", "set", name, "master", "br0", "up"]);
            }

            await Tool.OutputAsync("ip", ["-n", network, "link", "set", "br0", "up"]);
        }

        await Tool.OutputAsync("ip", ["-n", hosts.First.Network, "address", "add", "192.168.79.1/24", "dev", "br0"]);
        GuestDisk.Build(bench["guest.raw"], 1);
        var (here, there) = ((hosts.First.Network, Address: NetworkLink.FirstAddress), (hosts.Second.Network, Address: NetworkLink.SecondAddress));
        var number = 0;
        var qemu = await StartAsync(bench, number, here.Network, isWaiting: false);
        await using (var shell = await SerialShell.OpenAsync(bench["raw0.com1"], bench["raw0.com1.log"]))
        {
            await BusyGuest.BeginAsync(shell, Theirs);
        }

        return new Side("QEMU", new Pings(hosts.First.Network, Theirs), MoveAsync, () =>
        {
            qemu.Dispose();
            return ValueTask.CompletedTask;
        });

        async Task<double> MoveAsync()
        {
            var begin = Stopwatch.GetTimestamp();
            var next = await StartAsync(bench, ++number, there.Network, isWaiting: true);
            await MigrateAsync(qemu, next, there.Address);
            qemu.Dispose();
            (qemu, here, there) = (next, there, here);
            return Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }
    }

    private static Task<RawQemu> StartAsync(MobilityBench bench, int number, string network, bool isWaiting) => RawQemu.StartAsync(
        bench.Folder, string.Create(CultureInfo.InvariantCulture, $"raw{number}"), BusyGuest.MemoryMegabytes, $"file={bench["guest.raw"]},format=raw", network,
        ["-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no", "-device", "virtio-net-pci,netdev=net,mac=52:54:00:00:02:01,romfile=", .. isWaiting ? ["-incoming", "defer"] : Array.Empty<string>()]);

    private static async Task MigrateAsync(RawQemu from, RawQemu to, string address)
    {
        foreach (var side in new[] { from, to })
        {
            await side.DoAsync("migrate-set-capabilities", new JsonObject { ["capabilities"] = new JsonArray(new JsonObject { ["capability"] = "auto-converge", ["state"] = true }) });
        }

        await from.DoAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 1L << 40, ["downtime-limit"] = DowntimeMilliseconds });
        await to.DoAsync("migrate-incoming", new JsonObject { ["uri"] = $"tcp:{address}:0" });
        var port = (string)(await to.DoAsync("query-migrate"))["socket-address"]![0]!["port"]!;
        await from.DoAsync("migrate", new JsonObject { ["uri"] = $"tcp:{address}:{port}" });
        while ((string?)(await from.DoAsync("query-migrate"))["status"] is var status and not "completed")
        {
            if (status == "failed")
            {
                throw new InvalidOperationException("QEMU's migration failed.");
            }

            await Task.Delay(2);
        }

        while ((string?)(await to.DoAsync("query-status"))["status"] != "running")
        {
            await Task.Delay(2);
        }
    }

    /// <param name="Name">For people.</param>
    /// <param name="Pings">Listens to its guest.</param>
    /// <param name="Move">Moves it to the other host; milliseconds.</param>
    /// <param name="End">Ends what runs.</param>
    private sealed record Side(string Name, Pings Pings, Func<Task<double>> Move, Func<ValueTask> End) : IAsyncDisposable
    {
        private readonly List<Silence> _silences = [];

        public List<double> Totals { get; } = [];

        public double Pause => Tool.Median(_silences.Select(static silence => silence.Milliseconds));

        public double Lost => Tool.Median(_silences.Select(static silence => (double)silence.Lost));

        public async Task RunAsync() => _silences.Add(await Pings.WatchAsync(async () => Totals.Add(await Move())));

        public ValueTask DisposeAsync()
        {
            Pings.Dispose();
            return End();
        }

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"{Name}: total {List(Totals)} ms; silence {List(_silences.Select(static one => one.Milliseconds))} ms, of the stream {List(_silences.Select(static one => one.StreamMilliseconds))} ms; lost {List(_silences.Select(static one => (double)one.Lost))} of about {_silences.Average(static one => one.Asked):0}");

        private static string List(IEnumerable<double> values) => string.Join(", ", values.Select(static one => one.ToString("0", CultureInfo.InvariantCulture)));
    }
}
