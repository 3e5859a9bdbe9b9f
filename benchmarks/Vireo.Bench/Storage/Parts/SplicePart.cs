using System.Diagnostics;
using Vireo.Control.Storage;

namespace Vireo.Bench.Storage;

/// <summary>What a guest with eight requests on their way notices of a layer that goes in, and out again.</summary>
internal sealed class SplicePart : IStoragePart
{
    private const int Splices = 60;
    private const int Depth = 8;
    private const double LimitMilliseconds = 5;
    private const int MinimumMilliseconds = 2;

    /// <inheritdoc/>
    public string Name => "splice";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        Console.Error.WriteLine("splice");
        await bench.ImagesAsync(bench.Folder);
        using var plane = await StoragePlane.StartAsync(bench["host"]);
        var disk = new DiskAttachment(Guid.NewGuid(), bench["ours.vhdx"], ReadOnly: false, FrontEndKind.VhostUserBlock, bench.Socket(0));
        await plane.Client.OpenDiskAsync(disk);
        using var load = new VhostLoad(disk.SocketPath, Depth, 4096);
        var stop = false;
        var running = Task.Run(() => load.RunUntil(() => Volatile.Read(ref stop), 4096, Depth));
        List<double> longest = [];
        List<double> quiet = [];
        for (var i = 0; i <= Splices; i++)
        {
            var begin = Stopwatch.GetTimestamp();
            load.TakeLongestMilliseconds();
            await plane.Client.InsertLayerAsync(disk.Id, new LayerSpecification("spliced", "pass"));
            await plane.Client.RemoveLayerAsync(disk.Id, "spliced");
            var spliced = load.TakeLongestMilliseconds();
            var took = Stopwatch.GetElapsedTime(begin);

            // The same time without a splice tells what the machine itself does to requests.
            await Task.Delay(Math.Max((int)Math.Ceiling(took.TotalMilliseconds), MinimumMilliseconds));
            var nothing = load.TakeLongestMilliseconds();
            if (i > 0)
            {
                longest.Add(spliced);
                quiet.Add(nothing);
            }
        }

        Volatile.Write(ref stop, true);
        await running;
        bench.AddLimit("splice in and out: longest request", "ms", Tool.Median(longest), LimitMilliseconds);
        bench.AddLimit($"splice, the worst of {Splices}", "ms", longest.Max(), LimitMilliseconds);
        bench.AddLimit("as long without a splice", "ms", Tool.Median(quiet), LimitMilliseconds);
        bench.AddLimit($"without a splice, the worst of {Splices}", "ms", quiet.Max(), LimitMilliseconds);
    }
}
