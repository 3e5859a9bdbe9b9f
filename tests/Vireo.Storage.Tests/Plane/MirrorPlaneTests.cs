using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Storage migration through the plane, also of one that is killed in the middle.</summary>
[Requirement("SM-1")]
public sealed class MirrorPlaneTests
{
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c11");

    [Theory]
    [InlineData("target.vhdx")]
    [InlineData("target.img")]
    public async Task Disk_MovesWhileItIsWritten_AndTheSourceIsFree(string name)
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk);
        await disk.CreateAsync(plane);
        disk.Write();
        await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder[name]));
        disk.Write();
        await ReadyAsync(plane);
        disk.Write();
        var status = await plane.Client.CompleteMirrorAsync(s_disk);
        Assert.Equal(folder[name], status.Attachment.Path);
        Assert.Equal(["meter"], status.Layers);
        Assert.Equal(CopyPhase.Completed, (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase);

        // Nobody holds the source any more, and what is written now does not reach it.
        Peer.Run("qemu-img", "check", "-f", "vhdx", disk.Attachment.Path);
        disk.Write();
        disk.Verify();
        plane.Kill();
        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Equal(folder[name], Assert.Single(await next.Client.ListDisksAsync()).Attachment.Path);
        disk.Verify();
        Assert.Equal(0, next.Stop());
    }

    [Theory]
    [InlineData("vhdx")]
    [InlineData("vhd")]
    public async Task Chain_MovesAsAChain_WhileItsTopIsWritten(string extension)
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk, extension);
        await disk.CreateAsync(plane);
        disk.Write(40);
        await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["b.a" + extension]));
        disk.Write(4);
        var top = await plane.Client.InspectImageAsync(folder["b.a" + extension]);
        var (parent, target) = (folder["moved/a." + extension], folder["moved/b.a" + extension]);
        Directory.CreateDirectory(folder["moved"]);
        await plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Copy, disk.Attachment.Path, OtherPath: parent), null);
        await plane.Client.CreateImageAsync(new CreateImage(target, top.Format, ImageType.Differencing, 0, top.BlockSizeBytes, ParentPath: parent));

        // A target that shows something else where the top holds nothing must not be written to.
        await plane.Client.CreateImageAsync(new CreateImage(folder["alone." + extension], top.Format, ImageType.Dynamic, 64 << 20));
        var refused = await Assert.ThrowsAnyAsync<ControlException>(
            () => plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["alone." + extension], Create: false, KeepsChain: true)));
        Assert.Contains("a copy of that image's parent", refused.Error.Message, StringComparison.Ordinal);

        await plane.Client.StartMirrorAsync(s_disk, new StartMirror(target, Create: false, KeepsChain: true, KeepsDiskId: true));
        disk.Write(4);
        var copied = (await ReadyAsync(plane)).CopiedBytes;
        disk.Write(4);
        await plane.Client.CompleteMirrorAsync(s_disk);
        var moved = await plane.Client.InspectImageAsync(target);
        Assert.Equal((parent, top.DiskId, ImageType.Differencing), (moved.ParentPath, moved.DiskId, moved.Type));
        Assert.InRange(copied, 0, 8 << 20);
        File.Delete(disk.Attachment.Path);
        File.Delete(folder["b.a" + extension]);
        disk.Write();
        disk.Verify();
        plane.Kill();
        using var next = await StorageProcess.StartAsync(folder.Path);
        disk.Verify();
        Assert.Equal(0, next.Stop());
    }

    [Theory]
    [InlineData("storage.mirror.created", "a.vhdx")]
    [InlineData("storage.mirror.durable", "a.vhdx")]
    [InlineData("storage.mirror.recorded", "target.vhdx")]
    public async Task KilledPlane_ComesBackWithExactlyOneSide(string crashPoint, string survivor)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk);
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await disk.CreateAsync(plane);
            disk.Write();
            await Assert.ThrowsAnyAsync<ControlException>(async () =>
            {
                await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["target.vhdx"]));
                disk.Write();
                await ReadyAsync(plane);
                disk.Write();
                await plane.Client.CompleteMirrorAsync(s_disk);
            });
            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Equal(folder[survivor], Assert.Single(await next.Client.ListDisksAsync()).Attachment.Path);
        Assert.Equal(survivor == "target.vhdx", File.Exists(folder["target.vhdx"]));
        disk.Verify();
        if (survivor == "a.vhdx")
        {
            Assert.Equal(CopyPhase.Failed, (await next.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase);
            await next.Client.StartMirrorAsync(s_disk, new StartMirror(folder["target.vhdx"]));
            await ReadyAsync(next);
            await next.Client.CompleteMirrorAsync(s_disk);
            disk.Verify();
        }
    }

    [Fact]
    public async Task HandedOver_TheTargetHoldsOneMoment_AndTheDiskGoesOnInItsSource()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk);
        await disk.CreateAsync(plane);
        disk.Write();
        await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["target.vhdx"]));
        disk.Write();
        await ReadyAsync(plane);
        disk.Write();
        var status = await plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Detach);
        Assert.Equal((disk.Attachment.Path, "meter"), (status.Attachment.Path, Assert.Single(status.Layers)));
        Assert.Equal(status.Attachment, (await plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Detach)).Attachment);
        Assert.Equal(CopyPhase.Completed, (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase);

        // Free for others, and later writes do not reach it.
        var moment = disk.Stamps;
        disk.Write();
        disk.Verify();
        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["target.vhdx"]);
        Peer.Run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", folder["target.vhdx"], folder["target.raw"]);
        disk.Restore(moment);
        disk.Verify(folder["target.raw"]);
        await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["again.vhdx"]));
        await ReadyAsync(plane);
        await plane.Client.CompleteMirrorAsync(s_disk);
        Assert.Equal(0, plane.Stop());
        Assert.True(File.Exists(folder["target.vhdx"]));
    }

    [Fact]
    public async Task HandedOverToAnotherServer_WhileItIsWritten_NothingThatCompletedIsMissingThere()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk);
        await disk.CreateAsync(plane);
        await plane.Client.CreateImageAsync(new CreateImage(folder["t.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
        using var server = await ServerProcess.StartAsync(
            folder["t.sock"], Path.Combine(AppContext.BaseDirectory, "vireo-storage"), "serve", folder["t.vhdx"], "--socket", folder["t.sock"]);
        await plane.Client.StartMirrorAsync(s_disk, new StartMirror($"nbd+unix:///?socket={folder["t.sock"]}", TargetIsZero: true));
        await ReadyAsync(plane);
        var before = (await plane.Client.GetMeterAsync(s_disk)).Writes.Operations;
        var writing = Task.Run(() => disk.Write(400));
        await Wait.UntilAsync("the disk is written", async () => (await plane.Client.GetMeterAsync(s_disk)).Writes.Operations > before + 20);
        await plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Close);
        await writing;
        Assert.Empty(await plane.Client.ListDisksAsync());
        disk.Verify($"nbd+unix:///?socket={folder["t.sock"]}");

        // The source is whole, and nobody has it.
        Peer.Run("qemu-img", "check", "-f", "vhdx", disk.Attachment.Path);
        Assert.Empty((await plane.Client.GetHealthAsync()).Failures);
    }

    [Theory]
    [InlineData("storage.mirror.durable", true)]
    [InlineData("storage.mirror.recorded", false)]
    public async Task KilledInAHandover_HasTheSourceOpenOrNothing(string crashPoint, bool isOpen)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk);
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await disk.CreateAsync(plane);
            disk.Write();
            await plane.Client.CreateImageAsync(new CreateImage(folder["target.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
            await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["target.vhdx"], Create: false, TargetIsZero: true));
            await ReadyAsync(plane);
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Close));
            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Equal(isOpen, (await next.Client.ListDisksAsync()).Count == 1);
        if (!isOpen)
        {
            // The answer was lost: asked again, it is done. Not what was not asked for, and not once the disk is open again.
            Assert.Equal(disk.Attachment, (await next.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Close)).Attachment);
            var done = await next.Client.GetCopyAsync(s_disk, CopyKind.Mirror);
            Assert.Equal((CopyPhase.Completed, folder["target.vhdx"]), (done.Phase, done.Path));
            await NotThereAsync(() => next.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Switch));
            await next.Client.OpenDiskAsync(disk.Attachment with { Path = folder["target.vhdx"] });
            await NotThereAsync(() => next.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Close));
        }

        disk.Verify();
    }

    [Fact]
    public async Task KilledInTheCopy_GoesOnWithTheSource()
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk);
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await disk.CreateAsync(plane);
            disk.Write(40);
            await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["target.vhdx"], BytesPerSecond: 1 << 20));
            disk.Write();
            Assert.Equal(CopyPhase.Copying, (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase);
            var early = await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.CompleteMirrorAsync(s_disk));
            Assert.Equal("ResourceBusy", early.Error.Category);
            plane.Kill();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.False(File.Exists(folder["target.vhdx"]));
        disk.Verify();
    }

    [Fact]
    public async Task Cancel_AndWrongTargets_LeaveTheDiskAndNoFile()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk);
        await disk.CreateAsync(plane);
        disk.Write();
        await plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["target.vhdx"], BytesPerSecond: 1));
        var busy = await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["other.vhdx"])));
        Assert.Equal("ObjectInUse", busy.Error.ErrorId);
        await plane.Client.SetCopyRateAsync(s_disk, CopyKind.Mirror, 2);
        await plane.Client.CancelCopyAsync(s_disk, CopyKind.Mirror);
        await plane.Client.CancelCopyAsync(s_disk, CopyKind.Mirror);
        Assert.Equal(CopyPhase.Cancelled, (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase);
        await File.WriteAllTextAsync(folder["there.vhdx"], "mine");
        await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["there.vhdx"])));
        await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["none/target.vhdx"])));
        await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMirrorAsync(s_disk, new StartMirror($"nbd+unix:///?socket={folder["none.sock"]}")));
        await plane.Client.CreateImageAsync(new CreateImage(folder["small.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 32 << 20, 1 << 20));
        var small = await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["small.vhdx"], Create: false)));
        Assert.Contains("does not fit", small.Error.Message, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(folder["there.vhdx"]));
        Assert.True(File.Exists(folder["small.vhdx"]) && !File.Exists(folder["target.vhdx"]) && !File.Exists(folder["other.vhdx"]));
        disk.Write();
        disk.Verify();
        Assert.Equal(0, (await plane.Client.GetHealthAsync()).LayerViolations);
    }

    [Fact]
    public async Task AnotherServer_WithTls_TakesOver_AndItsEndBeforeThatIsNoHarm()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk);
        await disk.CreateAsync(plane);
        var certificates = Certificates.Make(folder["certificates"]);
        disk.Write();
        var uri = $"nbds+unix:///?socket={folder["k.sock"]}&tls-certificates={certificates}";
        string[] arguments = ["-f", "-U", folder["k.sock"], "--tls=require", $"--tls-certificates={certificates}", "--tls-verify-peer", "memory", "64M"];
        using (await ServerProcess.StartAsync(folder["k.sock"], "nbdkit", arguments))
        {
            await plane.Client.StartMirrorAsync(s_disk, new StartMirror(uri, BytesPerSecond: 1 << 20));
            disk.Write();
            await plane.Client.CancelCopyAsync(s_disk, CopyKind.Mirror);
        }

        File.Delete(folder["k.sock"]);
        disk.Verify();
        using var server = await ServerProcess.StartAsync(folder["k.sock"], "nbdkit", arguments);
        await plane.Client.StartMirrorAsync(s_disk, new StartMirror(uri, TargetIsZero: true));
        await ReadyAsync(plane);
        disk.Write();
        Assert.Equal(uri, (await plane.Client.CompleteMirrorAsync(s_disk)).Attachment.Path);
        disk.Write();
        disk.Verify();
    }

    private static async Task NotThereAsync(Func<Task> request) =>
        Assert.Equal("ObjectNotFound", (await Assert.ThrowsAnyAsync<ControlException>(request)).Error.ErrorId);

    private static async Task<CopyStatus> ReadyAsync(StorageProcess plane)
    {
        CopyStatus? status = null;
        await Wait.UntilAsync("the mirror is ready", async () =>
        {
            status = await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror);
            Assert.True(status.Phase is CopyPhase.Copying or CopyPhase.Ready, $"{status}");
            return status.Phase == CopyPhase.Ready;
        });
        return status!;
    }
}
