using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>Machines that are off go out of a host and come back: registered, restored, copied; with checkpoints, and without.</summary>
public sealed class ExportImportTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const long DiskBytes = 64L << 20;

    [Fact]
    [Requirement("IM-1")]
    [Requirement("PS-1")]
    public async Task An_export_holds_everything_and_is_copied_into_a_second_machine()
    {
        var original = await MakeAsync("web");
        await DiskContent.WriteAsync($"{host["web"]}/data.vhdx", "first");
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "web", SnapshotName = "before" });
        var disk = (string)Assert.Single((await MachineAsync("web"))["HardDrives"]!.AsArray())!["Path"]!;
        Assert.EndsWith(".avhdx", disk, StringComparison.Ordinal);
        await DiskContent.WriteAsync(disk, "second");

        await host.Client.ObjectsAsync("Export-VM", new { Name = "web", Path = host["out"] });
        var configuration = Assert.Single(Directory.EnumerateFiles(host["out/web/Virtual Machines"], "*.json"));
        Assert.Equal(2, Directory.EnumerateFiles(host["out/web/Virtual Hard Disks"]).Count());
        Assert.Empty(Directory.EnumerateFileSystemEntries(host["out"], ".*"));
        Assert.Equal(await DiskContent.ReadAsync(disk), await DiskContent.ReadAsync(Directory.EnumerateFiles(host["out/web/Virtual Hard Disks"], "*.avhdx").Single()));
        Assert.Contains("exists", (string)(await host.Client.ErrorAsync("Export-VM", new { Name = "web", Path = host["out"] }))["message"]!, StringComparison.Ordinal);

        var imported = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { Path = configuration, Copy = true, GenerateNewId = true, VirtualMachinePath = host["second"], VhdDestinationPath = host["second/disks"] }));
        Assert.NotEqual((string)original["Id"]!, (string)imported["Id"]!);
        var copied = (string)Assert.Single(imported["HardDrives"]!.AsArray())!["Path"]!;
        Assert.StartsWith(host["second/disks"], copied, StringComparison.Ordinal);
        Assert.Equal(await DiskContent.ReadAsync(disk), await DiskContent.ReadAsync(copied));
        var checkpoint = Assert.Single(await host.Client.ObjectsAsync("Get-VMSnapshot", new { VM = imported }));
        Assert.Equal("before", (string)checkpoint["Name"]!);
        Assert.NotEqual((string)Assert.Single(await host.Client.ObjectsAsync("Get-VMSnapshot", new { VM = original }))["Id"]!, (string)checkpoint["Id"]!);

        // The copy is whole by itself: nothing of it leads back to what it was made from.
        Directory.Delete(host["out"], recursive: true);
        await host.Client.ObjectsAsync("Restore-VMSnapshot", new { VMSnapshot = checkpoint }, confirm: false);
        await host.Client.ObjectsAsync("Remove-VM", new { VM = imported, Force = true });
        Assert.Equal("first", await DiskContent.ReadAsync(Directory.EnumerateFiles(host["second/disks"], "*.vhdx").Single()));
        Assert.Equal("second", await DiskContent.ReadAsync(disk));
        await RemoveAsync("web");
    }

    [Fact]
    [Requirement("IM-1")]
    [Requirement("IM-2")]
    public async Task Plainly_copied_folders_are_found_and_registered_where_they_lie()
    {
        var ids = new List<string>();
        foreach (var name in new[] { "one", "two" })
        {
            ids.Add((string)(await MakeAsync(name, host["vms"]))["Id"]!);
            await DiskContent.WriteAsync($"{host["vms"]}/{name}/{name}.vhdx", name);
            await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = name, SnapshotName = "then" });
        }

        // The data disk is put into another computer: other paths, no registrations.
        Peer.Run("cp", "-a", host["vms"], host["rescued"]);
        await RemoveAsync("one");
        await RemoveAsync("two");
        Directory.Delete(host["vms"], recursive: true);

        var report = await host.Client.ObjectsAsync("Compare-VM", new { Path = host["rescued"] });
        Assert.Equal(2, report.Count);
        Assert.All(report, one => Assert.DoesNotContain(one["Incompatibilities"]!.AsArray(), found => (string)found!["Severity"]! == "Error"));
        var imported = await host.Client.ObjectsAsync("Import-VM", new { Path = host["rescued"] });
        Assert.Equal(ids.Order(), imported.Select(one => (string)one["Id"]!).Order());
        foreach (var machine in imported)
        {
            Assert.StartsWith(host["rescued"], (string)machine["Path"]!, StringComparison.Ordinal);
            Assert.StartsWith(host["rescued"], (string)machine["HardDrives"]![0]!["Path"]!, StringComparison.Ordinal);
            Assert.Equal("then", (string)machine["ParentSnapshotName"]!);
        }

        // What is there already is not taken twice.
        Assert.Empty(await host.Client.ObjectsAsync("Import-VM", new { Path = host["rescued"] }));
        await RemoveAsync("one");
        await RemoveAsync("two");
        Assert.Equal("one", await DiskContent.ReadAsync(host["rescued/one/one.vhdx"]));
        Directory.Delete(host["rescued"], recursive: true);
    }

    [Fact]
    [Requirement("IM-1")]
    public async Task A_checkpoint_is_exported_as_whole_disks()
    {
        await MakeAsync("base");
        await DiskContent.WriteAsync($"{host["base"]}/data.vhdx", "then");
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "base", SnapshotName = "first" });
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "base", SnapshotName = "second" });
        await DiskContent.WriteAsync((string)(await MachineAsync("base"))["HardDrives"]![0]!["Path"]!, "now");
        await host.Client.ObjectsAsync("Export-VMSnapshot", new { VMName = "base", Name = "second", Path = host["flat"] });
        var disk = Assert.Single(Directory.EnumerateFiles(host["flat/base/Virtual Hard Disks"]));
        Assert.Equal("data.vhdx", Path.GetFileName(disk));
        Assert.Equal("then", await DiskContent.ReadAsync(disk));

        var imported = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { Path = host["flat"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["flat2"], VhdDestinationPath = host["flat2"] }));
        Assert.Null((string?)imported["ParentSnapshotName"]);
        await host.Client.ObjectsAsync("Remove-VM", new { VM = imported, Force = true });
        await RemoveAsync("base");
    }

    [Fact]
    [Requirement("IM-1")]
    public async Task Firmware_variables_and_keys_of_a_guest_go_along()
    {
        var original = Assert.Single(await host.Client.ObjectsAsync("New-VM", new { Name = "keys", Generation = 2, Path = host["keys"], NoVHD = true }));
        await host.Client.ObjectsAsync("Set-VMFirmware", new { VMName = "keys", EnableSecureBoot = "On" });
        await host.Client.ObjectsAsync("Enable-VMTPM", new { VMName = "keys" });
        var folder = Path.Combine((string)original["Path"]!, "Virtual Machines");
        var id = (string)original["Id"]!;
        await File.WriteAllTextAsync(Path.Combine(folder, $"{id}.secure.nvram"), "variables then");
        await File.WriteAllTextAsync(Path.Combine(folder, $"{id}.tpm"), "keys then");
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "keys", SnapshotName = "then" });
        await File.WriteAllTextAsync(Path.Combine(folder, $"{id}.secure.nvram"), "variables now");
        await File.WriteAllTextAsync(Path.Combine(folder, $"{id}.tpm"), "keys now");

        await host.Client.ObjectsAsync("Export-VM", new { Name = "keys", Path = host["safe"] });
        await RemoveAsync("keys");
        Directory.Delete(host["keys"], recursive: true);
        foreach (var isNew in new[] { true, false })
        {
            var imported = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new
            {
                Path = host["safe"],
                Copy = true,
                GenerateNewId = isNew,
                VirtualMachinePath = host[$"keys-{isNew}"],
                SnapshotFilePath = host[$"keys-{isNew}"],
            }));
            var now = (string)imported["Id"]!;
            Assert.Equal(!isNew, now == id);
            var copies = Path.Combine((string)imported["Path"]!, "Virtual Machines");
            Assert.Equal("variables now", await File.ReadAllTextAsync(Path.Combine(copies, $"{now}.secure.nvram")));
            Assert.Equal("keys now", await File.ReadAllTextAsync(Path.Combine(copies, $"{now}.tpm")));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(copies, $"{now}.tpm")));

            // What the checkpoint has comes back with it.
            await host.Client.ObjectsAsync("Restore-VMSnapshot", new { VMName = imported["Name"], Name = "then" }, confirm: false);
            Assert.Equal("variables then", await File.ReadAllTextAsync(Path.Combine(copies, $"{now}.secure.nvram")));
            Assert.Equal("keys then", await File.ReadAllTextAsync(Path.Combine(copies, $"{now}.tpm")));
            await host.Client.ObjectsAsync("Remove-VM", new { VM = imported, Force = true });
        }
    }

    [Fact]
    [Requirement("IM-1")]
    [Requirement("IM-3")]
    public async Task A_report_is_fixed_by_the_commands_it_names_and_imported()
    {
        await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "gone", SwitchType = "Private" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "broken", NewVHDPath = host["broken/data.vhdx"], NewVHDSizeBytes = DiskBytes, SwitchName = "gone" });
        await host.Client.ObjectsAsync("Export-VM", new { Name = "broken", Path = host["fix"] });
        await RemoveAsync("broken");
        await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "gone", Force = true });
        File.Move(host["fix/broken/Virtual Hard Disks/data.vhdx"], host["fix/elsewhere.vhdx"]);
        File.Delete(host["broken/data.vhdx"]);
        var file = Directory.EnumerateFiles(host["fix/broken/Virtual Machines"], "*.json").Single();
        var configuration = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        configuration["processor"]!["count"] = 60;
        var before = configuration.ToJsonString();
        await File.WriteAllTextAsync(file, before);

        var error = await host.Client.ErrorAsync("Import-VM", new { Path = file });
        Assert.Equal("InvalidOperation", (string)error["errorId"]!);
        var report = Assert.Single(await host.Client.ObjectsAsync("Compare-VM", new { Path = file }));
        Assert.Equal(["InvalidOperation"], [(string)(await host.Client.ErrorAsync("Import-VM", new { CompatibilityReport = report }))["errorId"]!]);
        var found = Errors(report);
        Assert.Equal(["ProcessorCountHost", "SwitchNotFound", "VirtualDiskFileMissing"], found.Keys.Order());
        Assert.Equal(33012, (int)found["SwitchNotFound"]["MessageId"]!);
        Assert.Equal(40010, (int)found["VirtualDiskFileMissing"]["MessageId"]!);
        Assert.DoesNotContain(await host.Client.ObjectsAsync("Get-VM", new { }), machine => (string)machine["Name"]! == "broken");

        // Each source is an object of the plan that the named command takes.
        await host.Client.ObjectsAsync("Disconnect-VMNetworkAdapter", new { VMNetworkAdapter = found["SwitchNotFound"]["Source"] });
        report = Assert.Single(await host.Client.ObjectsAsync("Compare-VM", new { CompatibilityReport = report }));
        Assert.Equal(["ProcessorCountHost", "VirtualDiskFileMissing"], Errors(report).Keys.Order());
        await host.Client.ObjectsAsync("Set-VMProcessor", new { VM = report["VM"], Count = 1 });
        await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMHardDiskDrive = found["VirtualDiskFileMissing"]["Source"], Path = host["fix/elsewhere.vhdx"] });
        report = Assert.Single(await host.Client.ObjectsAsync("Compare-VM", new { CompatibilityReport = report }));
        Assert.Empty(Errors(report));
        Assert.Equal(before, await File.ReadAllTextAsync(file));

        var machine = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { CompatibilityReport = report }));
        Assert.Equal(host["fix/elsewhere.vhdx"], (string)machine["HardDrives"]![0]!["Path"]!);
        Assert.Contains("gone", (string)(await host.Client.ErrorAsync("Compare-VM", new { CompatibilityReport = report }))["message"]!, StringComparison.Ordinal);
        await RemoveAsync("broken");
    }

    [Fact]
    [Requirement("IM-3")]
    public async Task Damaged_chains_and_taken_places_are_told_apart()
    {
        await MakeAsync("chain");
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "chain", SnapshotName = "one" });
        await host.Client.ObjectsAsync("Export-VM", new { Name = "chain", Path = host["bad"] });
        var disks = host["bad/chain/Virtual Hard Disks"];
        Assert.Contains("IdAlreadyRegistered", await ErrorsOfAsync(new { Path = host["bad"], Copy = true, VirtualMachinePath = host["bad2"], VhdDestinationPath = host["bad2"] }));
        Assert.Contains("DestinationFileExists", await ErrorsOfAsync(new { Path = host["bad"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["bad2"], VhdDestinationPath = disks }));
        Assert.Contains("DestinationPathInvalid", await ErrorsOfAsync(new { Path = host["bad"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["bad2"], VhdDestinationPath = "/proc/none" }));
        Assert.Contains("ConfigurationInUse", await ErrorsOfAsync(new { Path = Directory.EnumerateFiles(host["VMs/chain/Virtual Machines"], "*.json").Single() }));

        // Another disk under the parent's name, then none.
        var parent = Path.Combine(disks, "data.vhdx");
        File.Delete(parent);
        await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = DiskBytes });
        Assert.Contains("ParentIdMismatch", await ErrorsOfAsync(new { Path = host["bad"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["bad2"], VhdDestinationPath = host["bad2"] }));
        File.Delete(parent);
        Assert.Contains("ParentDiskMissing", await ErrorsOfAsync(new { Path = host["bad"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["bad2"], VhdDestinationPath = host["bad2"] }));
        var child = Directory.EnumerateFiles(disks, "*.avhdx").Single();
        await File.WriteAllBytesAsync(child, new byte[1 << 20]);
        Assert.Contains("DiskHeaderCorrupt", await ErrorsOfAsync(new { Path = host["bad"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["bad2"], VhdDestinationPath = host["bad2"] }));
        Assert.False(Directory.Exists(host["bad2"]));
        await RemoveAsync("chain");
    }

    [Theory]
    [InlineData("{", "ConfigurationUnreadable")]
    [InlineData("null", "ConfigurationUnreadable")]
    [InlineData("{\"formatVersion\": 99}", "ConfigurationVersionTooNew")]
    [Requirement("IM-3")]
    public async Task A_configuration_that_cannot_be_read_is_an_answer(string content, string kind)
    {
        var file = host[$"unreadable-{Guid.NewGuid():N}/Virtual Machines/{Guid.NewGuid():D}.json"];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(file, content);
        var report = Assert.Single(await host.Client.ObjectsAsync("Compare-VM", new { Path = file }));
        Assert.Null(report["VM"]);
        Assert.Equal([kind], report["Incompatibilities"]!.AsArray().Select(one => (string)one!["Name"]!));
        Assert.Equal("InvalidOperation", (string)(await host.Client.ErrorAsync("Import-VM", new { Path = file }))["errorId"]!);
        Assert.Equal("InvalidParameter", (string)(await host.Client.ErrorAsync("Import-VM", new { CompatibilityReport = report }))["errorId"]!);
    }

    private async Task<JsonObject> MakeAsync(string name, string? folder = null)
    {
        var disk = folder is null ? host[$"{name}/data.vhdx"] : $"{name}.vhdx";
        var made = Assert.Single(folder is null
            ? await host.Client.ObjectsAsync("New-VM", new { Name = name, NewVHDPath = disk, NewVHDSizeBytes = DiskBytes })
            : await host.Client.ObjectsAsync("New-VM", new { Name = name, NewVHDPath = Path.Combine(folder, name, disk), NewVHDSizeBytes = DiskBytes, Path = folder }));
        return made;
    }

    private async Task<JsonObject> MachineAsync(string name) => Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = name }));

    private Task RemoveAsync(string name) => host.Client.ObjectsAsync("Remove-VM", new { Name = name, Force = true });

    private async Task<List<string>> ErrorsOfAsync(object parameters) => [.. Errors(Assert.Single(await host.Client.ObjectsAsync("Compare-VM", parameters))).Keys];

    private static Dictionary<string, JsonNode> Errors(JsonObject report) => report["Incompatibilities"]!.AsArray()
        .Where(one => (string)one!["Severity"]! == "Error").GroupBy(one => (string)one!["Name"]!).ToDictionary(same => same.Key, same => same.First()!);
}
