using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>
/// The host dies at each step of an export or import: the source is as it was, byte for byte, the target is complete or absent, and what was begun can
/// be begun again.
/// </summary>
public sealed class TransferCrashTests : IDisposable
{
    private const long DiskBytes = 64L << 20;
    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("host.export.copied", false)]
    [Requirement("IM-1")]
    [Requirement("IM-4")]
    public async Task An_export_is_complete_or_absent(string point, bool isThere)
    {
        await using var storage = await PlaneProcess.StartAsync("storage", _root.Path);
        await OnceAsync(null, MakeAsync);
        await OnceAsync(point, client => client.RunAsync("Export-VM", new { Name = "web", Path = _root["out"] }));
        await OnceAsync(null, async client =>
        {
            Assert.Equal(isThere, Directory.Exists(_root["out/web"]));
            Assert.Equal(isThere ? 1 : 0, Directory.Exists(_root["out"]) ? Directory.EnumerateFileSystemEntries(_root["out"]).Count() : 0);
            Assert.Empty(Directory.EnumerateFiles(_root["exports"]));
            if (!isThere)
            {
                await client.ObjectsAsync("Export-VM", new { Name = "web", Path = _root["out"] });
            }

            Assert.Equal(2, Directory.EnumerateFiles(_root["out/web/Virtual Hard Disks"]).Count());
            Assert.Single(await client.ObjectsAsync("Get-VMSnapshot", new { VMName = "web" }));
        });
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.export.begun", false)]
    [InlineData("host.export.copied:2", false)]
    [InlineData("host.export.published", true)]
    [Requirement("IM-4")]
    public Task An_export_is_complete_or_absent_at_every_step(string point, bool isThere) => An_export_is_complete_or_absent(point, isThere);

    [Theory]
    [InlineData("host.import.copied:2", true, false)]
    [InlineData("host.import.configured", false, false)]
    [Requirement("IM-1")]
    [Requirement("IM-4")]
    public async Task An_import_leaves_the_source_intact_and_the_target_complete_or_absent(string point, bool copy, bool isThere)
    {
        await using var storage = await PlaneProcess.StartAsync("storage", _root.Path);
        await OnceAsync(null, async client =>
        {
            await MakeAsync(client);
            await client.ObjectsAsync("Export-VM", new { Name = "web", Path = _root["source"] });
        });

        // Another host, and a folder that was moved, so that its paths must be written anew.
        Directory.Delete(_root["machines"], recursive: true);
        Directory.Delete(_root["VMs"], recursive: true);
        Directory.Delete(_root["disks"], recursive: true);
        Directory.Move(_root["source"], _root["moved"]);
        var before = Content(_root["moved"]);
        object import = copy ? new { Path = _root["moved"], Copy = true, VirtualMachinePath = _root["target/web"], VhdDestinationPath = _root["target/disks"] } : new { Path = _root["moved"] };
        await OnceAsync(point, client => client.RunAsync("Import-VM", import));
        await OnceAsync(null, async client =>
        {
            Assert.Equal(isThere, (await client.ObjectsAsync("Get-VM", new { })).Count == 1);
            Assert.Empty(Directory.EnumerateFiles(_root["intents"]));
            if (copy || !isThere)
            {
                Assert.Equal(before, Content(_root["moved"]));
            }

            if (!isThere)
            {
                Assert.False(Directory.Exists(_root["target"]));
                await client.ObjectsAsync("Import-VM", import);
            }

            var machine = Assert.Single(await client.ObjectsAsync("Get-VM", new { }));
            Assert.Equal("then", (string)machine["ParentSnapshotName"]!);
            var disk = (string)machine["HardDrives"]![0]!["Path"]!;
            Assert.StartsWith(copy ? _root["target/disks"] : _root["moved"], disk, StringComparison.Ordinal);
            Assert.Equal("now", await DiskContent.ReadAsync(disk));
            Assert.Empty(Directory.EnumerateFiles(_root["intents"]));
        });
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.import.intended", true, false)]
    [InlineData("host.import.copied", true, false)]
    [InlineData("host.import.files", true, false)]
    [InlineData("host.import.configured", true, false)]
    [InlineData("host.import.registered", true, true)]
    [InlineData("host.import.intended", false, false)]
    [InlineData("host.import.registered", false, true)]
    [Requirement("IM-4")]
    public Task An_import_leaves_the_source_intact_at_every_step(string point, bool copy, bool isThere) =>
        An_import_leaves_the_source_intact_and_the_target_complete_or_absent(point, copy, isThere);

    private async Task MakeAsync(HostClient client)
    {
        await client.ObjectsAsync("New-VM", new { Name = "web", NewVHDPath = _root["disks/data.vhdx"], NewVHDSizeBytes = DiskBytes });
        await DiskContent.WriteAsync(_root["disks/data.vhdx"], "then");
        await client.ObjectsAsync("Checkpoint-VM", new { Name = "web", SnapshotName = "then" });
        await DiskContent.WriteAsync((string)Assert.Single(await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "web" }))["Path"]!, "now");
    }

    private async Task OnceAsync(string? crashAt, Func<HostClient, Task> action)
    {
        await using var host = await PlaneProcess.StartAsync("host", _root.Path, crashAt);
        using var client = new HostClient(_root.Path);
        if (crashAt is null)
        {
            await action(client);
            return;
        }

        await Assert.ThrowsAnyAsync<Exception>(() => action(client));
        await Wait.UntilAsync($"the host to die at {crashAt}", () => host.HasExited, details: () => host.Log);
    }

    private static List<(string Path, string Hash)> Content(string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => (file, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))))),
    ];
}
