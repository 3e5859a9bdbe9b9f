using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Snapshots of a disk that is written all the time, and their merge back.</summary>
[Requirement("CP-2")]
[Requirement("CP-3")]
public sealed class SnapshotMergeTests
{
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c12");

    [Theory]
    [InlineData("vhdx")]
    [InlineData("vhd")]
    public async Task Snapshot_KeepsTheOldContent_AndTheNewOneGrowsBeside(string extension)
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk, extension);
        await disk.CreateAsync(plane);
        disk.Write();
        var before = disk.Stamps;
        var status = await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["b.a" + extension]));
        Assert.Equal(folder["b.a" + extension], status.Attachment.Path);
        disk.Write();
        disk.Verify();
        var after = disk.Stamps;

        // The old image can be read by others while the disk is in use: it holds what it held.
        using var reader = new ReaderProcess(disk.Attachment.Path, folder["r.sock"]);
        await reader.StartAsync();
        disk.Restore(before);
        disk.Verify($"nbd+unix:///?socket={folder["r.sock"]}");
        disk.Restore(after);
        plane.Kill();
        using var next = await StorageProcess.StartAsync(folder.Path);
        disk.Verify();
        Assert.Equal(0, next.Stop());
    }

    [Theory]
    [InlineData("d.avhdx", "c.avhdx")]
    [InlineData("c.avhdx", "d.avhdx")]
    [InlineData("b.avhdx", "d.avhdx")]
    [InlineData("d.avhd", "c.avhd")]
    [InlineData("c.avhd", "d.avhd")]
    public async Task Merge_WhileTheDiskIsWritten_TakesOneImageOutOfTheChain(string merged, string top)
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = await LiveDisk.ChainAsync(folder, s_disk, plane, LiveDisk.ExtensionOf(merged));
        await plane.Client.StartMergeAsync(s_disk, new StartMerge(folder[merged], BytesPerSecond: 64 << 20));
        disk.Write();
        await LiveDisk.MergedAsync(s_disk, plane);
        Assert.False(File.Exists(folder[merged]));
        Assert.Equal(folder[top], Assert.Single(await plane.Client.ListDisksAsync()).Attachment.Path);
        disk.Verify();
        disk.Write();
        disk.Verify();
        Assert.Equal(0, (await plane.Client.GetHealthAsync()).LayerViolations);
        plane.Kill();
        using var next = await StorageProcess.StartAsync(folder.Path);
        disk.Verify();
        Assert.Equal(0, next.Stop());
    }

    [Theory]
    [InlineData("vhdx")]
    [InlineData("vhd")]
    public async Task MergingEverything_LeavesOneImage_WithTheDisksContent(string extension)
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = await LiveDisk.ChainAsync(folder, s_disk, plane, extension);
        foreach (var image in new[] { "c", "b", "d" })
        {
            await plane.Client.StartMergeAsync(s_disk, new StartMerge(folder[$"{image}.a{extension}"]));
            disk.Write(6);
            await LiveDisk.MergedAsync(s_disk, plane);
        }

        Assert.Equal(disk.Attachment.Path, Assert.Single(await plane.Client.ListDisksAsync()).Attachment.Path);
        disk.Verify();
        Assert.Equal(0, plane.Stop());

        // By somebody else's reader.
        var options = extension == "vhd" ? "driver=vpc,force_size_calc=current_size" : "driver=vhdx";
        if (extension == "vhdx")
        {
            Peer.Run("qemu-img", "check", "-f", "vhdx", disk.Attachment.Path);
        }

        Peer.Run("qemu-img", "convert", "--image-opts", "-O", "raw", $"{options},file.filename={disk.Attachment.Path}", folder["a.raw"]);
        disk.Verify(folder["a.raw"]);
    }

    [Fact]
    public async Task CancelledMerge_LeavesTheChain_AndWrongOnesAreRefused()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = await LiveDisk.ChainAsync(folder, s_disk, plane);
        foreach (var image in new[] { "d.avhdx", "c.avhdx" })
        {
            await plane.Client.StartMergeAsync(s_disk, new StartMerge(folder[image], BytesPerSecond: 1 << 20));
            disk.Write();
            await plane.Client.CancelCopyAsync(s_disk, CopyKind.Merge);
            Assert.Equal(CopyPhase.Cancelled, (await plane.Client.GetCopyAsync(s_disk, CopyKind.Merge)).Phase);
            disk.Verify();
        }

        await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMergeAsync(s_disk, new StartMerge(folder["a.vhdx"])));
        await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMergeAsync(s_disk, new StartMerge(folder["none.avhdx"])));
        Assert.All(new[] { "a.vhdx", "b.avhdx", "c.avhdx", "d.avhdx" }, name => Assert.True(File.Exists(folder[name])));
        plane.Kill();
        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Empty((await next.Client.GetHealthAsync()).Failures);
        disk.Verify();
    }

    [Theory]
    [InlineData("vhdx")]
    [InlineData("vhd")]
    public async Task Merge_KeepsItsLimitAcrossAKill_AndWritesWhatTheChildDoesNotHoldToTheParentAlone(string extension)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk, extension);
        var child = folder["b.a" + extension];
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await disk.CreateAsync(plane);
            disk.Write(40);
            await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(child));
            disk.WriteBeside(1);
            var began = await plane.Client.StartMergeAsync(s_disk, new StartMerge(child, BytesPerSecond: 1000));
            Assert.Equal(1000, began.BytesPerSecond);
            await plane.Client.SetCopyRateAsync(s_disk, CopyKind.Merge, 1);
            disk.WriteBeside(1);
            var held = Held(child);
            disk.WriteBeside(30);
            disk.WriteBeside(31);
            disk.VerifyBeside(30);
            Assert.Equal(held, Held(child));
            disk.Verify();
            plane.Kill();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        var goesOn = await next.Client.GetCopyAsync(s_disk, CopyKind.Merge);
        Assert.Equal((CopyPhase.Copying, 1), (goesOn.Phase, goesOn.BytesPerSecond));
        disk.VerifyBeside(30);
        disk.WriteBeside(40);
        disk.WriteBeside(41);
        await next.Client.CancelCopyAsync(s_disk, CopyKind.Merge);
        disk.VerifyBeside(40);
        await next.Client.StartMergeAsync(s_disk, new StartMerge(child));
        disk.Write();
        await LiveDisk.MergedAsync(s_disk, next);
        Assert.All([1, 30, 31, 40, 41], disk.VerifyBeside);
        disk.Verify();
        Assert.Equal(0, next.Stop());

        static long Held(string path)
        {
            var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true, TakeLock: false, Alone: true));
            try
            {
                List<BlockExtent> extents = [];
                for (var at = 0L; at < image.Geometry.SizeBytes; at = extents[^1].OffsetBytes + extents[^1].LengthBytes)
                {
                    Assert.Equal(BlockStatus.Ok, image.MapOwnExtentsAsync(at, image.Geometry.SizeBytes - at, extents).AsTask().Result);
                }

                return extents.Where(extent => extent.Kind != ExtentKind.Hole).Sum(extent => extent.LengthBytes);
            }
            finally
            {
                image.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
        }
    }

    /// <summary>Serves an image by itself, for reading only.</summary>
    private sealed class ReaderProcess(string image, string socket) : IDisposable
    {
        private Support.ServerProcess? _process;

        public async Task StartAsync() => _process = await Support.ServerProcess.StartAsync(
            socket, Path.Combine(AppContext.BaseDirectory, "vireo-storage"), "serve", image, "--socket", socket, "--read-only");

        public void Dispose() => _process?.Dispose();
    }
}
