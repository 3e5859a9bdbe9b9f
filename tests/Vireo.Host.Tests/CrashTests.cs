using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>The host dies at each step of a command; after its next start every machine is as before or as after, and nothing is left over.</summary>
public sealed class CrashTests : IDisposable
{
    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("host.create.disk", false)]
    [InlineData("host.create.registered", true)]
    [Requirement("VM-10")]
    public async Task NewVM_leaves_a_whole_machine_or_none(string point, bool exists)
    {
        await using var storage = await PlaneProcess.StartAsync("storage", _root.Path);
        var disk = _root["disks/web1.vhdx"];
        await CrashAsync(point, client => client.RunAsync("New-VM", new { Name = "web1", NewVHDPath = disk, NewVHDSizeBytes = 1L << 30 }));

        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var again = new HostClient(_root.Path);
        var machines = await again.ObjectsAsync("Get-VM", new { });
        Assert.Equal(exists, machines.Count == 1);
        Assert.Equal(exists, File.Exists(disk));
        Assert.Equal(exists, Directory.Exists(_root["VMs/web1"]));
        Assert.Empty(Directory.EnumerateFiles(_root["intents"]));
        AssertNoTemporaryFiles();

        // The name and the path can be used again.
        if (!exists)
        {
            await again.ObjectsAsync("New-VM", new { Name = "web1", NewVHDPath = disk, NewVHDSizeBytes = 1L << 30 });
        }
    }

    [Fact]
    [Requirement("VM-10")]
    public async Task NewVM_that_dies_before_its_disk_is_made_leaves_the_disk_of_somebody_else()
    {
        var disk = _root["disks/web1.vhdx"];
        await using (var storage = await PlaneProcess.StartAsync("storage", _root.Path))
        {
            await CrashAsync("host.create.intended", client => client.RunAsync("New-VM", new { Name = "web1", NewVHDPath = disk, NewVHDSizeBytes = 1L << 30 }));
        }

        // Somebody makes a disk of that name meanwhile.
        Directory.CreateDirectory(Path.GetDirectoryName(disk)!);
        await File.WriteAllTextAsync(disk, "not ours");
        await RunOnceAsync(async client => Assert.Empty(await client.ObjectsAsync("Get-VM", new { })));
        Assert.Equal("not ours", await File.ReadAllTextAsync(disk));
    }

    [Theory]
    [InlineData("host.remove.unregistered", false)]
    [Requirement("VM-10")]
    public async Task RemoveVM_leaves_the_machine_or_nothing_of_it(string point, bool exists)
    {
        await using var storage = await PlaneProcess.StartAsync("storage", _root.Path);
        using var network = new NetworkNamespace();
        await using var switching = await PlaneProcess.StartAsync("switch", _root.Path, networkNamespace: network.Name);
        await RunOnceAsync(client => client.ObjectsAsync("New-VM", new { Name = "web1" }));
        await CrashAsync(point, client => client.RunAsync("Remove-VM", new { Name = "web1", Force = true }));

        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var again = new HostClient(_root.Path);
        Assert.Equal(exists, (await again.ObjectsAsync("Get-VM", new { })).Count == 1);
        Assert.Equal(exists, Directory.Exists(_root["VMs/web1"]));
        Assert.Empty(Directory.EnumerateFiles(_root["intents"]));
    }

    [Theory]
    [InlineData("file.renamed:1", "changed")]
    public async Task SetVM_changes_all_or_nothing(string point, string notes)
    {
        await RunOnceAsync(client => client.ObjectsAsync("New-VM", new { Name = "web1" }));
        await CrashAsync(point, client => client.RunAsync("Set-VM", new { Name = "web1", Notes = "changed" }));

        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var again = new HostClient(_root.Path);
        var machine = Assert.Single(await again.ObjectsAsync("Get-VM", new { }));
        Assert.Equal(notes, (string?)machine["Notes"]);
        var job = Assert.Single((await again.GetAsync("api/jobs")).AsArray(), job => (string?)job!["command"] == "Set-VM");
        Assert.Equal("Interrupted", (string?)job!["status"]);
    }

    [Theory]
    [InlineData("New-VHD")]
    [InlineData("New-VM")]
    [Requirement("VM-10")]
    public async Task An_image_whose_making_was_not_answered_is_not_made_twice(string command)
    {
        var storage = await PlaneProcess.StartAsync("storage", _root.Path, crashAt: "storage.image.made");
        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var client = new HostClient(_root.Path);
        var disk = _root["disk.vhdx"];
        var making = command == "New-VHD"
            ? client.ObjectsAsync(command, new { Path = disk, SizeBytes = 1L << 30 })
            : client.ObjectsAsync(command, new { Name = "web1", NewVHDPath = disk, NewVHDSizeBytes = 1L << 30 });
        await Wait.UntilAsync("the plane to die before it answers", () => storage.HasExited, details: () => storage.Log);
        await storage.DisposeAsync();
        Assert.True(File.Exists(disk));
        await using var again = await PlaneProcess.StartAsync("storage", _root.Path);
        Assert.Single(await making);
        var error = await client.ErrorAsync("New-VHD", new { Path = disk, SizeBytes = 1L << 30 });
        Assert.Contains("exists", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Set-VM", "Name")]
    [InlineData("Set-VMHost", "VirtualHardDiskPath")]
    public async Task What_a_killed_writer_left_is_swept_away(string command, string parameter)
    {
        await RunOnceAsync(client => client.ObjectsAsync("New-VM", new { Name = "web1" }));
        await CrashAsync("file.written:1", client => client.RunAsync(command, parameter == "Name" ? new { Name = "web1", Notes = "changed" } : new { VirtualHardDiskPath = _root["other"] }));
        Assert.NotEmpty(Directory.EnumerateFiles(_root.Path, ".*.tmp", SearchOption.AllDirectories));
        await RunOnceAsync(client => client.ObjectsAsync("Get-VM", new { }));
        AssertNoTemporaryFiles();
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.create.intended", false)]
    [InlineData("host.create.configured", false)]
    public Task NewVM_at_every_other_step(string point, bool exists) => NewVM_leaves_a_whole_machine_or_none(point, exists);

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.remove.intended", true)]
    public Task RemoveVM_at_every_other_step(string point, bool exists) => RemoveVM_leaves_the_machine_or_nothing_of_it(point, exists);

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("file.written:1", "")]
    [InlineData("host.change.stored", "changed")]
    public Task SetVM_at_every_other_step(string point, string notes) => SetVM_changes_all_or_nothing(point, notes);

    [Fact]
    public async Task A_second_host_with_the_same_root_is_refused()
    {
        await using var first = await PlaneProcess.StartAsync("host", _root.Path);
        await using var second = await PlaneProcess.StartAsync("host", _root.Path, waitForSocket: false);
        await Wait.UntilAsync("the second host to give up", () => second.HasExited && second.Log.Length > 0);
        Assert.Contains("running already", second.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_configuration_of_a_newer_version_is_left_alone_and_reported()
    {
        await RunOnceAsync(client => client.ObjectsAsync("New-VM", new { Name = "web1" }));
        var file = Directory.EnumerateFiles(_root["VMs/web1/Virtual Machines"], "*.json").Single();
        var configuration = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        configuration["formatVersion"] = 99;
        var newer = configuration.ToJsonString();
        await File.WriteAllTextAsync(file, newer);

        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var client = new HostClient(_root.Path);
        Assert.Empty(await client.ObjectsAsync("Get-VM", new { }));
        Assert.Equal(newer, await File.ReadAllTextAsync(file));
        Assert.Contains((await client.GetAsync("api/events")).AsArray(), happened => ((string?)happened!["message"])!.Contains("newer version", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Damaged_databases_do_not_keep_a_host_from_starting()
    {
        await RunOnceAsync(async client =>
        {
            await client.ObjectsAsync("New-VM", new { Name = "web1" });
            await client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = "web1" });
        });
        var databases = Directory.EnumerateFiles(_root.Path, "*.db", SearchOption.AllDirectories).ToList();
        Assert.Equal(["history.db", "metering.db"], databases.Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var database in databases)
        {
            File.Delete($"{database}-wal");
            File.Delete($"{database}-shm");
            await File.WriteAllBytesAsync(database, Enumerable.Repeat((byte)0xAB, 1 << 14).ToArray());
        }

        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var client = new HostClient(_root.Path);
        var machine = Assert.Single(await client.ObjectsAsync("Get-VM", new { }));
        Assert.True((bool)machine["ResourceMeteringEnabled"]!);
        Assert.Single(await client.ObjectsAsync("Measure-VM", new { Name = "web1" }));
        var kinds = (await client.GetAsync("api/events")).AsArray().Select(happened => (string?)happened!["kind"]).ToList();
        Assert.Contains("HistoryLost", kinds);
        Assert.Contains("MeteringLost", kinds);
        Assert.All(databases, database => Assert.True(File.Exists($"{database}.damaged")));
    }

    private async Task RunOnceAsync(Func<HostClient, Task> action)
    {
        await using var host = await PlaneProcess.StartAsync("host", _root.Path);
        using var client = new HostClient(_root.Path);
        await action(client);
    }

    private async Task CrashAsync(string point, Func<HostClient, Task> action)
    {
        await using var host = await PlaneProcess.StartAsync("host", _root.Path, crashAt: point.StartsWith("file.", StringComparison.Ordinal) ? "" : point);
        if (point.StartsWith("file.", StringComparison.Ordinal))
        {
            // Files are written at the start too: only the one that the command writes is meant.
            await host.KillAsync();
        }

        await using var armed = point.StartsWith("file.", StringComparison.Ordinal) ? await PlaneProcess.StartAsync("host", _root.Path, point) : null;
        using var client = new HostClient(_root.Path);
        await Assert.ThrowsAnyAsync<Exception>(() => action(client));
        var dead = armed ?? host;
        await Wait.UntilAsync($"the host to die at {point}", () => dead.HasExited, details: () => dead.Log);
    }

    private void AssertNoTemporaryFiles() =>
        Assert.Empty(Directory.EnumerateFiles(_root.Path, "*.tmp", SearchOption.AllDirectories));
}
