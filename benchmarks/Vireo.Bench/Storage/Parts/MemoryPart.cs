using System.Diagnostics;
using Vireo.Control.Storage;

namespace Vireo.Bench.Storage;

/// <summary>What open disks take that do nothing, and how a disk of the largest size opens.</summary>
internal sealed class MemoryPart : IStoragePart
{
    private const int Disks = 100;
    private const int Opens = 9;
    private const double DiskLimitMegabytes = 1;
    private const double LargestLimitMegabytes = 64;
    private const double LargestLimitMilliseconds = 100;

    /// <inheritdoc/>
    public string Name => "memory";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        Console.Error.WriteLine("memory");
        using (var plane = await StoragePlane.StartAsync(bench["host"]))
        {
            // The first brings in what all of them use.
            await OpenAsync(plane, 0, 10L << 30);
            var before = plane.MemoryMegabytes;
            for (var i = 1; i <= Disks; i++)
            {
                await OpenAsync(plane, i, 10L << 30);
            }

            bench.AddLimit("memory of an idle open disk", "MB", (plane.MemoryMegabytes - before) / Disks, DiskLimitMegabytes);
        }

        using var other = await StoragePlane.StartAsync(bench["other"]);
        await OpenAsync(other, Disks + 1, 1L << 30);
        var empty = other.MemoryMegabytes;
        List<double> times = [];
        for (var i = 0; i < Opens; i++)
        {
            times.Add(await OpenAsync(other, Disks + 2 + i, 64L << 40));
        }

        bench.AddLimit("opening 64 TB", "ms", Tool.Median(times), LargestLimitMilliseconds);
        bench.AddLimit("opening 64 TB, the first of the process", "ms", times[0], LargestLimitMilliseconds);
        bench.AddLimit("memory of an open disk of 64 TB", "MB", (other.MemoryMegabytes - empty) / Opens, LargestLimitMegabytes);

        async Task<double> OpenAsync(StoragePlane plane, int number, long sizeBytes)
        {
            var image = bench[$"disk{number}.vhdx"];
            await plane.Client.CreateImageAsync(new CreateImage(image, ImageFormat.Vhdx, ImageType.Dynamic, sizeBytes));
            var begin = Stopwatch.GetTimestamp();
            await plane.Client.OpenDiskAsync(new DiskAttachment(Guid.NewGuid(), image, ReadOnly: false, FrontEndKind.Nbd, bench.Socket(number)));
            return Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }
    }
}
