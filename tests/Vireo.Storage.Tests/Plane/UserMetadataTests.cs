using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>What users keep with a VHDX goes where the disk goes; where images merge, what is about the disk goes, and what is about the file does not.</summary>
[Requirement("VD-6")]
public sealed class UserMetadataTests
{
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c71");
    private static readonly Guid s_ofDisk = new("11111111-58f4-4a58-9a3e-6f0a2f1d9c71");
    private static readonly Guid s_ofFile = new("22222222-58f4-4a58-9a3e-6f0a2f1d9c71");
    private static readonly Guid s_ofChild = new("33333333-58f4-4a58-9a3e-6f0a2f1d9c71");

    [Fact]
    public async Task Merge_BringsWhatIsAboutTheDisk_AndAMirrorAndAConversionEverything()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new LiveDisk(folder, s_disk);
        await disk.CreateAsync(plane);
        disk.Write();
        await plane.Client.CloseDiskAsync(s_disk);
        await EditAsync(disk.Attachment.Path, (s_ofDisk, "first", true), (s_ofFile, "file", false));
        await plane.Client.OpenDiskAsync(disk.Attachment);

        // Live merge.
        await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["b.avhdx"]));
        await plane.Client.CloseDiskAsync(s_disk);
        Assert.Equal([(s_ofDisk, "first", true)], await ReadAsync(folder["b.avhdx"]));
        await EditAsync(folder["b.avhdx"], (s_ofDisk, "second", true), (s_ofChild, "child", false));
        await plane.Client.OpenDiskAsync(disk.Attachment with { Path = folder["b.avhdx"] });
        disk.Write();
        await plane.Client.StartMergeAsync(s_disk, new StartMerge(folder["b.avhdx"]));
        await LiveDisk.MergedAsync(s_disk, plane);

        // Mirror onto an image that the plane makes, and onto one that was made for it and has something of somebody else's.
        await MirrorAsync(new StartMirror(folder["c.vhdx"]));
        await plane.Client.CreateImageAsync(new CreateImage(folder["d.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
        await EditAsync(folder["d.vhdx"], (s_ofChild, "other", true));
        await MirrorAsync(new StartMirror(folder["d.vhdx"], Create: false, KeepsDiskId: true));
        disk.Write();
        disk.Verify();
        await plane.Client.CloseDiskAsync(s_disk);
        (Guid, string, bool)[] all = [(s_ofDisk, "second", true), (s_ofFile, "file", false)];
        foreach (var path in new[] { disk.Attachment.Path, folder["c.vhdx"], folder["d.vhdx"] })
        {
            Assert.Equal(all, await ReadAsync(path));
        }

        await plane.Client.WorkOnImageAsync(
            new ImageWork(ImageOperation.Convert, folder["d.vhdx"], new CreateImage(folder["e.vhdx"], ImageFormat.Vhdx, ImageType.Fixed, 0)), null);
        Assert.Equal(all, await ReadAsync(folder["e.vhdx"]));

        // Merge of images that nobody uses.
        await plane.Client.CreateImageAsync(new CreateImage(folder["f.avhdx"], ImageFormat.Vhdx, ImageType.Differencing, 0, ParentPath: folder["d.vhdx"]));
        await EditAsync(folder["f.avhdx"], (s_ofDisk, "third", true), (s_ofChild, "child", false));
        await plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Merge, folder["f.avhdx"], OtherPath: folder["d.vhdx"]), null);
        Assert.Equal([(s_ofDisk, "third", true), (s_ofFile, "file", false)], await ReadAsync(folder["d.vhdx"]));
        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["d.vhdx"]);
        Assert.Equal(0, plane.Stop());

        async Task MirrorAsync(StartMirror request)
        {
            await plane.Client.StartMirrorAsync(s_disk, request);
            await Wait.UntilAsync("the mirror is ready", async () => (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase == CopyPhase.Ready, TimeSpan.FromMinutes(1));
            await plane.Client.CompleteMirrorAsync(s_disk);
        }
    }

    private static async Task EditAsync(string path, params (Guid Id, string Content, bool IsVirtualDisk)[] items)
    {
        await using var image = (VhdxImage)ImageFile.Open(path, new ImageOpenOptions());
        foreach (var (id, content, isVirtualDisk) in items)
        {
            image.UserItems.Write(id, System.Text.Encoding.UTF8.GetBytes(content), isVirtualDisk);
        }
    }

    private static async Task<(Guid Id, string Content, bool IsVirtualDisk)[]> ReadAsync(string path)
    {
        await using var image = (VhdxImage)ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true));
        return [.. image.UserItems.List().OrderBy(item => item.Id.ToString()).Select(item => (item.Id, System.Text.Encoding.UTF8.GetString(image.UserItems.Read(item.Id)!), item.IsVirtualDisk))];
    }
}
