using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Host.Machines.Memory;
using Vireo.Testing;
using Vireo.Testing.Guests;
using Xunit.Abstractions;

namespace Vireo.Host.Tests.Memory;

/// <summary>The memory of a real guest follows its demand: seen from inside, from QEMU's process, and in what the commands say.</summary>
public sealed class DynamicMemoryTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Name = "elastic";
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
        }

        foreach (var plane in new[] { _host, _switching, _storage }.OfType<PlaneProcess>())
        {
            await plane.DisposeAsync();
        }

        _network.Dispose();
        _root.Dispose();
    }

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("DM-1")]
    [Requirement("DM-2")]
    [Requirement("DM-3")]
    [Requirement("DM-5")]
    public Task AGuestGrowsAndShrinksWithItsDemandWhileItsHostDies() => GrowAndShrinkAsync(processors: 1);

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("DM-1")]
    public Task AGuestOfTwoProcessorsGrowsAndShrinksWithItsDemandWhileItsHostDies() => GrowAndShrinkAsync(processors: 2);

    private async Task GrowAndShrinkAsync(int processors)
    {
        await Task.Run(() => GuestDisk.Build(_root["guest.vhdx"], generation: 1));
        await RunAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 256 * Megabyte, VHDPath = _root["guest.vhdx"] });
        await RunAsync("Set-VMMemory", new { VMName = Name, DynamicMemoryEnabled = true, MinimumBytes = 128 * Megabyte, MaximumBytes = 400 * Megabyte, Buffer = 25 });
        await RunAsync("Set-VMProcessor", new { VMName = Name, Count = processors, MaximumCountPerNumaNode = 1, Maximum = 90, Reserve = 10, RelativeWeight = 200 });
        await RunAsync("Start-VM", new { Name });
        var folder = _root[$"run/m/{Guid.Parse((string)(await MachineAsync())["Id"]!):N}"];
        await using var shell = await SerialShell.OpenAsync(Path.Combine(folder, "com1"), Path.Combine(folder, "com1.log"));
        await shell.CheckAsync("dmesg -n 1");

        // It needs less than it started with, and gives the rest back: the host has it again.
        var less = await AssignedAsync("gives memory back", assigned => assigned < 230 * Megabyte);
        Assert.InRange(less, 128 * Megabyte, 230 * Megabyte);
        var totalWithLess = await TotalInsideAsync(shell);
        var residentWithLess = await ResidentAsync();

        // However many nodes it may have: with dynamic memory it is flat.
        Assert.Equal("1", await shell.CheckAsync("ls -d /sys/devices/system/node/node[0-9]* | wc -l"));
        Assert.Equal(1, (int)(await MachineAsync())["NumaNodesCount"]!);

        // It needs more than it started with: a file in memory that grows as fast as memory comes.
        await shell.CheckAsync("mkdir -p /grow && mount -t tmpfs -o size=100% tmpfs /grow && mount -o remount,size=2G /grow");
        await shell.CheckAsync("cat /proc/sys/kernel/random/boot_id > /grow/boot");
        await FillAsync(shell, from: 0, to: 15);
        await AssignedAsync("grows beyond its startup memory", assigned => assigned > 256 * Megabyte);

        // Its host dies while it grows; it goes on, and the next host with it.
        var filling = FillAsync(shell, from: 15, to: 20);
        await _host!.KillAsync();
        await StartHostAsync();
        await filling;
        var more = await AssignedAsync("grows to its maximum", assigned => assigned >= 390 * Megabyte);
        Assert.InRange(more, 390 * Megabyte, 400 * Megabyte);
        Assert.True(await TotalInsideAsync(shell) > totalWithLess + (150 * Megabyte));
        Assert.True(await ResidentAsync() > residentWithLess + (100 * Megabyte));

        // More maximum while it runs, not less; less minimum, not more.
        Assert.Equal("InvalidState", await RefusalAsync("Set-VMMemory", new { VMName = Name, MaximumBytes = 300 * Megabyte }));
        Assert.Equal("InvalidState", await RefusalAsync("Set-VMMemory", new { VMName = Name, MinimumBytes = 200 * Megabyte }));
        Assert.Equal("InvalidState", await RefusalAsync("Set-VMMemory", new { VMName = Name, StartupBytes = 512 * Megabyte }));
        Assert.Equal("InvalidState", await RefusalAsync("Set-VM", new { Name, StaticMemory = true }));
        await RunAsync("Set-VMMemory", new { VMName = Name, MaximumBytes = 1024 * Megabyte, MinimumBytes = 64 * Megabyte, Priority = 80, Buffer = 30 });
        await AssignedAsync("grows to what it needs now", assigned => assigned >= 420 * Megabyte);
        await Wait.UntilAsync("its memory to be enough", async () => (string?)(await MachineAsync())["MemoryStatus"] == "OK", TimeSpan.FromMinutes(2));
        var machine = await MachineAsync();
        Assert.InRange((long)machine["MemoryDemand"]!, 250 * Megabyte, (long)machine["MemoryAssigned"]!);

        // What it has may not be promised to others; what it does not use may.
        Assert.Equal("0", await shell.CheckAsync("cat /proc/sys/kernel/random/boot_id | cmp - /grow/boot; echo $?"));
        await RunAsync("New-VM", new { Name = "big", MemoryStartupBytes = 1900 * Megabyte, NoVHD = true });
        Assert.Equal("OutOfMemory", await RefusalAsync("Start-VM", new { Name = "big" }));

        // It needs little again.
        await shell.CheckAsync("umount /grow");
        await AssignedAsync("gives all of it back", assigned => assigned < 230 * Megabyte);
        await Wait.UntilAsync("the host to have it back", async () => await ResidentAsync() < residentWithLess + (64 * Megabyte), TimeSpan.FromMinutes(2));
        Assert.True(await TotalInsideAsync(shell) < totalWithLess + (64 * Megabyte));
        await RunAsync("Stop-VM", new { Name, TurnOff = true });
    }

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("VM-3")]
    [Requirement("VM-4")]
    [Requirement("VM-7")]
    public async Task AGuestSeesItsNodesAndGetsItsShareOfTheProcessors()
    {
        await Task.Run(() => GuestDisk.Build(_root["guest.vhdx"], generation: 1));
        await RunAsync("New-VM", new { Name, Generation = 1, MemoryStartupBytes = 256 * Megabyte, VHDPath = _root["guest.vhdx"] });
        await RunAsync("Set-VMProcessor", new { VMName = Name, Count = 2, MaximumCountPerNumaNode = 1, MaximumCountPerNumaSocket = 1, CompatibilityForMigrationEnabled = true });
        await RunAsync("Start-VM", new { Name });
        var machine = await MachineAsync();
        Assert.Equal((2, 2), ((int)machine["NumaNodesCount"]!, (int)machine["NumaSocketCount"]!));
        var folder = _root[$"run/m/{Guid.Parse((string)machine["Id"]!):N}"];
        await using var shell = await SerialShell.OpenAsync(Path.Combine(folder, "com1"), Path.Combine(folder, "com1.log"));
        Assert.Equal("0 1", await shell.CheckAsync("echo $(cat /sys/devices/system/node/node0/cpulist /sys/devices/system/node/node1/cpulist)"));
        Assert.Equal("2", await shell.CheckAsync("sort -u /sys/devices/system/cpu/cpu*/topology/physical_package_id | wc -l"));
        var totals = await shell.CheckAsync("echo $(awk '/MemTotal/ { print $4 }' /sys/devices/system/node/node*/meminfo)");
        Assert.All(totals.Split(' '), total => Assert.InRange(long.Parse(total, CultureInfo.InvariantCulture), 10_000, 131_072));
        Assert.Equal("0", await shell.CheckAsync("grep -c avx /proc/cpuinfo; true"));

        // Where its memory is, as the host says; its share, as its control group does.
        var use = Assert.Single(await RunAsync("Get-VMHostNumaNodeStatus", new { }), status => (string?)status["VMName"] == Name);
        Assert.InRange((int)use["MemoryUsed"]!, 50, 256);
        var node = (await RunAsync("Get-VMHostNumaNode", new { Id = (int)use["NodeId"]! })).Single();
        Assert.InRange((int)node["MemoryAvailable"]!, 1, (int)node["MemoryTotal"]!);
        Assert.All(node["ProcessorsAvailability"]!.AsArray(), processor => Assert.InRange((int)processor!, 0, 100));
        await RunAsync("Set-VMProcessor", new { VMName = Name, Maximum = 25, RelativeWeight = 300 });
        Assert.Equal("InvalidState", await RefusalAsync("Set-VMProcessor", new { VMName = Name, Count = 1 }));
        Assert.Equal("InvalidParameter", await RefusalAsync("Set-VMProcessor", new { VMName = Name, Reserve = 50 }));
        var (weight, most) = ReadShare(folder);
        if (weight is not null)
        {
            Assert.Equal("300", weight);
            Assert.Equal("50000", most);
        }

        await RunAsync("Stop-VM", new { Name, TurnOff = true });
    }

    /// <summary>Weight and quota of the machine's control group, of either version; nothing where it has none.</summary>
    private static (string? Weight, string? Most) ReadShare(string runFolder)
    {
        foreach (var group in JsonNode.Parse(File.ReadAllText($"{runFolder}.json"))!["controlGroupFolders"]!.AsArray().Select(one => (string)one!))
        {
            if (File.Exists(Path.Combine(group, "cpu.weight")))
            {
                return (File.ReadAllText(Path.Combine(group, "cpu.weight")).Trim(), File.ReadAllText(Path.Combine(group, "cpu.max")).Split(' ')[0]);
            }

            if (File.Exists(Path.Combine(group, "cpu.shares")))
            {
                var shares = long.Parse(File.ReadAllText(Path.Combine(group, "cpu.shares")), CultureInfo.InvariantCulture);
                return ((shares * 100 / 1024).ToString(CultureInfo.InvariantCulture), File.ReadAllText(Path.Combine(group, "cpu.cfs_quota_us")).Trim());
            }
        }

        return default;
    }

    private static async Task<long> TotalInsideAsync(SerialShell shell) =>
        long.Parse(await shell.CheckAsync("awk '/^MemTotal/ { print $2 }' /proc/meminfo"), CultureInfo.InvariantCulture) << 10;

    // Eight megabytes at a time, each when there is room for it.
    private static Task FillAsync(SerialShell shell, int from, int to) => shell.CheckAsync(
        $"i={from}; while [ $i -lt {to} ]; do [ $(awk '/^MemAvailable/ {{ print $2 }}' /proc/meminfo) -gt 20000 ] && dd if=/dev/urandom of=/grow/$i bs=1M count=12 2>/dev/null && i=$((i+1)) || sleep 0.2; done",
        TimeSpan.FromMinutes(4));

    private async Task StartHostAsync()
    {
        _host = await PlaneProcess.StartAsync("host", _root.Path, variable: (MemoryCap.Variable, "2048"));
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
        var error = await client.ErrorAsync(command, parameters);
        output.WriteLine(error.ToJsonString());
        return (string?)error["errorId"] ?? (string?)error["id"];
    }

    private async Task<JsonObject> MachineAsync() => Assert.Single(await RunAsync("Get-VM", new { Name }));

    private async Task<long> AssignedAsync(string what, Func<long, bool> isEnough)
    {
        long assigned = 0;
        await Wait.UntilAsync($"the guest {what}", async () => isEnough(assigned = (long)(await MachineAsync())["MemoryAssigned"]!), TimeSpan.FromMinutes(3), () => $"{assigned / Megabyte} MB\n{_host!.Log}");
        return assigned;
    }

    /// <summary>Memory of the guest that the host has given it really.</summary>
    private async Task<long> ResidentAsync()
    {
        var id = (await MachineAsync())["Id"]!.ToString();
        var process = Directory.EnumerateDirectories("/proc").Single(one => int.TryParse(Path.GetFileName(one), out _) && CommandLine(one).Contains(id, StringComparison.OrdinalIgnoreCase));
        return ProcessFile.Kilobytes(Path.Combine(process, "status"), "RssShmem:")[0] << 10;

        static string CommandLine(string process)
        {
            try
            {
                return File.ReadAllText(Path.Combine(process, "cmdline")) is var words && words.Contains("qemu-system", StringComparison.Ordinal) ? words : "";
            }
            catch (IOException)
            {
                return "";
            }
        }
    }
}
