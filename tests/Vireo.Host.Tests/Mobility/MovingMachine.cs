using System.Text.Json.Nodes;
using Vireo.Disks;
using Vireo.Host.Tests.Transfers;
using Vireo.Platform.Memory;
using Vireo.Platform.Testing;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// A machine with two disks and a checkpoint, and the planes that serve it; hosts come and go. It has no guest: what a guest would write is written to its
/// disks by qemu-io.
/// </summary>
public sealed class MovingMachine : IAsyncLifetime
{
    /// <summary>Name of the machine.</summary>
    public const string Name = "mover";

    private static readonly string[] s_disks = ["system", "data"];
    private static readonly long[] s_offsets = [1 << 20, 40 << 20];
    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;
    private int _stamp;

    /// <summary>Folder of all places where the machine's files may be.</summary>
    public string Places => _root["places"];

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

    internal string[] Moves() => Directory.Exists(_root["moves"]) ? Directory.GetFiles(_root["moves"]) : [];

    internal List<string> Files() => [.. Directory.EnumerateFiles(Places, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    internal async Task<List<string>> DrivesAsync(HostClient client) =>
        (await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Name })).ConvertAll(drive => (string)drive["Path"]!);

    /// <summary>What was written last to each disk: a byte, one more on the next disk.</summary>
    public int Stamp => _stamp;

    // Half of what is written lies where the checkpoint's image has something, too.
    internal async Task WriteAsync(HostClient client)
    {
        _stamp = (_stamp % 250) + 1;
        await OnDisksAsync(
            client,
            (stamp, served) => Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", $"write -P {stamp} 1M 64k", "-c", $"write -P {stamp} 40M 64k", "-c", "flush", served),
            WriteAsync);
    }

    internal static async Task WriteAsync(int stamp, IDiskImage image)
    {
        foreach (var offset in s_offsets)
        {
            using var buffer = new NativeBuffer(64 << 10);
            buffer.Span.Fill((byte)stamp);
            Assert.Equal(BlockStatus.Ok, await image.WriteAsync(offset, new IoVector(new[] { buffer.Segment }, 64 << 10), WriteOptions.None));
        }

        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
    }

    internal Task ExpectAsync(HostClient client) => OnDisksAsync(
        client,
        (stamp, served) => Assert.DoesNotContain(
            "verification failed",
            Peer.Run("qemu-io", "-r", "-f", "raw", "-c", $"read -P {stamp} 1M 64k", "-c", $"read -P {stamp} 40M 64k", "-c", "read -P 0 60M 1M", served),
            StringComparison.OrdinalIgnoreCase),
        ExpectAsync);

    internal static async Task ExpectAsync(int stamp, IDiskImage image)
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

    internal HostClient Client() => new(_root.Path);

    internal async Task<PlaneProcess> StartHostAsync(string? crashAt = null, string? holdFile = null)
    {
        var host = await PlaneProcess.StartAsync("host", _root.Path, crashAt, variable: holdFile is null ? null : (CrashPoint.HoldVariable, holdFile));
        using var client = Client();
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => host.Log);
        return host;
    }
}
