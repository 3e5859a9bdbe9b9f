using System.Text.Json.Nodes;
using Vireo.Disks;
using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// Two complete hosts that trust each other, with a cable between, and a machine with two disks and a checkpoint. It has no guest: what one would write is
/// written to its disks by qemu-io.
/// </summary>
public sealed class HostPair : IAsyncLifetime
{
    /// <summary>Name of the machine.</summary>
    public const string Name = "mover";

    private static readonly string[] s_disks = ["system", "data"];
    private readonly TempFolder _shared = new();
    private readonly List<HostSide> _sides = [];
    private NetworkLink? _link;
    private int _stamp;
    private int _places;
    private Guid _id;

    /// <summary>Where the machine is.</summary>
    internal HostSide Here { get; private set; } = null!;

    /// <summary>Where it is not.</summary>
    internal HostSide There { get; private set; } = null!;

    /// <summary>A folder that both hosts have.</summary>
    public string Shared => _shared.Path;

    public NetworkLink Link => _link!;

    public Guid MachineId => _id;

    public async Task InitializeAsync()
    {
        File.SetUnixFileMode(_shared.Path, (UnixFileMode)0b111_101_101);
        _sides.Add(await HostSide.StartAsync(NetworkLink.FirstAddress));
        _sides.Add(await HostSide.StartAsync(NetworkLink.SecondAddress));
        (Here, There) = (_sides[0], _sides[1]);
        _link = NetworkLink.Connect(Here.Network.Name, There.Network.Name);
        foreach (var side in _sides)
        {
            await side.StartHostAsync();
            await side.Client.ObjectsAsync("Set-VMHost", new { UseAnyNetworkForMigration = true });
            await side.Client.ObjectsAsync("Enable-VMMigration", new { });
            await side.Client.ObjectsAsync("New-VMSwitch", new { Name = "lan", SwitchType = "Private" });
        }

        var (_, invitation) = await Here.Client.PostAsync("api/trust/invite", new { });
        var (hasJoined, answer) = await There.Client.PostAsync("api/trust/join", new { token = (string)invitation["token"]! });
        Assert.True(hasJoined, answer.ToJsonString());
        await MakeMachineAsync(Path.Combine(Here.Files, "first"));
    }

    public async Task DisposeAsync()
    {
        foreach (var side in _sides)
        {
            if (!side.Host.HasExited)
            {
                await side.Client.RunAsync("Stop-VM", new { Name = "*", TurnOff = true });
            }

            await side.DisposeAsync();
        }

        _shared.Dispose();
    }

    /// <summary>Where it is to go.</summary>
    internal string NextPlace() => Path.Combine(There.Files, $"place{++_places}");

    /// <summary>Moves the machine with its files; the answer is its error, or null.</summary>
    internal async Task<JsonObject?> TryMoveAsync(string? place = null)
    {
        try
        {
            var records = await Here.Client.RunAsync("Move-VM", new { Name, DestinationHost = There.Address, IncludeStorage = true, DestinationStoragePath = place ?? NextPlace() });
            return records.FirstOrDefault(record => (string?)record["record"] == "error");
        }
        catch (HttpRequestException cut)
        {
            // The host has died under it.
            return new JsonObject { ["message"] = cut.Message };
        }
    }

    /// <summary>Waits until both hosts know whose the machine is, and are done with it.</summary>
    internal async Task SettleAsync()
    {
        await Wait.UntilAsync(
            "the move to be settled", () => _sides.All(side => side.Moves().Count == 0), TimeSpan.FromMinutes(2),
            () => string.Join("\n", _sides.SelectMany(side => side.Moves().Append(side.Host.Log))));
        var has = new List<HostSide>();
        foreach (var side in _sides)
        {
            if ((await side.Client.ObjectsAsync("Get-VM", new { })).Any(machine => (string?)machine["Name"] == Name))
            {
                has.Add(side);
            }
        }

        Here = Assert.Single(has);
        There = _sides.Single(side => side != Here);
        await Wait.UntilAsync(
            "the other host to have nothing of it", () => There.Leftovers().Count == 0, TimeSpan.FromMinutes(1),
            () => string.Join("\n", There.Leftovers().Append(There.Host.Log).Append(Here.Host.Log)));
        Assert.Null(There.ProcessOf(_id));
        Assert.DoesNotContain(Here.Leftovers(), file => file.Contains(".partial", StringComparison.Ordinal) || file.Contains("/intents/", StringComparison.Ordinal));
    }

    internal async Task TurnAsync(bool isRunning)
    {
        if (isRunning != ((await StateAsync()) == "Running"))
        {
            await (isRunning ? Here.Client.ObjectsAsync("Start-VM", new { Name }) : Here.Client.ObjectsAsync("Stop-VM", new { Name, TurnOff = true }));
        }
    }

    internal async Task<string> StateAsync() => (string)Assert.Single(await Here.Client.ObjectsAsync("Get-VM", new { Name }))["State"]!;

    /// <summary>Writes to both disks; half of it lies where the checkpoint's image has something, too.</summary>
    internal async Task WriteAsync(int extraBytes = 0)
    {
        _stamp = (_stamp % 250) + 1;
        foreach (var (drive, stamp) in await DrivesAsync())
        {
            if (await StateAsync() == "Running")
            {
                Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", $"write -P {stamp} 1M 64k", "-c", $"write -P {stamp} 40M 64k", "-c", $"write -P {stamp} 50M {Math.Max(512, extraBytes)}", "-c", "flush", Here.DiskAddress(drive.Id));
            }
            else
            {
                await using var image = ImageFile.Open(drive.Path, new ImageOpenOptions());
                await MovingMachine.WriteAsync(stamp, image);
            }
        }
    }

    /// <summary>What was written last is there, and where nothing was written nothing is.</summary>
    internal async Task ExpectAsync()
    {
        foreach (var (drive, stamp) in await DrivesAsync())
        {
            if (await StateAsync() == "Running")
            {
                Assert.DoesNotContain(
                    "verification failed",
                    Peer.Run("qemu-io", "-r", "-f", "raw", "-c", $"read -P {stamp} 1M 64k", "-c", $"read -P {stamp} 40M 64k", "-c", "read -P 0 60M 1M", Here.DiskAddress(drive.Id)),
                    StringComparison.OrdinalIgnoreCase);
            }
            else
            {
                await using var image = ImageFile.Open(drive.Path, new ImageOpenOptions());
                await MovingMachine.ExpectAsync(stamp, image);
            }
        }
    }

    private async Task MakeMachineAsync(string folder)
    {
        await Here.Client.ObjectsAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 32 << 20, NoVHD = true, Path = Here.Files, SwitchName = "lan" });
        Directory.CreateDirectory(folder);
        foreach (var disk in s_disks)
        {
            var path = Path.Combine(folder, $"{disk}.vhdx");
            await Here.Client.ObjectsAsync("New-VHD", new { Path = path, SizeBytes = 64 << 20 });
            await Here.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = Name, ControllerType = "IDE", Path = path });
        }

        await WriteAsync();
        await Here.Client.ObjectsAsync("Checkpoint-VM", new { Name, SnapshotName = "then" });
        _id = (Guid)Assert.Single(await Here.Client.ObjectsAsync("Get-VM", new { Name }))["Id"]!;
    }

    private async Task<List<((Guid Id, string Path) Drive, int Stamp)>> DrivesAsync() =>
    [
        .. (await Here.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Name }))
            .Select((drive, disk) => ((Guid.Parse(((string)drive["Id"]!).Split('\\')[^1]), (string)drive["Path"]!), _stamp + disk)),
    ];
}
