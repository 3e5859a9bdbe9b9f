using System.Diagnostics;
using System.Globalization;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>Eight machines at once, four in each direction, over a link that is slower than the processors: how much of it they use from the first command to the last answer.</summary>
internal sealed class ManyPart : IMobilityPart
{
    private const int Machines = 8;
    private const int MemoryMegabytes = 384;
    private const int LinkMegabits = 400;

    /// <inheritdoc/>
    public string Name => "many";

    /// <inheritdoc/>
    public async Task RunAsync(MobilityBench bench)
    {
        await using var hosts = await TwoVireoHosts.StartAsync();
        await Cable.LimitAsync(hosts, LinkMegabits);
        foreach (var host in new[] { hosts.First, hosts.Second })
        {
            await host.CheckAsync(
                "Set-VMHost", "-VirtualMachineMigrationPerformanceOption", "TCPIP", "-MaximumVirtualMachineMigrations", string.Create(CultureInfo.InvariantCulture, $"{Machines}"));
        }

        for (var number = 0; number < Machines; number++)
        {
            var (host, name) = (Home(hosts, number), Name(number));
            await NoiseGuest.MakeAsync(bench[$"{name}.vhdx"], MemoryMegabytes);
            await host.CheckAsync("New-VM", "-Name", name, "-Generation", "1", "-MemoryStartupBytes", $"{MemoryMegabytes}MB", "-VHDPath", bench[$"{name}.vhdx"], "-Path", bench.Folder);
            await host.CheckAsync("Start-VM", name);
        }

        for (var number = 0; number < Machines; number++)
        {
            var id = (await Home(hosts, number).QueryAsync("Get-VM", "-Name", Name(number))).Single().GetProperty("Id").GetGuid();
            await NoiseGuest.FullAsync(Path.Combine(Home(hosts, number).Root, "run", "m", id.ToString("N"), "com1.log"));
        }

        var before = await Cable.SentAsync(hosts);
        var begin = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Machines).Select(number => Home(hosts, number).CheckAsync("Move-VM", "-Name", Name(number), "-DestinationHost", Away(hosts, number))));
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        var megabits = (await Cable.SentAsync(hosts) - before) * 8 / seconds / 1e6;
        MobilityBench.Say(string.Create(CultureInfo.InvariantCulture, $"  {Machines} machines of {MemoryMegabytes} MB in {seconds:0.0} s"));
        bench.Add(new($"{Machines} machines, both directions", "Mb", megabits, $"the link, twice {LinkMegabits} Mbit/s", 2 * LinkMegabits, LessIsBetter: false), 0.9);

        static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"noise{number}");
    }

    private static VireoHost Home(TwoVireoHosts hosts, int number) => number % 2 == 0 ? hosts.First : hosts.Second;

    private static string Away(TwoVireoHosts hosts, int number) => number % 2 == 0 ? NetworkLink.SecondAddress : NetworkLink.FirstAddress;
}
