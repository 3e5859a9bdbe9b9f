using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>The plane as a process, through its client.</summary>
public sealed class StoragePlaneTests
{
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c01");

    [Fact]
    public async Task KilledPlane_ComesBackAlone_WithItsDisksItsLayersAndAllData()
    {
        using var folder = new TempFolder();
        var attachment = Attachment(folder);
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await CreateAsync(plane, folder);
            await plane.Client.OpenDiskAsync(attachment);
            await plane.Client.InsertLayerAsync(s_disk, new LayerSpecification("watch", "trace"));
            await plane.Client.SetParentFoldersAsync(new ParentFolders([new(@"D:\VMs", "/srv/vms")]));
            await RefusedAsync("InvalidParameter", "InvalidArgument", () => plane.Client.SetParentFoldersAsync(new ParentFolders([new(@"D:\VMs", "vms")])));

            // Without a flush: what completed must survive the process.
            Peer.Run("qemu-io", "-t", "unsafe", "-f", "raw", "-c", "write -P 0x5a 1M 8M", $"nbd+unix:///?socket={attachment.SocketPath}");
            plane.Kill();
        }

        Assert.True(File.Exists(attachment.SocketPath));
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            var disk = Assert.Single(await plane.Client.ListDisksAsync());
            Assert.Equal(attachment, disk.Attachment);
            Assert.Equal(["meter", "watch"], disk.Layers);
            Assert.Equal(new ParentFolder(@"D:\VMs", "/srv/vms"), Assert.Single((await plane.Client.GetParentFoldersAsync()).Folders));
            var output = Peer.Run("qemu-io", "-r", "-f", "raw", "-c", "read -P 0x5a 1M 8M", $"nbd+unix:///?socket={attachment.SocketPath}");
            Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(0, plane.Stop());
        }

        Assert.False(File.Exists(attachment.SocketPath));
        Peer.Run("qemu-img", "check", "-f", "vhdx", attachment.Path);
    }

    [Fact]
    public async Task WorkingFolder_IsNotLookedAt_ItMayBeOnADiskThatWaitsForThePlane()
    {
        using var folder = new TempFolder();
        var below = Directory.CreateDirectory(folder["working/below"]);
        File.WriteAllText(folder["working/appsettings.json"], """{"Kestrel":{"Endpoints":{"Stray":{"Url":"http://unix:/nowhere/stray.sock"}}}}""");
        using var plane = await StorageProcess.StartAsync(folder.Path, workingFolder: below.Parent!.FullName);
        Assert.Empty(Directory.EnumerateFiles($"/proc/{plane.Id}/fdinfo").SelectMany(Watches));
        Assert.Equal(0, plane.Stop());

        // A descriptor may be closed meanwhile.
        static IEnumerable<string> Watches(string information)
        {
            try
            {
                return File.ReadAllLines(information).Where(line => line.StartsWith("inotify ", StringComparison.Ordinal));
            }
            catch (IOException)
            {
                return [];
            }
        }
    }

    [Fact]
    public async Task Throttle_ChangesInPlace_SurvivesAKill_AndTheMeterTells()
    {
        using var folder = new TempFolder();
        var attachment = Attachment(folder);
        var uri = $"nbd+unix:///?socket={attachment.SocketPath}";
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await CreateAsync(plane, folder);
            await plane.Client.OpenDiskAsync(attachment);
            await plane.Client.InsertLayerAsync(s_disk, Throttle("maximumIops", "1000000"));
            Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", "write -P 1 0 1M", "-c", "read -P 1 0 64k", "-c", "read 0 4k", uri);
            var meter = await plane.Client.GetMeterAsync(s_disk);
            Assert.Equal((1 << 20, 128), (meter.Writes.Bytes, meter.Writes.NormalizedOperations));
            Assert.True(meter.Reads.Operations >= 2 && meter.Reads.NormalizedOperations >= 9, $"{meter}");
            Assert.True(meter.Reads.LatencyMaximumUs >= meter.Reads.Latency50Us, $"{meter}");
            await plane.Client.ChangeLayerAsync(s_disk, Throttle("maximumBytesPerSecond", "1e9"));
            await RefusedAsync("InvalidParameter", "InvalidArgument", () => plane.Client.ChangeLayerAsync(s_disk, Throttle("maximumIops", "fast")));
            await RefusedAsync("InvalidParameter", "InvalidArgument", () => plane.Client.ChangeLayerAsync(s_disk, Throttle("maximumIpos", "1")));
            await RefusedAsync("ObjectNotFound", "ObjectNotFound", () => plane.Client.ChangeLayerAsync(s_disk, new LayerSpecification("meter", "meter")));
            plane.Kill();
        }

        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            var report = (await plane.Client.GetLayerAsync(s_disk, "limit")).Report;
            Assert.Equal(("0", "1000000000"), (report["maximumIops"], report["maximumBytesPerSecond"]));
        }

        static LayerSpecification Throttle(string setting, string value) => new("limit", "throttle", Settings: new Dictionary<string, string> { [setting] = value });
    }

    [Fact]
    [Requirement("VD-9")]
    public async Task LargeSectors_CanBeOfferedAsSmallOnes()
    {
        using var folder = new TempFolder();
        var attachment = Attachment(folder) with { EmulateSectors = true };
        using var plane = await StorageProcess.StartAsync(folder.Path);
        await plane.Client.CreateImageAsync(new CreateImage(folder["a.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20, LogicalSectorBytes: 4096, PhysicalSectorBytes: 4096));
        var status = await plane.Client.OpenDiskAsync(attachment);
        Assert.Equal((512, 4096), (status.LogicalSectorBytes, status.PhysicalSectorBytes));
        var output = Peer.Run(
            "qemu-io", "-f", "raw", "-c", "write -P 3 0 8k", "-c", "write -P 4 512 512", "-c", "write -P 5 7680 4608", "-c", "read -P 3 0 512", "-c", "read -P 4 512 512",
            "-c", "read -P 3 1024 6656", "-c", "read -P 5 7680 4608", "-c", "read -P 0 12288 1024", $"nbd+unix:///?socket={attachment.SocketPath}");
        Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("storage.disk.opened", false)]
    [InlineData("file.renamed", true)]
    public async Task PlaneThatDiesWhileOpening_HasTheDiskOrNot_NeverHalf(string crashPoint, bool isOpen)
    {
        using var folder = new TempFolder();
        using (var plane = await StorageProcess.StartAsync(folder.Path, crashPoint))
        {
            await CreateAsync(plane, folder);
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.OpenDiskAsync(Attachment(folder)));
            plane.WaitForExit();
        }

        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            Assert.Equal(isOpen, (await plane.Client.ListDisksAsync()).Count == 1);
            await plane.Client.OpenDiskAsync(Attachment(folder));
            Assert.Single(await plane.Client.ListDisksAsync());
        }
    }

    [Fact]
    public async Task PlaneThatDiesWhileMakingAnImage_LeavesNothing()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path, "image.written");
        Directory.CreateDirectory(folder["disks"]);
        await Assert.ThrowsAnyAsync<ControlException>(
            () => plane.Client.CreateImageAsync(new CreateImage(folder["disks/a.vhdx"], ImageFormat.Vhdx, ImageType.Fixed, 64 << 20)));
        plane.WaitForExit();
        Assert.Empty(Directory.GetFileSystemEntries(folder["disks"]));
    }

    [Fact]
    public async Task ImageThatIsGone_IsReported_AndKeepsNothingElseFromOpening()
    {
        using var folder = new TempFolder();
        var other = Attachment(folder) with { Id = Guid.NewGuid(), Path = folder["b.vhdx"], SocketPath = folder["b.sock"] };
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await CreateAsync(plane, folder);
            await CreateAsync(plane, folder, "b.vhdx");
            await plane.Client.OpenDiskAsync(Attachment(folder));
            await plane.Client.OpenDiskAsync(other);
            plane.Kill();
        }

        File.Move(folder["a.vhdx"], folder["moved.vhdx"]);
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            var health = await plane.Client.GetHealthAsync();
            Assert.Equal(1, health.Disks);
            Assert.Equal(s_disk, Assert.Single(health.Failures).Attachment.Id);
            File.Move(folder["moved.vhdx"], folder["a.vhdx"]);
            await plane.Client.OpenDiskAsync(Attachment(folder));
            Assert.Empty((await plane.Client.GetHealthAsync()).Failures);
        }
    }

    [Fact]
    public async Task Requests_AreIdempotent_AndConflictsAreRefused()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        await CreateAsync(plane, folder);
        var attachment = Attachment(folder);
        await plane.Client.OpenDiskAsync(attachment);
        await plane.Client.OpenDiskAsync(attachment);
        Assert.True((await plane.Client.InspectImageAsync(attachment.Path)).InUse);
        await RefusedAsync("ObjectInUse", "ResourceBusy", () => plane.Client.OpenDiskAsync(attachment with { ReadOnly = true }));
        await RefusedAsync("ObjectInUse", "ResourceBusy", () => plane.Client.OpenDiskAsync(attachment with { Id = Guid.NewGuid(), SocketPath = folder["c.sock"] }));
        Assert.False(File.Exists(folder["c.sock"]));
        Assert.True((await plane.Client.OpenDiskAsync(attachment with { ReadOnly = true }, replace: true)).Attachment.ReadOnly);
        await plane.Client.CloseDiskAsync(s_disk);
        await plane.Client.CloseDiskAsync(s_disk);
        Assert.Empty(await plane.Client.ListDisksAsync());
        Assert.False((await plane.Client.InspectImageAsync(attachment.Path)).InUse);
        await RefusedAsync("ObjectNotFound", "ObjectNotFound", () => plane.Client.GetDiskAsync(s_disk));
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task BadRequests_AreClear_AndLeaveNothing()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var client = plane.Client;
        await RefusedAsync("InvalidParameter", "InvalidArgument", () => client.OpenDiskAsync(Attachment(folder)));
        await RefusedAsync("InvalidParameter", "InvalidArgument", () => client.InspectImageAsync(folder["none.vhdx"]));
        await RefusedAsync(
            "InvalidParameter", "InvalidArgument", () => client.CreateImageAsync(new CreateImage(folder["a.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 1)));
        await RefusedAsync(
            "InvalidParameter",
            "InvalidArgument",
            () => client.CreateImageAsync(new CreateImage(folder["a.vhd"], ImageFormat.Vhd, ImageType.Dynamic, 1 << 30, LogicalSectorBytes: 4096)));
        await RefusedAsync(
            "OutOfDiskSpace", "ResourceUnavailable", () => client.CreateImageAsync(new CreateImage(folder["a.vhdx"], ImageFormat.Vhdx, ImageType.Fixed, 15L << 40)));
        Assert.Empty(Directory.GetFiles(folder.Path));
        await CreateAsync(plane, folder);
        await RefusedAsync("ObjectAlreadyExists", "ResourceExists", () => CreateAsync(plane, folder));
        await File.WriteAllTextAsync(folder["text"], "not a socket");
        await RefusedAsync("OperationFailed", "NotSpecified", () => client.OpenDiskAsync(Attachment(folder) with { SocketPath = folder["text"] }));
        Assert.Equal("not a socket", await File.ReadAllTextAsync(folder["text"]));
        var bytes = await File.ReadAllBytesAsync(folder["a.vhdx"]);
        await File.WriteAllBytesAsync(folder["short.vhdx"], bytes[..(2 << 20)]);
        await RefusedAsync("OperationFailed", "NotSpecified", () => client.OpenDiskAsync(Attachment(folder) with { Path = folder["short.vhdx"] }));
        await client.OpenDiskAsync(Attachment(folder));
        await RefusedAsync("InvalidParameter", "InvalidArgument", () => client.InsertLayerAsync(s_disk, new LayerSpecification("x", "magic")));
        await RefusedAsync(
            "InvalidParameter",
            "InvalidArgument",
            () => client.InsertLayerAsync(s_disk, new LayerSpecification("x", "delay", Settings: new Dictionary<string, string> { ["seconds"] = "1" })));
    }

    [Fact]
    public async Task SecondPlane_IsRefused_AndNoPlaneIsSaidSo()
    {
        using var folder = new TempFolder();
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            var second = Peer.TryRun(Path.Combine(AppContext.BaseDirectory, "vireo-storage"), "--root", folder.Path);
            Assert.Equal(1, second.ExitCode);
            Assert.Contains("running already", second.Error, StringComparison.Ordinal);
            await plane.Client.GetHealthAsync();
            plane.Stop();
        }

        using var client = new StorageControlClient(HostPaths.ForRoot(folder.Path).StorageSocket);
        await RefusedAsync("PlaneUnreachable", "ResourceUnavailable", () => client.GetHealthAsync());
    }

    private static DiskAttachment Attachment(TempFolder folder) => new(s_disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);

    private static Task CreateAsync(StorageProcess plane, TempFolder folder, string name = "a.vhdx") =>
        plane.Client.CreateImageAsync(new CreateImage(folder[name], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));

    private static async Task RefusedAsync(string errorId, string category, Func<Task> request)
    {
        var exception = await Assert.ThrowsAnyAsync<ControlException>(request);
        Assert.Equal((errorId, category), (exception.Error.ErrorId, exception.Error.Category));
        Assert.NotEqual(string.Empty, exception.Error.Message);
    }
}
