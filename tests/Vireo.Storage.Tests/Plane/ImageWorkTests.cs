using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Work of the plane on images that are not open: progress, cancelling, refusal, and what a kill in the middle leaves.</summary>
public sealed class ImageWorkTests
{
    private const long Size = 96 << 20;

    [Theory]
    [Requirement("VD-8")]
    [InlineData(ImageFormat.Vhdx, "merge.announced:1", true)]
    [InlineData(ImageFormat.Vhdx, "merge.copied:1", true)]
    [InlineData(ImageFormat.Vhdx, "merge.removed:1", false)]
    [InlineData(ImageFormat.Vhdx, "vhdx.log.written:2", true)]
    [InlineData(ImageFormat.Vhd, "merge.copied:1", true)]
    [InlineData(ImageFormat.Vhd, "merge.removed:1", false)]
    public async Task KilledInAMerge_TheDiskShowsWhatItShowed_AndTheMergeIsDoneAgain(ImageFormat format, string crashPoint, bool chainIsWhole)
    {
        using var folder = new TempFolder();
        var paths = Enumerable.Range(0, 3).Select(level => folder[$"{level}.{(format == ImageFormat.Vhd ? "vhd" : "vhdx")}"]).ToArray();
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            for (var level = 0; level < 3; level++)
            {
                await plane.Client.CreateImageAsync(
                    new CreateImage(paths[level], format, level == 0 ? ImageType.Dynamic : ImageType.Differencing, level == 0 ? Size : 0, ParentPath: level == 0 ? null : paths[level - 1]));
                await UseAsync(plane, folder, paths[level], "-c", $"write -P {level + 1} {level * 8}M 8M", "-c", $"write -P {level + 11} 40M 4M");
            }
        }

        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Merge, paths[2], OtherPath: paths[0]), null));
            plane.WaitForExit();
        }

        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            if (chainIsWhole)
            {
                await CheckAsync(plane, folder, paths[2]);
                Assert.Equal(paths[0], (await plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Merge, paths[2], OtherPath: paths[0]), null)).Path);
                Assert.False(File.Exists(paths[1]) || File.Exists(paths[2]));
            }
            else
            {
                // What is left of the chain cannot be taken for the disk.
                var refused = await Assert.ThrowsAsync<ControlException>(() => UseAsync(plane, folder, paths[2], "-c", "read 0 512"));
                Assert.Equal("ParentNotFound", refused.Error.ErrorId);
            }

            await CheckAsync(plane, folder, paths[0]);
            Assert.Equal(0, plane.Stop());
        }
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task LongWork_ReportsProgress_AndIsCancelledByItsClient()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var source = folder["source.vhdx"];
        await plane.Client.CreateImageAsync(new CreateImage(source, ImageFormat.Vhdx, ImageType.Dynamic, 1 << 30));
        Peer.Run("qemu-io", "-f", "vhdx", "-c", "write -P 7 0 512M", source);
        using var stop = new CancellationTokenSource();
        var target = new CreateImage(folder["cancelled.vhd"], ImageFormat.Vhd, ImageType.Dynamic, 0);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Convert, source, target), new Reports(_ => stop.Cancel()), stop.Token));

        List<ImageProgress> reports = [];
        var result = await plane.Client.WorkOnImageAsync(
            new ImageWork(ImageOperation.Convert, source, target with { Path = folder["whole.vhd"] }), new Reports(reports.Add));
        Assert.Equal("ReadWrite", result.CopyMethod);
        Assert.Equal(512 << 20, result.CopiedBytes);
        Assert.NotEmpty(reports);
        Assert.Equal(reports.Select(static report => report.DoneBytes).Order(), reports.Select(static report => report.DoneBytes));
        Peer.Run("qemu-img", "compare", "-f", "vhdx", "-F", "vpc", source, folder["whole.vhd"]);
        Assert.False(File.Exists(folder["cancelled.vhd"]));
        Assert.Equal(0, plane.Stop());
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task WorkThatSomebodyElseEnds_HasEndedWhenTheCallReturns()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var source = folder["source.vhdx"];
        await plane.Client.CreateImageAsync(new CreateImage(source, ImageFormat.Vhdx, ImageType.Dynamic, 1 << 30));
        Peer.Run("qemu-io", "-f", "vhdx", "-c", "write -P 7 0 512M", source);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var target = new CreateImage(folder["ended.vhd"], ImageFormat.Vhd, ImageType.Dynamic, 0);
        var work = plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Convert, source, target), new Reports(_ => begun.TrySetResult()));
        await begun.Task.WaitAsync(TimeSpan.FromMinutes(1));

        await plane.Client.EndImageWorkAsync(source);
        await plane.Client.WorkOnImageAsync(new ImageWork(ImageOperation.Resize, source, SizeBytes: 2L << 30), null);
        Assert.Equal("OperationStopped", (await Assert.ThrowsAsync<ControlException>(() => work)).Error.ErrorId);
        Assert.False(File.Exists(target.Path));
        await plane.Client.EndImageWorkAsync(source);
        Assert.Equal(0, plane.Stop());
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task WorkOnAnOpenImage_IsRefused()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var attachment = new DiskAttachment(Guid.NewGuid(), folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);
        await plane.Client.CreateImageAsync(new CreateImage(attachment.Path, ImageFormat.Vhdx, ImageType.Dynamic, Size));
        await plane.Client.OpenDiskAsync(attachment);
        foreach (var operation in new[] { ImageOperation.Resize, ImageOperation.Compact, ImageOperation.Merge, ImageOperation.ResetDiskId })
        {
            var refused = await Assert.ThrowsAsync<ControlException>(() => plane.Client.WorkOnImageAsync(new ImageWork(operation, attachment.Path, SizeBytes: 2 * Size), null));
            Assert.Equal("ObjectInUse", refused.Error.ErrorId);
            Assert.Contains(attachment.Path, refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, plane.Stop());
    }

    private static async Task UseAsync(StorageProcess plane, TempFolder folder, string path, params string[] commands)
    {
        var attachment = new DiskAttachment(Guid.NewGuid(), path, ReadOnly: false, FrontEndKind.Nbd, folder["use.sock"]);
        await plane.Client.OpenDiskAsync(attachment);
        var output = Peer.Run("qemu-io", ["-f", "raw", .. commands, $"nbd+unix:///?socket={attachment.SocketPath}"]);
        Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
        await plane.Client.CloseDiskAsync(attachment.Id);
    }

    private static Task CheckAsync(StorageProcess plane, TempFolder folder, string path) => UseAsync(
        plane, folder, path, "-c", "read -P 1 0 8M", "-c", "read -P 2 8M 8M", "-c", "read -P 3 16M 8M", "-c", "read -P 0 24M 16M", "-c", "read -P 13 40M 4M");

    private sealed class Reports(Action<ImageProgress> report) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value) => report(value);
    }
}
