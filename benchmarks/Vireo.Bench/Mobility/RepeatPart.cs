using System.Globalization;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>
/// A machine goes back and forth with its disk, twenty times (<c>--rounds 5</c>; four times as often as there are rounds): what the hosts have more of afterwards than when they had moved
/// it a few times, and of which kind the descriptors are.
/// </summary>
internal sealed class RepeatPart : IMobilityPart
{
    private const int MovesInRound = 4;
    private const int First = 6;
    private const int MovesAtLook = 10;
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
        var moves = MovesInRound * bench.Rounds;
        for (var move = 0; move < moves; move++)
        {
            if (move == First)
            {
                await Task.Delay(s_rest);
                before = Look(hosts);
            }
            else if (move % MovesAtLook == 0 && move > First)
            {
                MobilityBench.Say($"  after {move}: {string.Join(", ", Look(hosts).Where(static held => held.Unit == "MB").Select(static held => string.Create(CultureInfo.InvariantCulture, $"{held.What} {held.Value:0}")))}");
            }

            var (from, to, address) = move % 2 == 0 ? (hosts.First, hosts.Second, NetworkLink.SecondAddress) : (hosts.Second, hosts.First, NetworkLink.FirstAddress);
            await from.CheckAsync(
                "Move-VM", "-Name", "noise", "-DestinationHost", address, "-IncludeStorage", "-DestinationStoragePath", Path.Combine(to.Files, string.Create(CultureInfo.InvariantCulture, $"place{move}")));
        }

        await Task.Delay(s_rest);
        foreach (var (then, now) in before.Zip(Look(hosts)))
        {
            if (now.Kinds.Except(then.Kinds).ToList() is { Count: > 0 } more)
            {
                MobilityBench.Say($"  {now.What}: more are {string.Join(", ", more.Take(10))}");
            }

            bench.Add(new($"{now.What} after {moves} moves", now.Unit, now.Value, $"after {First}", then.Value, LessIsBetter: true), null);
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
                held.Add(new($"{name}, {plane}: memory", "MB", ResidentMegabytes(process), []));
                var descriptors = Directory.GetFileSystemEntries($"{process}/fd").Select(static one => new FileInfo(one).LinkTarget ?? "").ToList();
                held.Add(new($"{name}, {plane}: descriptors", "", descriptors.Count, [.. descriptors.GroupBy(Kind).Select(static kind => $"{kind.Key} ({kind.Count()})")]));
            }

            // Less what is written there about each job and event, which is one file.
            held.Add(new($"{name}: files", "", Directory.EnumerateFiles(host.Root, "*", SearchOption.AllDirectories).Concat(Directory.EnumerateFileSystemEntries(host.Files, "*", SearchOption.AllDirectories)).Count(), []));
        }

        return held;
    }

    private static double ResidentMegabytes(string process) => double.Parse(
        File.ReadLines($"{process}/status").First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    // Of a socket or pipe the number says nothing.
    private static string Kind(string target) => target.IndexOf(":[", StringComparison.Ordinal) is > 0 and var at ? target[..at] : target;

    private sealed record Held(string What, string Unit, double Value, IReadOnlyList<string> Kinds);
}
