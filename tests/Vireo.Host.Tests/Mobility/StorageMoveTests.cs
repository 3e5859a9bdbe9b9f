using System.Text.Json.Nodes;
using Vireo.Disks;
using Vireo.Host.Tests.Transfers;
using Vireo.Platform.Memory;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// A machine with two disks and a checkpoint goes from place to place, running or not, while the host dies at each step: it has a complete set of
/// disks at every moment, whoever comes next finishes or undoes what was begun, and nothing is left where it should not be. The running machine has no
/// guest: what a guest would write is written to its disks by qemu-io.
/// </summary>
[Requirement("SM-1")]
public sealed class StorageMoveTests : IAsyncLifetime
{
    private const string Name = "mover";
    private static readonly string[] s_disks = ["system", "data"];
    private static readonly long[] s_offsets = [1 << 20, 40 << 20];
    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;
    private int _stamp;

    private string Places => _root["places"];

    public async Task InitializeAsync()
    {
        // The guests' user walks down to its sockets.
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        _storage = await PlaneProcess.StartAsync("storage", _root.Path);
        _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
        await using var host = await StartHostAsync();
        using var client = Client();
        await client.ObjectsAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 32 << 20, NoVHD = true, Path = Places });
        Directory.CreateDirectory(Path.Combine(Places, "first"));
        foreach (var disk in s_disks)
        {
            await client.ObjectsAsync("New-VHD", new { Path = Path.Combine(Places, "first", $"{disk}.vhdx"), SizeBytes = 64 << 20 });
            await DiskContent.WriteAsync(Path.Combine(Places, "first", $"{disk}.vhdx"), "then");
            await client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = Name, ControllerType = "IDE", Path = Path.Combine(Places, "first", $"{disk}.vhdx") });
        }

        await client.ObjectsAsync("Checkpoint-VM", new { Name, SnapshotName = "then" });
    }

    public async Task DisposeAsync()
    {
        await using (var host = await StartHostAsync())
        {
            using var client = Client();
            await client.RunAsync("Stop-VM", new { Name, TurnOff = true });
        }

        foreach (var plane in new[] { _switching, _storage }.OfType<PlaneProcess>())
        {
            await plane.DisposeAsync();
        }

        _network.Dispose();
        _root.Dispose();
    }

    [Fact]
    public Task A_host_that_dies_while_it_moves_a_machine_that_is_off_leaves_all_of_it_at_one_place() =>
        DieAsync(isRunning: false, "host.move.committed");

    [Fact]
    public Task A_host_that_dies_while_it_moves_a_machine_that_runs_leaves_each_disk_at_one_place() =>
        DieAsync(isRunning: true, "host.move.switched");

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_machine_survives_a_host_that_dies_at_every_step()
    {
        await DieAsync(isRunning: false, "host.move.begun", "host.move.copied", "host.move.copied:2", "host.move.committing", "host.move.configured", "host.move.deleted", "host.move.deleted:3");
        await DieAsync(
            isRunning: true,
            "host.move.begun", "host.move.copied", "host.move.copied:2", "host.move.mirroring", "host.move.mirroring:2", "host.move.ready", "host.move.switching", "host.move.switched:2",
            "host.move.committing", "host.move.configured", "host.move.committed", "host.move.deleted", "host.move.deleted:3");
    }

    [Fact]
    public async Task Each_disk_goes_to_its_own_place_and_nothing_goes_where_somebody_elses_files_are()
    {
        await using var host = await StartHostAsync();
        using var client = Client();
        await client.ObjectsAsync("Start-VM", new { Name });
        await WriteAsync(client);
        await RefuseAsync(client);
        var (source, target) = (Path.Combine(Places, "first", "data.vhdx"), Path.Combine(Places, "own", "moved.vhdx"));
        await client.ObjectsAsync("Move-VMStorage", new
        {
            Name, Vhds = new[] { new { SourceFilePath = source, DestinationFilePath = target } }, RetainVhdCopiesOnSource = true,
        });
        var drives = await DrivesAsync(client);
        Assert.Equal([Path.Combine(Places, "first"), Path.Combine(Places, "own")], drives.Select(path => Path.GetDirectoryName(path)!));
        Assert.Equal(target, (string?)Assert.Single(await client.ObjectsAsync("Get-VHD", new { Path = drives[1] }))["ParentPath"]);
        Assert.True(File.Exists(source));
        await ExpectAsync(client);
        var last = _stamp + 1;
        await WriteAsync(client);

        // What stayed is what it was when the disk changed over, and nobody has it.
        await using (var left = ImageFile.Open(Directory.GetFiles(Path.Combine(Places, "first"), "data_*").Single(), new ImageOpenOptions()))
        {
            await ExpectAsync(last, left);
        }

        foreach (var file in Directory.GetFiles(Path.Combine(Places, "first"), "data*"))
        {
            File.Delete(file);
        }

        Assert.Equal("InvalidParameter", (string?)(await client.ErrorAsync("Move-VMStorage", new
        {
            Name, Vhds = new[] { new { SourceFilePath = source, DestinationFilePath = target } },
        }))["errorId"]);

        // Merged, now that the checkpoint is not needed any more, where they are.
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Name, Name = "then" });
        await Wait.UntilAsync("the disks to be merged", async () => (await DrivesAsync(client)).All(path => path.EndsWith(".vhdx", StringComparison.Ordinal)), TimeSpan.FromMinutes(2));
        Assert.Equal([Path.Combine(Places, "first", "system.vhdx"), target], await DrivesAsync(client));
        await ExpectAsync(client);
        await client.ObjectsAsync("Stop-VM", new { Name, TurnOff = true });
        await MoveAndCheckAsync(client, "flat");
    }

    private async Task RefuseAsync(HostClient client)
    {
        var before = Files();
        Directory.CreateDirectory(Path.Combine(Places, "taken", "Virtual Hard Disks"));
        var theirs = Path.Combine(Places, "taken", "Virtual Hard Disks", "data.vhdx");
        await File.WriteAllTextAsync(theirs, "mine");
        Assert.Equal("ResourceExists", (string?)(await client.ErrorAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(Places, "taken") }))["errorId"]);
        Assert.Equal("mine", await File.ReadAllTextAsync(theirs));

        // No folder can be made where a file is.
        Assert.Equal("OperationFailed", (string?)(await client.ErrorAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(theirs, "folder") }))["errorId"]);
        Directory.Delete(Path.Combine(Places, "taken"), recursive: true);
        Assert.Equal("InvalidParameter", (string?)(await client.ErrorAsync("Move-VMStorage", new { Name }))["errorId"]);
        Assert.Equal(before, Files());
        Assert.Empty(Moves());
        await ExpectAsync(client);
    }

    private async Task DieAsync(bool isRunning, params string[] points)
    {
        await using (var host = await StartHostAsync())
        {
            using var client = Client();
            await client.ObjectsAsync(isRunning ? "Start-VM" : "Stop-VM", isRunning ? new { Name } : new { Name, TurnOff = true });
            await WriteAsync(client);
        }

        foreach (var point in points)
        {
            var place = $"{(isRunning ? "running" : "off")}-{point}".Replace(':', '-');
            await using (var host = await StartHostAsync(point))
            {
                using var client = Client();
                await Assert.ThrowsAnyAsync<Exception>(() => client.RunAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(Places, place) }));
                await Wait.UntilAsync($"the host to die at {point}", () => host.HasExited, TimeSpan.FromMinutes(1), () => host.Log);
            }

            await using var next = await StartHostAsync();
            using var again = Client();
            Assert.Equal(isRunning ? "Running" : "Off", (string?)Assert.Single(await again.ObjectsAsync("Get-VM", new { Name }))["State"]);
            await ExpectAsync(again);
            await WriteAsync(again);
            Assert.True(Moves().Length == 0, $"{point}: {string.Join(", ", Moves())}");
            await MoveAndCheckAsync(again, $"after-{place}");
        }
    }

    // After a move that nobody disturbs the machine's files are in one folder, and nowhere else.
    private async Task MoveAndCheckAsync(HostClient client, string place)
    {
        var folder = Path.Combine(Places, place);
        await client.ObjectsAsync("Move-VMStorage", new { Name, DestinationStoragePath = folder });
        await ExpectAsync(client);
        await WriteAsync(client);
        Assert.All(await DrivesAsync(client), path => Assert.Equal(Path.Combine(folder, "Virtual Hard Disks"), Path.GetDirectoryName(path)));
        Assert.All(Files(), file => Assert.StartsWith(folder + "/", file, StringComparison.Ordinal));
        Assert.Empty(Moves());
        foreach (var checkpoint in await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Name }))
        {
            Assert.All(checkpoint["HardDrives"]!.AsArray(), drive => Assert.StartsWith(folder + "/", (string)drive!["Path"]!, StringComparison.Ordinal));
        }
    }

    private string[] Moves() => Directory.Exists(_root["moves"]) ? Directory.GetFiles(_root["moves"]) : [];

    private List<string> Files() => [.. Directory.EnumerateFiles(Places, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private async Task<List<string>> DrivesAsync(HostClient client) =>
        (await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Name })).ConvertAll(drive => (string)drive["Path"]!);

    // Half of what is written lies where the checkpoint's image has something, too.
    private async Task WriteAsync(HostClient client)
    {
        _stamp = (_stamp % 250) + 1;
        await OnDisksAsync(
            client,
            (stamp, served) => Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", $"write -P {stamp} 1M 64k", "-c", $"write -P {stamp} 40M 64k", "-c", "flush", served),
            async (stamp, image) =>
            {
                foreach (var offset in s_offsets)
                {
                    using var buffer = new NativeBuffer(64 << 10);
                    buffer.Span.Fill((byte)stamp);
                    Assert.Equal(BlockStatus.Ok, await image.WriteAsync(offset, new IoVector(new[] { buffer.Segment }, 64 << 10), WriteOptions.None));
                }

                Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
            });
    }

    private Task ExpectAsync(HostClient client) => OnDisksAsync(
        client,
        (stamp, served) => Assert.DoesNotContain(
            "verification failed",
            Peer.Run("qemu-io", "-r", "-f", "raw", "-c", $"read -P {stamp} 1M 64k", "-c", $"read -P {stamp} 40M 64k", "-c", "read -P 0 60M 1M", served),
            StringComparison.OrdinalIgnoreCase),
        ExpectAsync);

    private static async Task ExpectAsync(int stamp, IDiskImage image)
    {
        foreach (var offset in s_offsets)
        {
            using var buffer = new NativeBuffer(64 << 10);
            Assert.Equal(BlockStatus.Ok, await image.ReadAsync(offset, new IoVector(new[] { buffer.Segment }, 64 << 10)));
            Assert.False(buffer.Span.ContainsAnyExcept((byte)stamp), $"{image.Path} at {offset}");
        }
    }

    // What runs is written to beside QEMU, which writes nothing; what does not is opened here.
    private async Task OnDisksAsync(HostClient client, Action<int, string> running, Func<int, IDiskImage, Task> off)
    {
        var isRunning = (string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name }))["State"] == "Running";
        var drives = await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Name });
        for (var disk = 0; disk < s_disks.Length; disk++)
        {
            if (isRunning)
            {
                running(_stamp + disk, $"nbd+unix:///?socket={_root["run"]}/d/{IdOf(drives[disk]):N}");
                continue;
            }

            await using var image = ImageFile.Open((string)drives[disk]["Path"]!, new ImageOpenOptions());
            await off(_stamp + disk, image);
        }
    }

    private static Guid IdOf(JsonObject drive) => Guid.Parse(((string)drive["Id"]!).Split('\\')[^1]);

    private HostClient Client() => new(_root.Path);

    private async Task<PlaneProcess> StartHostAsync(string? crashAt = null)
    {
        var host = await PlaneProcess.StartAsync("host", _root.Path, crashAt);
        using var client = Client();
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => host.Log);
        return host;
    }
}
