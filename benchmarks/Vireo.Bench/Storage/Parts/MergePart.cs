using System.Diagnostics;
using Vireo.Control.Storage;

namespace Vireo.Bench.Storage;

/// <summary>What is left to a guest that writes while its disk's image, which holds all of the disk, is merged into the parent at full speed.</summary>
internal sealed class MergePart : IStoragePart
{
    /// <inheritdoc/>
    public string Name => "merge";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        foreach (var (folder, where) in new[] { (bench.Folder, "in memory"), (bench.DiskFolder, $"on {new DriveInfo(bench.DiskFolder).DriveFormat}") })
        {
            await bench.ImagesAsync(folder);
            using var plane = await StoragePlane.StartAsync(Path.Combine(folder, "host"));
            foreach (var depth in new[] { 32, 1 })
            {
                // Both figures come from one run of the merge: one before it begins, the other until it ends.
                var (during, before, rates) = (new List<double>(), new List<double>(), new List<double>());
                for (var round = 0; round < bench.Options.Rounds; round++)
                {
                    Console.Error.WriteLine($"writes during a merge {where}, depth {depth}");
                    var (with, without, rate) = await MeasureAsync(bench, plane, folder, depth);
                    during.Add(with);
                    before.Add(without);
                    rates.Add(rate);
                }

                bench.Add(new Comparison($"4 KB writes during a merge {where}, depth {depth}", "IOPS", Tool.Median(during), "without it", Tool.Median(before), LessIsBetter: false));
                Console.Error.WriteLine($"  merged at {Tool.Median(rates):0} MB/s");
            }
        }
    }

    private static async Task<(double During, double Before, double MegabytesPerSecond)> MeasureAsync(StorageBench bench, StoragePlane plane, string folder, int depth)
    {
        var child = Path.Combine(folder, "child.vhdx");
        await CopyPart.MakeChildAsync(Path.Combine(folder, "ours.vhdx"), child);
        await Tool.OutputAsync("sync", ["-f", folder]);
        var disk = new DiskAttachment(Guid.NewGuid(), child, ReadOnly: false, FrontEndKind.VhostUserBlock, bench.Socket(0));
        await plane.Client.OpenDiskAsync(disk);
        double before;
        double during;
        double seconds;
        using (var load = new VhostLoad(disk.SocketPath, depth, 4096))
        {
            load.Run(isWrite: true, 4096, depth, 0.2);
            before = load.Run(isWrite: true, 4096, depth, bench.Options.Seconds);
            var begin = Stopwatch.GetTimestamp();
            await plane.Client.StartMergeAsync(disk.Id, new StartMerge(child));
            var ended = WaitAsync(plane, disk.Id);
            during = load.RunWhile(isWrite: true, 4096, depth, _ => !ended.IsCompleted);
            seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            await ended;
        }

        await plane.Client.CloseDiskAsync(disk.Id);
        return (during, before, (StorageBench.ImageMegabytes << 20) / seconds / 1e6);
    }

    private static async Task WaitAsync(StoragePlane plane, Guid disk)
    {
        while (true)
        {
            var status = await plane.Client.GetCopyAsync(disk, CopyKind.Merge);
            switch (status.Phase)
            {
                case CopyPhase.Completed:
                    return;
                case CopyPhase.Failed or CopyPhase.Cancelled:
                    throw new InvalidOperationException($"The merge failed: {status.Failure}.");
                default:
                    await Task.Delay(5);
                    break;
            }
        }
    }
}
