using Vireo.Platform.Testing;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>One of two hosts between which machines move: its own root folder, network namespace and planes.</summary>
internal sealed class HostSide : IAsyncDisposable
{
    private readonly TempFolder _root = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;
    private PlaneProcess? _host;

    private HostSide(string address)
    {
        Address = address;
        Client = new HostClient(_root.Path);
    }

    public NetworkNamespace Network { get; } = new();

    /// <summary>Where the other one finds it.</summary>
    public string Address { get; }

    public HostClient Client { get; }

    public PlaneProcess Host => _host!;

    /// <summary>Where files of machines are that are this host's alone.</summary>
    public string Files => _root["files"];

    /// <summary>A file system of its own in <see cref="Files"/>.</summary>
    public string Small => Path.Combine(Files, "small");

    /// <summary>Whether somebody stands at the place of <see cref="HoldAt"/>.</summary>
    public bool IsHeld => File.Exists(CrashPoint.HeldFile(Hold));

    private string Hold => _root["hold"];

    /// <summary>Where its logins at file servers are.</summary>
    public string LoginFile => _root["smb.json"];

    public static async Task<HostSide> StartAsync(string address)
    {
        var side = new HostSide(address);
        File.SetUnixFileMode(side._root.Path, (UnixFileMode)0b111_101_101);
        Directory.CreateDirectory(side.Files);

        // Before the processes start, because each has a list of mounts of its own.
        Directory.CreateDirectory(side.Small);
        Peer.Run("mount", "-t", "tmpfs", "none", side.Small);
        await side.StartStorageAsync();
        await side.StartSwitchAsync();
        return side;
    }

    /// <summary>Starts the host; it may die at a step, or wait there.</summary>
    public async Task StartHostAsync(string? crashAt = null)
    {
        _host = await PlaneProcess.StartAsync("host", _root.Path, crashAt, networkNamespace: Network.Name, variable: (CrashPoint.HoldVariable, Hold));
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await Client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => _host.Log);
    }

    /// <summary>Ends the host, if it did not end by itself, as a power cut would, and starts it again.</summary>
    public async Task RestartHostAsync(string? crashAt = null)
    {
        await _host!.DisposeAsync();
        LetGo();
        await StartHostAsync(crashAt);
    }

    /// <summary>From now on whoever comes to the place waits there.</summary>
    public void HoldAt(string point)
    {
        // Of an earlier place, by somebody who came late.
        File.Delete(CrashPoint.HeldFile(Hold));
        File.WriteAllText($"{Hold}.next", point);
        File.Move($"{Hold}.next", Hold, overwrite: true);
    }

    /// <summary>Lets go on who waits, and nobody waits any more.</summary>
    public void LetGo()
    {
        File.Delete(Hold);
        File.Delete(CrashPoint.HeldFile(Hold));
    }

    /// <summary>Ends the storage plane as a crash would, and starts it again.</summary>
    public async Task KillStorageAsync()
    {
        await _storage!.KillAsync();
        await _storage.DisposeAsync();
        await StartStorageAsync();
    }

    /// <summary>Ends the switch plane as a crash would, and starts it again.</summary>
    public async Task KillSwitchAsync()
    {
        await _switching!.KillAsync();
        await _switching.DisposeAsync();
        await StartSwitchAsync();
    }

    /// <summary>Ends the process of a machine as a crash would, if there is one.</summary>
    public void KillProcessOf(Guid machine)
    {
        if (ProcessOf(machine) is { } id)
        {
            using var process = System.Diagnostics.Process.GetProcessById(id);
            process.Kill();
        }
    }

    /// <summary>Everything that this host could still have to do with a machine that is not its own.</summary>
    public List<string> Leftovers() =>
    [
        .. new[] { "departures", "arrivals", "intents", "moves", "machines" }.Select(name => _root[name]).Where(Directory.Exists).SelectMany(Directory.EnumerateFiles),
        .. Directory.EnumerateFiles(Files, "*", SearchOption.AllDirectories),
        .. Directory.Exists(_root["run/moves"]) ? Directory.EnumerateDirectories(_root["run/moves"]) : [],
        .. Directory.Exists(_root["run/m"]) ? Directory.EnumerateFiles(_root["run/m"], "*.json") : [],
    ];

    /// <summary>Notes of moves that are not settled.</summary>
    public List<string> Moves() => [.. new[] { "departures", "arrivals" }.Select(name => _root[name]).Where(Directory.Exists).SelectMany(Directory.EnumerateFiles)];

    /// <summary>Where the host writes down how far a machine's departure is.</summary>
    public string NoteOfDeparture(Guid machine) => Path.Combine(_root["departures"], $"{machine:D}.json");

    /// <summary>The process of a machine; null without one.</summary>
    public int? ProcessOf(Guid machine)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id))
            {
                continue;
            }

            try
            {
                var words = File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0');
                if (words.Contains(machine.ToString()) && words.Any(word => word.Contains(_root["run/m"], StringComparison.Ordinal)))
                {
                    return id;
                }
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // It has ended.
            }
        }

        return null;
    }

    public string DiskAddress(Guid drive) => $"nbd+unix:///?socket={_root["run"]}/d/{drive:N}";

    /// <summary>The address of the only disk of a machine.</summary>
    public async Task<string> AddressOfDiskAsync(string machine) =>
        DiskAddress(Guid.Parse(((string)Assert.Single(await Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = machine }))["Id"]!).Split('\\')[^1]));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        foreach (var plane in new[] { _host, _switching, _storage }.OfType<PlaneProcess>())
        {
            await plane.DisposeAsync();
        }

        Network.Dispose();
        Peer.Run("umount", "--lazy", Small);
        _root.Dispose();
    }

    private async Task StartSwitchAsync() => _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: Network.Name);

    private async Task StartStorageAsync() => _storage = await PlaneProcess.StartAsync("storage", _root.Path, networkNamespace: Network.Name);
}
