using System.Diagnostics;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Vhdx;

namespace Vireo.Bench.Storage;

/// <summary>
/// Convert, merge and mirror beside <c>cp</c> of as many bytes, in the same folder. All of them end with the data where a flush would put them, and
/// begin when the disk has nothing more to write of what came before.
/// </summary>
internal sealed class CopyPart : IStoragePart
{
    /// <inheritdoc/>
    public string Name => "copy";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        await RunAsync(bench, bench.Folder, "in memory");
        await RunAsync(bench, bench.DiskFolder, $"on {new DriveInfo(bench.DiskFolder).DriveFormat}");
    }

    private static async Task RunAsync(StorageBench bench, string folder, string where)
    {
        await bench.ImagesAsync(folder);
        using var plane = await StoragePlane.StartAsync(Path.Combine(folder, "host"));
        var (raw, vhdx, copy) = (Path.Combine(folder, "image.raw"), Path.Combine(folder, "ours.vhdx"), Path.Combine(folder, "copy"));
        var mirror = copy + ".vhdx";
        foreach (var (what, source, target) in new[]
        {
            ("raw to VHDX", raw, new CreateImage(copy, ImageFormat.Vhdx, ImageType.Dynamic, 0)), ("VHDX to raw", vhdx, new CreateImage(copy, ImageFormat.Raw, ImageType.Fixed, 0)),
            ("VHDX to VHDX", vhdx, new CreateImage(copy, ImageFormat.Vhdx, ImageType.Dynamic, 0)), ("VHDX to VHD", vhdx, new CreateImage(copy, ImageFormat.Vhd, ImageType.Dynamic, 0)),
        })
        {
            await bench.CompareAsync($"convert {what} {where}", "MB/s",
            [
                ("Vireo", () => RateAsync(bench, copy, () => plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Convert, source, target), null))), ("cp", () => CopyAsync(bench, raw, copy)),
            ]);
        }

        var child = Path.Combine(folder, "child.vhdx");
        await bench.CompareAsync($"merge {where}", "MB/s",
        [
            ("Vireo", async () =>
            {
                await MakeChildAsync(vhdx, child);
                return await RateAsync(bench, copy, () => plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Merge, child), null));
            }),
            ("cp", () => CopyAsync(bench, raw, copy)),
        ]);

        var disk = new DiskAttachment(Guid.NewGuid(), vhdx, ReadOnly: false, FrontEndKind.Nbd, bench.Socket(0));
        await plane.Client.OpenDiskAsync(disk);
        await bench.CompareAsync($"mirror {where}", "MB/s",
        [
            ("Vireo", async () =>
            {
                var rate = await RateAsync(bench, null, async () =>
                {
                    await plane.Client.StartMirrorAsync(disk.Id, new StartMirror(mirror));
                    while ((await plane.Client.GetCopyAsync(disk.Id, CopyKind.Mirror)).Phase == CopyPhase.Copying)
                    {
                        await Task.Delay(1);
                    }

                    if ((await plane.Client.GetCopyAsync(disk.Id, CopyKind.Mirror)).Phase != CopyPhase.Ready)
                    {
                        throw new InvalidOperationException("The mirror did not become ready.");
                    }
                });
                await plane.Client.CancelCopyAsync(disk.Id, CopyKind.Mirror);
                return rate;
            }),
            ("cp", () => CopyAsync(bench, raw, copy)),
        ]);
        await plane.Client.CloseDiskAsync(disk.Id);
    }

    /// <summary>A child of which every block holds data of its own.</summary>
    public static async Task MakeChildAsync(string parent, string path)
    {
        // All of the parent is overwritten, so that as much is copied as cp copies.
        await using (var below = ImageFile.Open(parent, new ImageOpenOptions(ReadOnly: true)))
        {
            ImageFile.Create(path, VhdxCreate.ForParent(below, path));
        }

        await using var image = ImageFile.Open(path, new ImageOpenOptions());
        using var buffer = new Platform.Memory.NativeBuffer(image.Properties.BlockSizeBytes);
        new Random(1).NextBytes(buffer.Span);
        for (var offset = 0L; offset < image.Geometry.SizeBytes; offset += buffer.LengthBytes)
        {
            var count = (int)Math.Min(buffer.LengthBytes, image.Geometry.SizeBytes - offset);
            var status = await image.WriteAsync(offset, new IoVector(new[] { buffer.Segment.Slice(0, count) }, count), WriteOptions.None);
            if (status != BlockStatus.Ok)
            {
                throw new InvalidOperationException($"'{path}' could not be written: {status}.");
            }
        }
    }

    private static Task<double> CopyAsync(StorageBench bench, string source, string target) =>
        RateAsync(bench, target, () => Tool.OutputAsync("sh", ["-c", $"cp '{source}' '{target}' && sync '{target}'"]));

    private static async Task<double> RateAsync(StorageBench bench, string? target, Func<Task> work)
    {
        // What was written and removed before, the file system's journal too.
        await Tool.OutputAsync("sync", ["-f", bench.DiskFolder]);
        var begin = Stopwatch.GetTimestamp();
        await work();
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        if (target is not null)
        {
            File.Delete(target);
        }

        return (StorageBench.ImageMegabytes << 20) / seconds / 1e6;
    }
}
