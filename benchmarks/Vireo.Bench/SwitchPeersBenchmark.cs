using System.Globalization;

namespace Vireo.Bench;

/// <summary>
/// Guest to guest through a switch on one processor, the guests being dpdk-testpmd on another one, beside Open vSwitch with DPDK. The two
/// take turns in one run.
/// </summary>
internal sealed class SwitchPeersBenchmark : IBenchmark
{
    private const string HugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    private const int PagesWanted = 900;
    private const int SwitchProcessor = 0;
    private const int GuestProcessor = 1;
    private const int WindowsPerRound = 3;
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(8);

    /// <inheritdoc/>
    public string Name => "switch-peers";

    /// <inheritdoc/>
    public string Summary => "guest to guest by vhost-user, one processor (arguments: rounds, default 3, and bytes of the frames, default 64 and 1500)";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs =>
    [
        ("dpdk-testpmd", "dpdk-dev librte-mempool-ring23 librte-net-virtio23"), ("ovsdb-server", "openvswitch-switch openvswitch-switch-dpdk"), ("taskset", "util-linux"),
    ];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var rounds = arguments.Count > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 3;
        int[] sizes = arguments.Count > 1 ? [.. arguments.Skip(1).Select(size => int.Parse(size, CultureInfo.InvariantCulture))] : [64, 1500];
        var vireo = sizes.ToDictionary(size => size, _ => new List<double>());
        var guarded = sizes.ToDictionary(size => size, _ => new List<double>());
        var ovs = sizes.ToDictionary(size => size, _ => new List<double>());
        var pages = int.Parse(await File.ReadAllTextAsync($"{HugePages}/nr_hugepages"), CultureInfo.InvariantCulture);
        var free = int.Parse(await File.ReadAllTextAsync($"{HugePages}/free_hugepages"), CultureInfo.InvariantCulture);
        await File.WriteAllTextAsync($"{HugePages}/nr_hugepages", (pages + Math.Max(0, PagesWanted - free)).ToString(CultureInfo.InvariantCulture));
        try
        {
            for (var round = 0; round < rounds; round++)
            {
                await MeasureAsync(vireo, s_warmUp, Serve());
                await MeasureAsync(guarded, s_warmUp, Serve(ServedPair.WithPolicies));
                await MeasureAsync(ovs, TimeSpan.FromSeconds(1), async (children, folder, sockets) => await OvsDpdk.StartAsync(children, folder, SwitchProcessor, sockets));
            }
        }
        finally
        {
            await File.WriteAllTextAsync($"{HugePages}/nr_hugepages", pages.ToString(CultureInfo.InvariantCulture));
        }

        return
        [
            .. sizes.Select(size => new Comparison($"{size} B, guest to guest", "Mpps", Tool.Median(vireo[size]), "OVS-DPDK, NORMAL", Tool.Median(ovs[size]), LessIsBetter: false)),
            .. sizes.Select(size => new Comparison(
                $"{size} B, VLAN, guards, 20 rules, meter", "Mpps", Tool.Median(guarded[size]), "OVS-DPDK, NORMAL", Tool.Median(ovs[size]), LessIsBetter: false)),
        ];
    }

    private static Func<Children, string, IReadOnlyList<string>, Task> Serve(params string[] options) => (children, _, sockets) =>
    {
        children.Start(
            "taskset", ["-c", SwitchProcessor.ToString(CultureInfo.InvariantCulture), "dotnet", Environment.GetCommandLineArgs()[0], ServedPair.Verb, .. options, .. sockets],
            Console.Error.WriteLine);
        return Task.CompletedTask;
    };

    private static async Task MeasureAsync(Dictionary<int, List<double>> figures, TimeSpan warmUp, Func<Children, string, IReadOnlyList<string>, Task> connect)
    {
        var folder = Directory.CreateTempSubdirectory("vireo-bench-").FullName;
        try
        {
            using var children = new Children();
            var guests = new TestPmd(children, folder, SwitchProcessor, GuestProcessor);
            await connect(children, folder, guests.Sockets);
            guests.Begin();
            foreach (var (size, values) in figures)
            {
                var rates = guests.Measure(size, warmUp, TimeSpan.FromSeconds(1), WindowsPerRound);
                values.AddRange(rates);
                Console.Error.WriteLine($"{size} B: {string.Join(", ", rates.Select(rate => rate.ToString("0.00", CultureInfo.InvariantCulture)))} Mpps");
                warmUp = TimeSpan.FromSeconds(1);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
