using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Qmp;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Host.Tests;

/// <summary>
/// A real guest that runs while hosts come and go: generation 1, with an empty DVD drive, a free SCSI controller and one adapter. The planes
/// of its disks and ports run all the time; each test starts the hosts it needs, one after the other.
/// </summary>
public sealed class RunningGuest : IAsyncLifetime
{
    /// <summary>Name of the machine.</summary>
    public const string Name = "guest";

    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;

    /// <summary>The guest's root shell.</summary>
    public SerialShell Shell { get; private set; } = null!;

    /// <summary>The machine's run folder.</summary>
    public string RunFolder { get; private set; } = "";

    public string this[string name] => _root[name];

    public async Task InitializeAsync()
    {
        // The guests' user walks down to its sockets.
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        _storage = await PlaneProcess.StartAsync("storage", _root.Path);
        _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
        GuestDisk.Build(this["guest.vhdx"], generation: 1);
        await using var host = await StartHostAsync();
        using var client = Client();
        await client.ObjectsAsync("New-VMSwitch", new { Name = "lan", SwitchType = "Private" });
        await client.ObjectsAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 256 << 20, VHDPath = this["guest.vhdx"] });
        await client.ObjectsAsync("Start-VM", new { Name });
        var machine = Assert.Single(await client.ObjectsAsync("Get-VM", new { Name }));
        RunFolder = this[$"run/m/{Guid.Parse((string)machine["Id"]!):N}"];
        Shell = await SerialShell.OpenAsync(Path.Combine(RunFolder, "com1"), Path.Combine(RunFolder, "com1.log"));
        await Shell.CheckAsync("modprobe sr_mod; dmesg -n 1");
    }

    public async Task DisposeAsync()
    {
        if (Shell is not null)
        {
            await Shell.DisposeAsync();
        }

        // Also when it did not come up.
        if (RunFolder.Length > 0)
        {
            await using var host = await StartHostAsync();
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

    /// <summary>Connects to the console of a guest that goes on in another process.</summary>
    public async Task ReopenShellAsync()
    {
        await Shell.DisposeAsync();
        Shell = await SerialShell.OpenAsync(Path.Combine(RunFolder, "com1"), logPath: null);
    }

    internal HostClient Client() => new(_root.Path);

    /// <summary>Starts a host and waits until it has found the guest and tidied up.</summary>
    internal async Task<PlaneProcess> StartHostAsync(string? crashAt = null)
    {
        var host = await PlaneProcess.StartAsync("host", _root.Path, crashAt);
        using var client = Client();
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => host.Log);
        return host;
    }

    /// <summary>Runs a command in a host that dies at <paramref name="point"/>.</summary>
    public async Task CrashAsync(string point, string command, object parameters, bool? confirm = null, bool waitForHeartbeat = false)
    {
        await using var host = await StartHostAsync(point);
        using var client = Client();
        if (waitForHeartbeat)
        {
            await client.ObjectsAsync("Wait-VM", new { Name, For = "Heartbeat", Timeout = 120 });
        }

        try
        {
            await client.RunAsync(command, parameters, confirm: confirm);
        }
        catch (HttpRequestException)
        {
            // The host died before it answered.
        }

        await Wait.UntilAsync($"the host to die at {point}", () => host.HasExited, TimeSpan.FromMinutes(1), () => host.Log);
    }

    /// <summary>Runs a command in a host that lives, and ends it.</summary>
    internal async Task<List<JsonObject>> InHostAsync(string command, object parameters)
    {
        await using var host = await StartHostAsync();
        using var client = Client();
        return await client.ObjectsAsync(command, parameters);
    }

    /// <summary>Asks QEMU itself, which talks to one at a time: no host may run.</summary>
    public async Task<JsonElement> AskQemuAsync(string command, JsonObject? arguments = null)
    {
        await using var qmp = await QmpClient.ConnectAsync(Path.Combine(RunFolder, "qmp"), CancellationToken.None);
        return await qmp.ExecuteAsync(command, arguments);
    }
}
