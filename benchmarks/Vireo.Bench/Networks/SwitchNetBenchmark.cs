using System.Diagnostics;
using System.Globalization;

namespace Vireo.Bench.Networks;

/// <summary>From one network namespace to another through Vireo's switch, the kernel's bridge, Open vSwitch without DPDK, and VDE.</summary>
internal sealed class SwitchNetBenchmark : IBenchmark
{
    private static readonly INetworkSwitch[] s_all = [new VireoLab(usesTaps: false), new VireoLab(usesTaps: true), new KernelBridge(), new OvsUserspace(cuts: false), new OvsUserspace(cuts: true), new VdeSwitch()];
    private readonly List<(string What, string Unit, string Switch, double Value, bool LessIsBetter)> _figures = [];

    /// <inheritdoc/>
    public string Name => "switch-net";

    /// <inheritdoc/>
    public string Summary => "namespace to namespace: TCP, short frames, latency, idle (--only SWITCHES, --what tcp,frames,latency,idle, --seconds 3, --rounds 1)";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs =>
    [
        ("iperf3", "iperf3"), ("ovs-vswitchd", "openvswitch-switch"), ("vde_switch", "vde2"), ("ethtool", "ethtool"), ("taskset", "util-linux"),
    ];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var only = Option(arguments, "--only")?.Split(',');
        var what = (Option(arguments, "--what") ?? "tcp,frames,latency,idle").Split(',');
        var seconds = int.Parse(Option(arguments, "--seconds") ?? "3", CultureInfo.InvariantCulture);
        var rounds = int.Parse(Option(arguments, "--rounds") ?? "1", CultureInfo.InvariantCulture);
        for (var round = 0; round < rounds; round++)
        {
            foreach (var one in s_all.Where(one => only is null || only.Contains(one.Name, StringComparer.Ordinal)))
            {
                await MeasureAsync(one, what, seconds);
            }
        }

        return Compare();
    }

    private static string? Option(IReadOnlyList<string> arguments, string name)
    {
        var at = arguments.ToList().IndexOf(name);
        return at < 0 || at + 1 == arguments.Count ? null : arguments[at + 1];
    }

    private async Task MeasureAsync(INetworkSwitch one, string[] what, int seconds)
    {
        var folder = Directory.CreateTempSubdirectory("vireo-bench-").FullName;
        using var hosts = await TwoHosts.CreateAsync();
        using var children = new Children();
        try
        {
            var process = await one.StartAsync(hosts, children, folder);
            var load = new NetworkLoad(hosts, children, one.IsProcess, seconds);
            foreach (var part in what)
            {
                await (part switch
                {
                    "tcp" => TcpAsync(one, hosts, load),
                    "frames" => FramesAsync(one, hosts, load),
                    "latency" => LatencyAsync(one, hosts, load),
                    "idle" => IdleAsync(one, process),
                    _ => throw new InvalidOperationException($"There is no part '{part}'; use tcp, frames, latency or idle."),
                });
            }
        }
        finally
        {
            children.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task TcpAsync(INetworkSwitch one, TwoHosts hosts, NetworkLoad load)
    {
        // Without its own cutting Open vSwitch hands on segments that are not finished.
        if (one.Name != "ovs-tso")
        {
            await hosts.SetOffloadsAsync(on: false);
            Note("TCP, offloads off", "Gbit/s", one, await load.TcpAsync(), less: false);
        }

        if (one.Name != "ovs")
        {
            await hosts.SetOffloadsAsync(on: true);
            Note("TCP, offloads on", "Gbit/s", one, await load.TcpAsync(), less: false);
        }
    }

    private async Task FramesAsync(INetworkSwitch one, TwoHosts hosts, NetworkLoad load)
    {
        await hosts.SetOffloadsAsync(on: false);
        Note("frames of 64 B", "kpps", one, 1000 * await load.FramesAsync(64), less: false);
    }

    private async Task LatencyAsync(INetworkSwitch one, TwoHosts hosts, NetworkLoad load)
    {
        await hosts.SetOffloadsAsync(on: false);
        var idle = await load.LatencyAsync(0);
        Note("there and back, idle, median", "us", one, idle.Median, less: true);
        Note("there and back, idle, p99", "us", one, idle.NinetyNinth, less: true);
        var rate = await load.FramesAsync(64);
        var half = await load.LatencyAsync(rate * 1e6 / 2);
        Note("there and back, half load, median", "us", one, half.Median, less: true);
        Note("there and back, half load, p99", "us", one, half.NinetyNinth, less: true);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Name}: half load is {rate / 2:0.000} Mpps; lost {idle.Lost} and {half.Lost} of 2000"));
    }

    private async Task IdleAsync(INetworkSwitch one, Process? process)
    {
        if (process is not null)
        {
            var (percent, wakeUps) = await NetworkLoad.IdleAsync(process.Id);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Name}: idle {percent:0.00} % of a processor, {wakeUps:0.0} wake-ups a second"));
        }
    }

    private void Note(string what, string unit, INetworkSwitch one, double value, bool less)
    {
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{one.Name}: {what} {value:0.00} {unit}"));
        _figures.Add((what, unit, one.Name, value, less));
    }

    private List<Comparison> Compare()
    {
        List<Comparison> rows = [];
        foreach (var group in _figures.GroupBy(figure => (figure.What, figure.Unit, figure.LessIsBetter)))
        {
            var medians = group.GroupBy(figure => figure.Switch).ToDictionary(each => each.Key, each => Tool.Median(each.Select(figure => figure.Value)), StringComparer.Ordinal);
            foreach (var (own, value) in medians.Where(pair => pair.Key.StartsWith("vireo", StringComparison.Ordinal)))
            {
                rows.AddRange(medians.Where(pair => !pair.Key.StartsWith("vireo", StringComparison.Ordinal)).Select(
                    pair => new Comparison($"{group.Key.What}, {own}", group.Key.Unit, value, pair.Key, pair.Value, group.Key.LessIsBetter)));
            }
        }

        return rows;
    }
}
