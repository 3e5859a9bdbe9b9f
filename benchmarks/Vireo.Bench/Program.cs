using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Bench;
using Vireo.Bench.Machines;
using Vireo.Bench.Mobility;
using Vireo.Bench.Networks;
using Vireo.Bench.Storage;

// vireo-bench NAME [ARGUMENTS]: prints a table and, as the last line, the worst ratio; writes out/bench/NAME.json.
IBenchmark[] benchmarks = [new ManageBenchmark(), new SwitchBenchmark(), new SwitchPeersBenchmark(), new SwitchNetBenchmark(), new StorageBenchmark(), new MachinesBenchmark(), new MobilityBenchmark()];
if (args is [ServedPair.Verb, .. var sockets])
{
    return await ServedPair.RunAsync(sockets);
}

switch (args)
{
    case [FrameSource.Verb, .. var frames]:
        return FrameSource.Run(frames);
    case [PingPong.Verb, .. var pings]:
        return PingPong.Run(pings);
    case [Listener.Verb, .. var guest]:
        return Listener.Run(guest);
}

if (args.Length == 0 || benchmarks.FirstOrDefault(candidate => candidate.Name == args[0]) is not { } benchmark)
{
    Console.Error.WriteLine("Usage: ./bench NAME [ARGUMENTS]");
    foreach (var one in benchmarks)
    {
        Console.Error.WriteLine($"  {one.Name,-14} {one.Summary}");
    }

    return 2;
}

foreach (var (command, package) in benchmark.Needs)
{
    if (!Tool.Exists(command))
    {
        Console.Error.WriteLine($"./bench {benchmark.Name} compares with {command}, which is missing: apt-get install {package}");
        return 1;
    }
}

var comparisons = await benchmark.RunAsync(args[1..]);
var document = new JsonObject { ["benchmark"] = benchmark.Name, ["commit"] = await Tool.OutputAsync("git", ["rev-parse", "HEAD"]) };
var rows = new JsonArray();
Console.WriteLine($"{"",-36} {"Vireo",12} {"peer",12}  ratio");
foreach (var row in comparisons)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.What,-36} {row.Vireo,9:0.0} {row.Unit,-2} {row.PeerValue,9:0.0} {row.Unit,-2}  {row.Ratio:0.00}  (peer: {row.Peer})"));
    rows.Add(new JsonObject { ["what"] = row.What, ["unit"] = row.Unit, ["vireo"] = row.Vireo, ["peer"] = row.Peer, ["peerValue"] = row.PeerValue, ["ratio"] = row.Ratio });
}

document["comparisons"] = rows;
Directory.CreateDirectory(Path.Combine(Tool.Root, "out", "bench"));
await File.WriteAllTextAsync(Path.Combine(Tool.Root, "out", "bench", $"{benchmark.Name}.json"), document.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
if (comparisons.Count == 0)
{
    // A part that has no peer has told what it saw already.
    return 0;
}

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"worst ratio {comparisons.Min(row => row.Ratio):0.00} (1 = as good as the peer, more is better)"));
return 0;
