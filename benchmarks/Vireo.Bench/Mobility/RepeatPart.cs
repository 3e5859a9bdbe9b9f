using System.Globalization;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>A machine goes back and forth with its disk, twenty times: what the hosts have more of afterwards than when they had moved it a few times.</summary>
internal sealed class RepeatPart : IMobilityPart
{
    private const int Moves = 20;
    private const int First = 6;
    private const int MemoryMegabytes = 64;
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(3);

    /// <inheritdoc/>
    public string Name => "repeat";

    /// <inheritdoc/>
    public async Task RunAsync(MobilityBench bench)
    {
        await using var hosts = await TwoVireoHosts.StartAsync();
        await NoiseGuest.MakeAsync(bench["noise.vhdx"], MemoryMegabytes);
        await hosts.First.CheckAsync("New-VM", "-Name", "noise", "-Generation", "1", "-MemoryStartupBytes", $"{MemoryMegabytes}MB", "-VHDPath", bench["noise.vhdx"], "-Path", bench.Folder);
        await hosts.First.CheckAsync("Start-VM", "noise");
        List<Held> before = [];
        for (var move = 0; move < Moves; move++)
        {
            if (move == First)
            {
                await Task.Delay(s_rest);
                before = Look(hosts);
            }

            var (from, to, address) = move % 2 == 0 ? (hosts.First, hosts.Second, NetworkLink.SecondAddress) : (hosts.Second, hosts.First, NetworkLink.FirstAddress);
            await from.CheckAsync(
                "Move-VM", "-Name", "noise", "-DestinationHost", address, "-IncludeStorage", "-DestinationStoragePath", Path.Combine(to.Files, string.Create(CultureInfo.InvariantCulture, $"place{move}")));
        }

        await Task.Delay(s_rest);
        foreach (var (then, now) in before.Zip(Look(hosts)))
        {
            bench.Add(new($"{now.What} after {Moves} moves", now.Unit, now.Value, $"after {First}", then.Value, LessIsBetter: true), null);
        }
    }

    private static List<Held> Look(TwoVireoHosts hosts)
    {
        var held = new List<Held>();
        foreach (var (host, name) in new[] { (hosts.First, "alpha"), (hosts.Second, "beta") })
        {
            foreach (var plane in Enum.GetValues<Plane>())
            {
                var process = string.Create(CultureInfo.InvariantCulture, $"/proc/{host.PlaneId(plane)}");
                held.Add(new($"{name}, {plane}: memory", "MB", ResidentMegabytes(process)));
                held.Add(new($"{name}, {plane}: descriptors", "", Directory.GetFileSystemEntries($"{process}/fd").Length));
            }

            // Less what is written there about each job and event, which is one file.
            held.Add(new($"{name}: files", "", Directory.EnumerateFiles(host.Root, "*", SearchOption.AllDirectories).Concat(Directory.EnumerateFileSystemEntries(host.Files, "*", SearchOption.AllDirectories)).Count()));
        }

        return held;
    }

    private static double ResidentMegabytes(string process) => double.Parse(
        File.ReadLines($"{process}/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    private sealed record Held(string What, string Unit, double Value);
}
