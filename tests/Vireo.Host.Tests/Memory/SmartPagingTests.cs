using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Host.Machines.Memory;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Host.Tests.Memory;

/// <summary>A real guest starts anew on a host whose memory others have by now.</summary>
public sealed class SmartPagingTests : IAsyncLifetime
{
    private const string Name = "paged";
    private const long Megabyte = 1 << 20;
    private readonly TempFolder _root = new();
    private readonly NetworkNamespace _network = new();
    private PlaneProcess? _storage;
    private PlaneProcess? _switching;
    private PlaneProcess? _host;

    public async Task InitializeAsync()
    {
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0b111_101_101);
        _storage = await PlaneProcess.StartAsync("storage", _root.Path);
        _switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: _network.Name);
        await StartHostAsync();
    }

    public async Task DisposeAsync()
    {
        if (_host is { HasExited: false })
        {
            await RunAsync("Stop-VM", new { Name = "*", TurnOff = true });
            await Wait.UntilAsync("paging files to be gone", () => Files().Count == 0 && !Active());
        }

        foreach (var plane in new[] { _host, _switching, _storage }.OfType<PlaneProcess>())
        {
            await plane.DisposeAsync();
        }

        _network.Dispose();
        _root.Dispose();
    }

    [FactNeeds(Need.PagingFiles)]
    [Trait("Category", "Long")]
    [Requirement("DM-4")]
    [Requirement("DM-5")]
    public async Task A_guest_whose_memory_others_have_starts_anew_with_a_file_that_is_gone_soon()
    {
        await Task.Run(() => GuestDisk.Build(_root["guest.vhdx"], generation: 1));
        await RunAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 256 * Megabyte, VHDPath = _root["guest.vhdx"] });
        await RunAsync("Set-VMMemory", new { VMName = Name, DynamicMemoryEnabled = true, MinimumBytes = 96 * Megabyte, MaximumBytes = 256 * Megabyte, Buffer = 5 });
        Directory.CreateDirectory(_root["paging"]);
        await RunAsync("Set-VM", new { Name, SmartPagingFilePath = _root["paging"] });
        await RunAsync("Start-VM", new { Name });
        var folder = _root[$"run/m/{Guid.Parse((string)(await MachineAsync())["Id"]!):N}"];

        // It gives back what it does not use, and others take that.
        await Wait.UntilAsync("the guest to give memory back", async () => (long)(await MachineAsync())["MemoryAssigned"]! is > 0 and < 176 * Megabyte, TimeSpan.FromMinutes(3), () => _host!.Log);
        await RunAsync("New-VM", new { Name = "other", MemoryStartupBytes = 340 * Megabyte, NoVHD = true });
        await Wait.UntilAsync("room for another machine", async () => await RefusalAsync("Start-VM", new { Name = "other" }) is null, TimeSpan.FromMinutes(2), () => _host!.Log);

        // A start from off gets no file.
        await RunAsync("New-VM", new { Name = "third", MemoryStartupBytes = 256 * Megabyte, NoVHD = true });
        await RunAsync("Set-VMMemory", new { VMName = "third", DynamicMemoryEnabled = true, MinimumBytes = 32 * Megabyte, MaximumBytes = 256 * Megabyte });
        Assert.Equal("OutOfMemory", await RefusalAsync("Start-VM", new { Name = "third" }));
        Assert.Empty(Files());

        await RunAsync("Restart-VM", new { Name, Force = true });
        var machine = await MachineAsync();
        Assert.True((bool)machine["SmartPagingFileInUse"]!, _host!.Log);
        Assert.Equal("Paging", (string?)machine["MemoryStatus"]);
        Assert.True(Active());
        Assert.EndsWith(".slp", Assert.Single(Files()), StringComparison.Ordinal);
        Assert.Equal("InvalidState", await RefusalAsync("Set-VM", new { Name, SmartPagingFilePath = _root.Path }));

        // The host that made it dies; the next one ends what it began.
        await _host.KillAsync();
        await StartHostAsync();
        Assert.True((bool)(await MachineAsync())["SmartPagingFileInUse"]!, _host!.Log);

        // The guest has all of its startup memory when it begins.
        await using var shell = await SerialShell.OpenAsync(Path.Combine(folder, "com1"), Path.Combine(folder, "com1.log"));
        var kilobytes = await shell.CheckAsync("dmesg | sed -n 's,.*Memory: [0-9]*K/\\([0-9]*\\)K available.*,\\1,p'");
        Assert.InRange(long.Parse(kilobytes, CultureInfo.InvariantCulture), 250 << 10, 256 << 10);
        await Wait.UntilAsync("the file not to be needed", async () => !(bool)(await MachineAsync())["SmartPagingFileInUse"]!, TimeSpan.FromMinutes(3), () => _host!.Log);
        Assert.Empty(Files());
        Assert.False(Active());
        using var client = new HostClient(_root.Path);
        var kinds = (await client.GetAsync("api/events")).AsArray().Select(happened => (string?)happened!["kind"]).ToList();
        Assert.Contains("SmartPagingBegan", kinds);
        Assert.Contains("SmartPagingEnded", kinds);

        // The guest restarts itself; turning it off ends the use of the file too.
        await shell.TypeAsync("sync; echo b > /proc/sysrq-trigger");
        await Wait.UntilAsync("a file for the guest that restarted itself", async () => (bool)(await MachineAsync())["SmartPagingFileInUse"]!, TimeSpan.FromMinutes(2), () => _host!.Log);
        await RunAsync("Stop-VM", new { Name, TurnOff = true });
        await Wait.UntilAsync("the file to be gone", () => Files().Count == 0 && !Active());
    }

    private List<string> Files() => Directory.Exists(_root["paging"]) ? [.. Directory.EnumerateFiles(_root["paging"])] : [];

    private bool Active() => PagingFile.List().Any(one => one.Path.StartsWith(_root.Path, StringComparison.Ordinal));

    private async Task StartHostAsync()
    {
        _host = await PlaneProcess.StartAsync("host", _root.Path, variable: (MemoryCap.Variable, "600"));
        using var client = new HostClient(_root.Path);
        await Wait.UntilAsync("the host to be ready", async () => (string?)(await client.GetAsync("api/health"))["status"] == "ready", TimeSpan.FromSeconds(60), () => _host.Log);
    }

    private async Task<List<JsonObject>> RunAsync(string command, object parameters)
    {
        using var client = new HostClient(_root.Path);
        return await client.ObjectsAsync(command, parameters);
    }

    private async Task<string?> RefusalAsync(string command, object parameters)
    {
        using var client = new HostClient(_root.Path);
        return (string?)(await client.RunAsync(command, parameters)).FirstOrDefault(record => (string?)record["record"] == "error")?["errorId"];
    }

    private async Task<JsonObject> MachineAsync() => Assert.Single(await RunAsync("Get-VM", new { Name }));
}
