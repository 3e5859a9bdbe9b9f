using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Snapshots and merges by a plane that is killed at each step, and started again.</summary>
[Requirement("CP-2")]
[Requirement("CP-3")]
public sealed class SnapshotMergeKillTests
{
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c13");

    [Theory]
    [InlineData("storage.snapshot.created", "a.vhdx")]
    [InlineData("storage.snapshot.recorded", "b.avhdx")]
    public async Task KilledInASnapshot_HasItOrNot(string crashPoint, string survivor)
    {
        using var folder = new TempFolder();
        var disk = new LiveDisk(folder, s_disk);
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await disk.CreateAsync(plane);
            disk.Write();
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["b.avhdx"])));
            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Equal(folder[survivor], Assert.Single(await next.Client.ListDisksAsync()).Attachment.Path);
        Assert.Equal(survivor == "b.avhdx", File.Exists(folder["b.avhdx"]));
        disk.Verify();
        await next.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["c.avhdx"]));
        disk.Write();
        disk.Verify();
    }

    [Theory]
    [InlineData("storage.merge.begun", "d.avhdx")]
    [InlineData("storage.merge.copied", "d.avhdx")]
    [InlineData("storage.merge.relinked", "d.avhdx")]
    [InlineData("storage.merge.removed", "d.avhdx")]
    [InlineData("storage.merge.begun", "c.avhdx")]
    [InlineData("storage.merge.copied", "c.avhdx")]
    [InlineData("storage.merge.relinked", "c.avhdx")]
    [InlineData("storage.merge.removed", "c.avhdx")]
    [InlineData("storage.merge.begun", "d.avhd")]
    [InlineData("storage.merge.copied", "d.avhd")]
    [InlineData("storage.merge.relinked", "c.avhd")]
    [InlineData("vhdx.log.written:6", "c.avhdx")]
    [InlineData("vhdx.log.written:2", "d.avhdx")]
    public async Task KilledInAMerge_GoesOnByItself_WithAWholeChain(string crashPoint, string merged)
    {
        using var folder = new TempFolder();
        LiveDisk disk;
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            disk = await LiveDisk.ChainAsync(folder, s_disk, plane, LiveDisk.ExtensionOf(merged));
            plane.Kill();
        }

        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            try
            {
                await plane.Client.StartMergeAsync(s_disk, new StartMerge(folder[merged]));
                disk.Write();
            }
            catch (ControlException)
            {
                // The plane is gone at some point of this.
            }

            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Empty((await next.Client.GetHealthAsync()).Failures);
        disk.Verify();
        if (File.Exists(folder[merged]))
        {
            // It was going on, unless the plane died before it knew of it.
            try
            {
                await next.Client.GetCopyAsync(s_disk, CopyKind.Merge);
            }
            catch (ControlException)
            {
                await next.Client.StartMergeAsync(s_disk, new StartMerge(folder[merged]));
            }

            disk.Write();
            await LiveDisk.MergedAsync(s_disk, next);
        }

        disk.Verify();
        await Wait.UntilAsync("the merged image is gone", () => !File.Exists(folder[merged]));
        next.Kill();
        using var last = await StorageProcess.StartAsync(folder.Path);
        Assert.Empty((await last.Client.GetHealthAsync()).Failures);
        disk.Verify();
    }
}
