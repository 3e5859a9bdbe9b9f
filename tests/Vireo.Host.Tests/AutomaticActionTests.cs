using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>
/// What machines do when their host's computer starts and stops. The machines have their firmware only; the computer's start is told by another
/// boot id in the host's notes, after everything was killed as by a power cut.
/// </summary>
public sealed class AutomaticActionTests : IAsyncLifetime
{
    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private readonly List<PlaneProcess> _planes = [];

    public async Task InitializeAsync()
    {
        // The guests' user walks down to its sockets.
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        await PowerOnAsync();
    }

    public async Task DisposeAsync()
    {
        await PowerOffAsync();
        _network.Dispose();
        _root.Dispose();
    }

    [Fact]
    [Requirement("VM-9")]
    public async Task After_a_power_cut_every_machine_is_where_its_start_action_says()
    {
        using (var client = new HostClient(_root.Path))
        {
            await NewAsync(client, "always", "Start");
            await NewAsync(client, "ran", "StartIfRunning");
            await NewAsync(client, "rested", "StartIfRunning");
            await NewAsync(client, "manual", "Nothing");
            await NewAsync(client, "ended", "StartIfRunning");
            await client.ObjectsAsync("Start-VM", new { Name = new[] { "ran", "manual", "ended" } });
            await client.ObjectsAsync("Stop-VM", new { Name = "ended", TurnOff = true });
        }

        await PowerOffAsync();
        await PowerOnAsync(anotherBoot: true);
        using (var client = new HostClient(_root.Path))
        {
            await StatesAsync(client, "always=Running ended=Off manual=Off ran=Running rested=Off");

            await StartsAreDoneAsync();

            // Turned off by its owner, it stays off: only the computer's start starts it.
            await client.ObjectsAsync("Stop-VM", new { Name = "always", TurnOff = true });
        }

        await RestartHostAsync();

        // Nobody is to be started, now or after a delay.
        Assert.Empty((await NotesAsync())["pending"]!.AsArray());
        using var again = new HostClient(_root.Path);
        await StatesAsync(again, "always=Off ended=Off manual=Off ran=Running rested=Off");
    }

    [Fact]
    [Requirement("VM-9")]
    public async Task A_stop_that_is_called_off_forgets_no_machine_that_still_runs()
    {
        using var client = new HostClient(_root.Path);
        await NewAsync(client, "deaf", "StartIfRunning", "ShutDown");
        await NewAsync(client, "cut", "StartIfRunning", "TurnOff");
        await client.ObjectsAsync("Start-VM", new { Name = new[] { "deaf", "cut" } });

        // Firmware without a guest: it does not shut down, and whoever asked does not wait for its power to be cut.
        using (var patience = new CancellationTokenSource())
        {
            var stopping = client.PostAsync("api/stop-actions", patience.Token);
            await StatesAsync(client, "cut=Off deaf=Stopping");
            await patience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopping);
        }

        await Wait.UntilAsync("the host to go on", async () => !(bool)(await NotesAsync())["stopping"]!, TimeSpan.FromMinutes(1));
        Assert.Single((await NotesAsync())["running"]!.AsArray());
        await client.ObjectsAsync("Start-VM", new { Name = "cut" });
        Assert.Equal(2, (await NotesAsync())["running"]!.AsArray().Count);
    }

    [Fact]
    [Requirement("VM-9")]
    public async Task A_machine_that_cannot_start_keeps_no_other_from_it_and_is_asked_once()
    {
        using (var client = new HostClient(_root.Path))
        {
            await NewAsync(client, "other", "Start");
            await NewAsync(client, "wrong", "Start");
            await client.ObjectsAsync("Start-VM", new { Name = "other" });
        }

        await PowerOffAsync();

        // No timer waits so long: nothing in this program writes it, but a file may hold anything.
        var file = Directory.EnumerateFiles(_root.Path, "*.json", SearchOption.AllDirectories).Single(
            path => path.Contains("/Virtual Machines/", StringComparison.Ordinal) && File.ReadAllText(path).Contains("\"wrong\"", StringComparison.Ordinal));
        var configuration = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        configuration["automaticStartDelaySeconds"] = -5;
        await File.WriteAllTextAsync(file, configuration.ToJsonString());
        await PowerOnAsync(anotherBoot: true);
        using var again = new HostClient(_root.Path);
        await StatesAsync(again, "other=Running wrong=Off");
        await StartsAreDoneAsync();
        Assert.Single((await again.GetAsync("api/events")).AsArray(), one => (string?)one!["kind"] == "AutomaticStartFailed");
    }

    private Task StartsAreDoneAsync() => Wait.UntilAsync(
        "nobody is left to start", async () => (await NotesAsync())["pending"]!.AsArray().Count == 0, TimeSpan.FromMinutes(1));

    private async Task<JsonNode> NotesAsync() => JsonNode.Parse(await File.ReadAllTextAsync(_root["running.json"]))!;

    [Fact]
    [Requirement("VM-9")]
    public async Task A_second_power_cut_before_a_machine_was_started_again_does_not_make_it_forgotten()
    {
        using (var client = new HostClient(_root.Path))
        {
            await NewAsync(client, "ran", "StartIfRunning");
            await client.ObjectsAsync("Set-VM", new { Name = "ran", AutomaticStartDelay = 600 });
            await client.ObjectsAsync("Start-VM", new { Name = "ran" });
        }

        await PowerOffAsync();
        await PowerOnAsync(anotherBoot: true);
        using (var client = new HostClient(_root.Path))
        {
            await client.ObjectsAsync("Set-VM", new { Name = "ran", AutomaticStartDelay = 0 });
            await StatesAsync(client, "ran=Off");
        }

        await PowerOffAsync();
        await PowerOnAsync(anotherBoot: true);
        using var again = new HostClient(_root.Path);
        await StatesAsync(again, "ran=Running");
    }

    [Fact]
    [Requirement("VM-9")]
    public async Task A_stop_of_the_computer_stops_each_machine_its_own_way_and_its_start_brings_them_back()
    {
        using (var client = new HostClient(_root.Path))
        {
            await NewAsync(client, "saved", "StartIfRunning", "Save");
            await NewAsync(client, "cut", "StartIfRunning", "TurnOff");
            await NewAsync(client, "rested", "StartIfRunning", "Save");
            await client.ObjectsAsync("Start-VM", new { Name = new[] { "saved", "cut" } });
            Assert.Equal("[]", await client.PostAsync("api/stop-actions"));
            await StatesAsync(client, "cut=Off rested=Off saved=Saved");
        }

        await PowerOffAsync();
        await PowerOnAsync(anotherBoot: true);
        using var again = new HostClient(_root.Path);
        await StatesAsync(again, "cut=Running rested=Off saved=Running");
    }

    private static async Task NewAsync(HostClient client, string name, string start, string stop = "Save")
    {
        await client.ObjectsAsync("New-VM", new { Name = name, MemoryStartupBytes = 32 << 20, NoVHD = true });
        await client.ObjectsAsync("Set-VM", new { Name = name, AutomaticStartAction = start, AutomaticStopAction = stop, AutomaticStartDelay = 1 });
    }

    private static Task StatesAsync(HostClient client, string expected)
    {
        var found = "";
        return Wait.UntilAsync(
            expected,
            async () => (found = string.Join(' ', (await client.ObjectsAsync("Get-VM", new { })).Select(machine => $"{machine["Name"]}={machine["State"]}"))) == expected,
            TimeSpan.FromMinutes(1), () => found);
    }

    private async Task PowerOnAsync(bool anotherBoot = false)
    {
        if (anotherBoot)
        {
            var notes = JsonNode.Parse(await File.ReadAllTextAsync(_root["running.json"]))!;
            notes["bootId"] = Guid.NewGuid().ToString();
            await File.WriteAllTextAsync(_root["running.json"], notes.ToJsonString());
        }

        _planes.Add(await PlaneProcess.StartAsync("storage", _root.Path));
        _planes.Add(await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name));
        await StartHostAsync();
    }

    private async Task StartHostAsync()
    {
        var host = await PlaneProcess.StartAsync("host", _root.Path);
        _planes.Add(host);
        using var client = new HostClient(_root.Path);
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => host.Log);
    }

    private async Task RestartHostAsync()
    {
        await _planes[^1].DisposeAsync();
        _planes.RemoveAt(_planes.Count - 1);
        await StartHostAsync();
    }

    // The planes first: nobody may note that the machines end.
    private async Task PowerOffAsync()
    {
        foreach (var plane in Enumerable.Reverse(_planes))
        {
            await plane.DisposeAsync();
        }

        _planes.Clear();
        foreach (var record in Directory.Exists(_root["run/m"]) ? Directory.EnumerateFiles(_root["run/m"], "*.json") : [])
        {
            var id = (int)JsonNode.Parse(await File.ReadAllTextAsync(record))!["process"]!["processId"]!;
            Peer.TryRun("kill", "-KILL", id.ToString(CultureInfo.InvariantCulture));
            await Wait.UntilAsync($"process {id} to end", () => !Directory.Exists($"/proc/{id}"));
        }
    }
}
