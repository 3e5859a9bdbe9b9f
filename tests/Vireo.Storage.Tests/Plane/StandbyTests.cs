using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Tests.Stacks;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Disks that are served before their image may be opened: on storage that two hosts share, the other one writes to it until the last moment.</summary>
[Requirement("LM-1")]
public sealed class StandbyTests
{
    private const int DataBytes = 64 << 10;
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c31");

    [Fact]
    public async Task Image_TakesItsPlaceUnderAConnectedClient_OnceTheOtherHostHasLetGo()
    {
        using var folder = new TempFolder();
        using var source = await StorageProcess.StartAsync(folder["source"]);
        await CreateAsync(source, folder["a.vhdx"]);
        var status = await source.Client.OpenDiskAsync(Attachment(folder, "source.sock"));
        Write(folder["source.sock"], 0x5a);

        // The image is written elsewhere at the same time.
        using var plane = await StorageProcess.StartAsync(folder["target"]);
        var active = Attachment(folder, "target.sock");
        var standby = active with { Standby = new(status.SizeBytes, status.LogicalSectorBytes, status.PhysicalSectorBytes, status.Trims) };
        var standing = await plane.Client.OpenDiskAsync(standby);
        Assert.Equal(
            (status.SizeBytes, status.LogicalSectorBytes, status.PhysicalSectorBytes, status.Trims),
            (standing.SizeBytes, standing.LogicalSectorBytes, standing.PhysicalSectorBytes, standing.Trims));
        await plane.Client.OpenDiskAsync(standby);
        await using var client = await ConnectAsync(active);
        using var buffer = new TestBuffer(DataBytes);
        buffer.Span.Fill(1);
        Assert.Equal(BlockStatus.IoError, await client.WriteAsync(0, buffer.Vector, WriteOptions.None));
        Assert.Equal(BlockStatus.IoError, await client.WriteZeroesAsync(0, DataBytes, WriteOptions.MayTrim));
        Assert.Equal(BlockStatus.IoError, await client.TrimAsync(0, DataBytes));
        Assert.Equal(0, await ReadAsync(client, buffer));

        // Not while it is in use there; the disk goes on as it was, and may be asked again.
        await RefusedAsync("ObjectInUse", () => plane.Client.OpenDiskAsync(active));
        Assert.Equal(standby, (await plane.Client.GetDiskAsync(s_disk)).Attachment);
        Assert.Equal(0, await ReadAsync(client, buffer));
        await source.Client.CloseDiskAsync(s_disk);

        // Reads that run meanwhile answer what was there before or what is there then, and none fails.
        var reading = Task.Run(async () =>
        {
            using var other = new TestBuffer(DataBytes);
            int found;
            do
            {
                found = await ReadAsync(client, other);
                Assert.True(found is 0 or 0x5a, $"{found}");
            }
            while (found == 0);
        });
        Assert.Equal(active, (await plane.Client.OpenDiskAsync(active)).Attachment);
        await reading.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0x5a, await ReadAsync(client, buffer));
        buffer.Span.Fill(0x77);
        Assert.Equal(BlockStatus.Ok, await client.WriteAsync(0, buffer.Vector, WriteOptions.None));
        Assert.Equal(0, client.Reconnections);
        Assert.Equal(active, (await plane.Client.OpenDiskAsync(active)).Attachment);
        await RefusedAsync("ObjectInUse", () => plane.Client.OpenDiskAsync(standby));
        plane.Kill();
        using var next = await StorageProcess.StartAsync(folder["target"]);
        Assert.Equal(active, Assert.Single(await next.Client.ListDisksAsync()).Attachment);
        Assert.Equal(0x77, await ReadAsync(client, buffer));
    }

    [Theory]
    [InlineData("storage.standby.opened", true)]
    [InlineData("storage.standby.recorded", false)]
    public async Task KilledPlane_StandsBy_OrHasTheImage(string crashPoint, bool standsBy)
    {
        using var folder = new TempFolder();
        var active = Attachment(folder, "a.sock");
        var standby = active with { Standby = new(64 << 20) };
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await CreateAsync(plane, active.Path);
            await plane.Client.OpenDiskAsync(standby);
            await plane.Client.InsertLayerAsync(s_disk, new LayerSpecification("watch", "trace"));
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.OpenDiskAsync(active));
            plane.WaitForExit();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        var disk = Assert.Single(await next.Client.ListDisksAsync());
        Assert.Equal(standsBy ? standby : active, disk.Attachment);
        Assert.Equal(["meter", "watch"], disk.Layers);
        Assert.Equal(!standsBy, (await next.Client.InspectImageAsync(active.Path)).InUse);
        await next.Client.OpenDiskAsync(active);
        Write(active.SocketPath, 0x33);
        Assert.Equal(0, next.Stop());
    }

    [Fact]
    public async Task OtherImageThanPromised_IsRefused_AndTheDiskStandsBy()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);

        // It need not even be there.
        var active = Attachment(folder, "a.sock") with { EmulateSectors = true };
        var standby = active with { Standby = new(64 << 20, 512, 4096) };
        await plane.Client.OpenDiskAsync(standby);
        await RefusedAsync("InvalidParameter", () => plane.Client.OpenDiskAsync(active));
        foreach (var (wrong, what) in new[]
            {
                (new CreateImage(active.Path, ImageFormat.Vhdx, ImageType.Dynamic, 65 << 20), "68157440 bytes"),
                (new CreateImage(active.Path, ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, PhysicalSectorBytes: 512), "(512 physical)"),
                (new CreateImage(active.Path, ImageFormat.Vhdx, ImageType.Fixed, 64 << 20), "cannot trim"),
            })
        {
            await plane.Client.CreateImageAsync(wrong);
            Assert.Contains(what, (await RefusedAsync("InvalidParameter", () => plane.Client.OpenDiskAsync(active))).Message, StringComparison.Ordinal);
            Assert.Equal(standby, (await plane.Client.GetDiskAsync(s_disk)).Attachment);
            Assert.False((await plane.Client.InspectImageAsync(active.Path)).InUse);
            File.Delete(active.Path);
        }

        await RefusedAsync("ObjectInUse", () => plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["b.avhdx"])));
        await RefusedAsync("ObjectInUse", () => plane.Client.StartMirrorAsync(s_disk, new StartMirror(folder["b.vhdx"])));
        await RefusedAsync("ObjectInUse", () => plane.Client.InsertLayerAsync(
            s_disk, new LayerSpecification("backup", "changes", Settings: new Dictionary<string, string> { ["folder"] = folder["changes"] })));
        await RefusedAsync("ObjectInUse", () => plane.Client.OpenDiskAsync(standby with { Standby = new(65 << 20) }));
        await RefusedAsync("InvalidParameter", () => plane.Client.OpenDiskAsync(standby with { Id = Guid.NewGuid(), SocketPath = folder["b.sock"], Standby = new(1000) }));
        Assert.False(File.Exists(folder["b.sock"]));

        // Sectors of 4096 bytes come with what offers smaller ones.
        await plane.Client.CreateImageAsync(new CreateImage(active.Path, ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, LogicalSectorBytes: 4096, PhysicalSectorBytes: 4096));
        Assert.Equal(["sectors", "meter"], (await plane.Client.OpenDiskAsync(active)).Layers);
        var output = Peer.Run("qemu-io", "-f", "raw", "-c", "write -P 4 512 512", "-c", "read -P 4 512 512", "-c", "read -P 0 0 512", $"nbd+unix:///?socket={active.SocketPath}");
        Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
    }

    private static DiskAttachment Attachment(TempFolder folder, string socket) => new(s_disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder[socket]);

    private static Task CreateAsync(StorageProcess plane, string path) =>
        plane.Client.CreateImageAsync(new CreateImage(path, ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));

    private static Task<NbdClientDevice> ConnectAsync(DiskAttachment attachment) => NbdClientDevice.ConnectAsync(
        NbdAddress.Parse($"nbd+unix:///?socket={attachment.SocketPath}"), NbdClientOptions.Default, TimeProvider.System, default);

    private static void Write(string socket, byte value) =>
        Peer.Run("qemu-io", "-f", "raw", "-c", $"write -P {value} 0 {DataBytes}", "-c", "flush", $"nbd+unix:///?socket={socket}");

    // What all of the bytes are.
    private static async Task<int> ReadAsync(NbdClientDevice client, TestBuffer buffer)
    {
        buffer.Span.Fill(0xee);
        Assert.Equal(BlockStatus.Ok, await client.ReadAsync(0, buffer.Vector));
        Assert.Equal(-1, buffer.Span.IndexOfAnyExcept(buffer.Span[0]));
        return buffer.Span[0];
    }

    private static async Task<ControlError> RefusedAsync(string errorId, Func<Task> request)
    {
        var exception = await Assert.ThrowsAnyAsync<ControlException>(request);
        Assert.Equal(errorId, exception.Error.ErrorId);
        return exception.Error;
    }
}
