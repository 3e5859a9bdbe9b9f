using System.Text.Json;
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
