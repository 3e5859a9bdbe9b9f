using System.Text.Json;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Tests.Stacks;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>A full backup and increments by the tools of others; every restore equals the disk at its moment.</summary>
[Requirement("BK-1")]
[Requirement("BK-4")]
public sealed class IncrementalBackupTests
{
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c13");

    [Fact]
    public async Task FullCopy_ThenOnlyWhatChanged_RestoresEachMoment_AlsoAcrossAKill()
    {
        using var folder = new TempFolder();
        var plane = await StorageProcess.StartAsync(folder.Path);
        try
        {
            var disk = new LiveDisk(folder, s_disk);
            await disk.CreateAsync(plane);
            disk.Write();
            await plane.Client.InsertLayerAsync(s_disk, new LayerSpecification("backup", "changes", Settings: new Dictionary<string, string> { ["folder"] = folder["changes"] }));
            await plane.Client.AddCheckpointAsync(s_disk, "backup", "day-0");
            Peer.Run("nbdcopy", disk.Uri, folder["backup-0.img"]);
            Assert.Equal(0, Changed(disk.Uri, "day-0").Sum(extent => extent.Length));
            for (var day = 1; day <= 4; day++)
            {
                disk.Write(5);
                if (day is 2 or 3)
                {
                    // A killed plane forgets nothing, and a stopped one neither; neither counts more than was written.
                    if (day == 2)
                    {
                        plane.Kill();
                    }
                    else
                    {
                        Assert.Equal(0, plane.Stop());
                    }

                    plane.Dispose();
                    plane = await StorageProcess.StartAsync(folder.Path);
                    disk.Write(2);
                }

                // The disk stands still here; a running one is read from a snapshot that is taken with the checkpoint.
                await plane.Client.AddCheckpointAsync(s_disk, "backup", $"day-{day}");
                var changed = Changed(disk.Uri, $"day-{day - 1}");
                Assert.InRange(changed.Sum(extent => extent.Length), 1, 7 * 576 << 10);
                File.Copy(folder[$"backup-{day - 1}.img"], folder[$"backup-{day}.img"]);
                await ApplyAsync(disk.Uri, changed, folder[$"backup-{day}.img"]);
                Peer.Run("nbdcopy", disk.Uri, folder["whole.img"]);
                Peer.Run("cmp", folder["whole.img"], folder[$"backup-{day}.img"]);
            }

            var older = Changed(disk.Uri, "day-1").Sum(extent => extent.Length);
            Assert.True(older > Changed(disk.Uri, "day-3").Sum(extent => extent.Length));
            await plane.Client.RemoveCheckpointAsync(s_disk, "backup", "day-2");
            Assert.Equal(older, Changed(disk.Uri, "day-1").Sum(extent => extent.Length));
            var report = (await plane.Client.GetLayerAsync(s_disk, "backup")).Report;
            Assert.Equal(("false", "0"), (report["isConservative"], report["changedBytes:day-4"]));
            await plane.Client.RemoveLayerAsync(s_disk, "backup");
        }
        finally
        {
            plane.Dispose();
        }
    }

    [Theory]
    [InlineData("vhdx")]
    [InlineData("vhd")]
    public async Task SnapshotAndCheckpoint_AreOfOneMoment_WhileTheDiskIsWritten(string extension)
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk, extension);
        await disk.CreateAsync(plane);
        await plane.Client.InsertLayerAsync(s_disk, new LayerSpecification("backup", "changes", Settings: new Dictionary<string, string> { ["folder"] = folder["changes"] }));
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(() =>
        {
            for (var count = 0; count == 0 || !stop.IsCancellationRequested; count++)
            {
                disk.Write(30);
            }
        });
        for (var moment = 1; moment <= 3; moment++)
        {
            var (before, child) = ((await plane.Client.GetMeterAsync(s_disk)).Writes.Operations, folder[$"{moment}.a{extension}"]);
            await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(child, Checkpoints: [new("backup", $"moment-{moment}")]));
            await Wait.UntilAsync("something is written", async () => (await plane.Client.GetMeterAsync(s_disk)).Writes.Operations > before + 20);
        }

        await stop.CancelAsync();
        await writing;

        // What the newest image holds is what was written since its moment, to the granule.
        var held = new SortedSet<long>();
        await using (var image = ImageFile.Open(folder[$"3.a{extension}"], new ImageOpenOptions(ReadOnly: true, TakeLock: false, Alone: true)))
        {
            List<BlockExtent> extents = [];
            for (var at = 0L; at < image.Geometry.SizeBytes; at = extents[^1].OffsetBytes + extents[^1].LengthBytes)
            {
                Assert.Equal(BlockStatus.Ok, await image.MapOwnExtentsAsync(at, image.Geometry.SizeBytes - at, extents));
            }

            foreach (var extent in extents.Where(extent => extent.Kind != ExtentKind.Hole))
            {
                held.UnionWith(Granules(extent.OffsetBytes, extent.LengthBytes));
            }
        }

        var changed = Changed(disk.Uri, "moment-3").SelectMany(extent => Granules(extent.Offset, extent.Length)).ToHashSet();
        if (extension == "vhd")
        {
            Assert.True(held.SetEquals(changed), $"{string.Join(' ', held.Except(changed))} / {string.Join(' ', changed.Except(held))}");
        }
        else
        {
            // A block over nothing becomes fully present at once: more is held than was written, never less.
            Assert.Subset(new SortedSet<long>(held), new SortedSet<long>(changed));
            Assert.Subset(changed.Select(granule => granule / 16).ToHashSet(), held.Select(granule => granule / 16).ToHashSet());
        }

        Assert.NotEmpty(changed);
        disk.Verify();
        var taken = await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["x.avhdx"], Checkpoints: [new("backup", "moment-3")])));
        Assert.Equal("InvalidParameter", taken.Error.ErrorId);
        await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["x.avhdx"], Checkpoints: [new("none", "a")])));
        Assert.False(File.Exists(folder["x.avhdx"]));

        static IEnumerable<long> Granules(long offset, long length)
        {
            for (var granule = offset >> 16; granule << 16 < offset + length; granule++)
            {
                yield return granule;
            }
        }
    }

    [Theory]
    [InlineData("storage.snapshot.checkpoint", false)]
    [InlineData("storage.snapshot.checkpoint:2", false)]
    [InlineData("storage.snapshot.recorded", true)]
    public async Task KilledInBoth_HasBothOrNeither(string crashPoint, bool isThere)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk);
        TakeSnapshot request = new(folder["b.avhdx"], Checkpoints: [new("one", "a"), new("two", "a")]);
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await disk.CreateAsync(plane);
            foreach (var name in new[] { "one", "two" })
            {
                await plane.Client.InsertLayerAsync(s_disk, new LayerSpecification(name, "changes", Settings: new Dictionary<string, string> { ["folder"] = folder[name] }));
            }

            await plane.Client.AddCheckpointAsync(s_disk, "one", "before");
            disk.Write();
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.SnapshotAsync(s_disk, request));
            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Equal(isThere, File.Exists(folder["b.avhdx"]));
        foreach (var name in new[] { "one", "two" })
        {
            var report = (await next.Client.GetLayerAsync(s_disk, name)).Report;
            Assert.Equal(isThere, report.ContainsKey("changedBytes:a"));
            Assert.Equal(name == "one", report.ContainsKey("changedBytes:before"));
        }

        disk.Verify();
        if (!isThere)
        {
            await next.Client.SnapshotAsync(s_disk, request);
        }

        disk.Write();
        disk.Verify();
    }

    [Theory]
    [InlineData("changes.generation.made", false)]
    [InlineData("changes.checkpoint.recorded", true)]
    [InlineData("changes.generation.dropped", true)]
    public async Task KilledInAChangeOfCheckpoints_ForgetsNoWrite_AndLeavesNothingOver(string crashPoint, bool isThere)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk);
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await disk.CreateAsync(plane);
            await plane.Client.InsertLayerAsync(s_disk, new LayerSpecification("backup", "changes", Settings: new Dictionary<string, string> { ["folder"] = folder["changes"] }));
            await plane.Client.AddCheckpointAsync(s_disk, "backup", "one");
            disk.WriteBeside(3);
            if (crashPoint == "changes.generation.dropped")
            {
                await plane.Client.AddCheckpointAsync(s_disk, "backup", "two");
            }

            plane.Kill();
        }

        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            disk.WriteBeside(5);
            await Assert.ThrowsAnyAsync<ControlException>(() => crashPoint == "changes.generation.dropped"
                ? plane.Client.RemoveCheckpointAsync(s_disk, "backup", "one")
                : plane.Client.AddCheckpointAsync(s_disk, "backup", "two"));
            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Empty((await next.Client.GetHealthAsync()).Failures);
        var report = (await next.Client.GetLayerAsync(s_disk, "backup")).Report;
        Assert.Equal(isThere, report.ContainsKey("changedBytes:two"));
        Assert.Equal(crashPoint != "changes.generation.dropped", report.ContainsKey("changedBytes:one"));
        if (!isThere)
        {
            await next.Client.AddCheckpointAsync(s_disk, "backup", "two");
        }

        disk.WriteBeside(7);
        var since = crashPoint == "changes.generation.dropped" ? "two" : "one";
        Assert.True(Slots(since).IsSupersetOf(since == "one" ? new long[] { 3, 5, 7 } : [5, 7]), string.Join(" ", Slots(since)));
        Assert.Contains(7, Slots("two"));
        Assert.DoesNotContain(3, Slots("two"));
        Assert.Equal(crashPoint == "changes.generation.dropped" ? 1 : 2, Directory.GetFiles(folder["changes"], "*.bits").Length);
        Assert.All([3, 5, 7], disk.VerifyBeside);

        HashSet<long> Slots(string checkpoint) => [.. Changed(disk.Uri, checkpoint).SelectMany(extent => new[] { extent.Offset >> 20, (extent.Offset + extent.Length - 1) >> 20 })];
    }

    private static List<(long Offset, long Length)> Changed(string uri, string checkpoint)
    {
        using var map = JsonDocument.Parse(Peer.Run("nbdinfo", "--json", $"--map=qemu:dirty-bitmap:{checkpoint}", uri));
        return [.. map.RootElement.EnumerateArray().Where(extent => extent.GetProperty("type").GetInt64() == 1)
            .Select(extent => (extent.GetProperty("offset").GetInt64(), extent.GetProperty("length").GetInt64()))];
    }

    private static async Task ApplyAsync(string uri, List<(long Offset, long Length)> changed, string path)
    {
        await using var disk = await NbdClientDevice.ConnectAsync(NbdAddress.Parse(uri), NbdClientOptions.Default, TimeProvider.System, default);
        await using var backup = ImageFile.Open(path, new ImageOpenOptions());
        using var buffer = new TestBuffer(64 << 10);
        foreach (var (offset, length) in changed)
        {
            for (var at = offset; at < offset + length; at += buffer.Span.Length)
            {
                Assert.Equal(BlockStatus.Ok, await disk.ReadAsync(at, buffer.Vector));
                Assert.Equal(BlockStatus.Ok, await backup.WriteAsync(at, buffer.Vector, WriteOptions.None));
            }
        }
    }
}
