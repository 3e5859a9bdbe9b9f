using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Parents that go elsewhere while the disk that stands on them is in use.</summary>
[Requirement("VD-8")]
public sealed class ParentChangeTests
{
    private static readonly Guid s_disk = new("0b0f6bd2-9d5b-4a0e-8d0a-64b2f52f8a10");

    [Theory]
    [InlineData("vhdx")]
    [InlineData("vhd")]
    public async Task AnOpenChain_GoesOnWithACopyOfItsParent(string extension)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk, extension);
        var (baseDisk, middle, leaf) = (folder["a." + extension], folder[$"b.a{extension}"], folder[$"c.a{extension}"]);
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await disk.CreateAsync(plane);
            disk.Write();
            foreach (var path in new[] { middle, leaf })
            {
                await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(path));
                disk.Write();
            }

            // Below an image in the middle, then below the disk's own.
            Directory.CreateDirectory(folder["else"]);
            var (otherBase, otherMiddle) = (folder["else/a." + extension], folder[$"else/b.a{extension}"]);
            File.Copy(baseDisk, otherBase);
            await SetAsync(plane, middle, otherBase, leaf);
            File.Delete(baseDisk);
            disk.Verify();
            File.Copy(middle, otherMiddle);
            await SetAsync(plane, leaf, otherMiddle, leaf);
            File.Delete(middle);
            disk.Write();
            disk.Verify();

            // What cannot be its parent is refused, and changes nothing.
            await RefusedAsync("InvalidParameter", () => SetAsync(plane, baseDisk, otherBase, leaf));
            await RefusedAsync("InvalidParameter", () => SetAsync(plane, otherBase, otherMiddle, leaf));
            await RefusedAsync("ObjectInUse", () => SetAsync(plane, otherMiddle, leaf, leaf));
            var stranger = folder["stranger." + extension];
            await plane.Client.CreateImageAsync(new CreateImage(stranger, extension == "vhd" ? ImageFormat.Vhd : ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20));
            await RefusedAsync("ParentMismatch", () => SetAsync(plane, otherMiddle, stranger, leaf));
            disk.Verify();
            plane.Kill();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Empty((await next.Client.GetHealthAsync()).Failures);
        disk.Verify();
        Assert.Equal(0, next.Stop());
    }

    [Theory]
    [InlineData("vhdx", false)]
    [InlineData("vhdx", true)]
    [InlineData("vhd", false)]
    public async Task AKilledPlane_FindsTheNewParent(string extension, bool isInTheMiddle)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk, extension);
        var (middle, leaf, moved) = (folder[$"b.a{extension}"], folder[$"c.a{extension}"], folder["else." + extension]);
        using (var plane = await StorageProcess.StartAsync(folder.Path, "storage.parent.set"))
        {
            await disk.CreateAsync(plane);
            disk.Write();
            foreach (var path in new[] { middle, leaf })
            {
                await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(path));
                disk.Write();
            }

            var (child, parent) = isInTheMiddle ? (middle, disk.Attachment.Path) : (leaf, middle);
            File.Copy(parent, moved);
            await Assert.ThrowsAnyAsync<ControlException>(() => SetAsync(plane, child, moved, leaf));
            plane.WaitForExit();

            // Whoever still looked for the old one would not find it.
            File.Delete(parent);
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Empty((await next.Client.GetHealthAsync()).Failures);
        disk.Verify();
        disk.Write();
        disk.Verify();
        Assert.Equal(0, next.Stop());
    }

    private static Task<ImageWorkResult> SetAsync(StorageProcess plane, string path, string parent, string leaf) =>
        plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.SetParent, path, OtherPath: parent, LeafPath: leaf), null);

    private static async Task RefusedAsync(string errorId, Func<Task> action) => Assert.Equal(errorId, (await Assert.ThrowsAsync<ControlException>(action)).Error.ErrorId);
}
