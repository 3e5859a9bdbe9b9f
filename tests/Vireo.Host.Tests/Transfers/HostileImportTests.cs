using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>A configuration from elsewhere that names files of this host: none of them is read by a guest, written to or deleted.</summary>
public sealed class HostileImportTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("IM-4")]
    public async Task What_a_configuration_says_of_other_files_is_not_believed()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "strange", NewVHDPath = host["strange/data.vhdx"], NewVHDSizeBytes = 64L << 20 });
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "strange", SnapshotName = "then" });
        await host.Client.ObjectsAsync("Export-VM", new { Name = "strange", Path = host["hostile"] });
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "strange", Force = true });
        var disks = host["hostile/strange/Virtual Hard Disks"];
        var own = Directory.EnumerateFiles(disks, "*.avhdx").Single();

        // Another one's disk with a child in the hostile folder, a file that is nobody's disk, and a link that makes it look like a medium.
        var (victim, child, canary, link) = (host["victims/victim.vhdx"], Path.Combine(disks, "child.avhdx"), host["victims/canary"], host["hostile/strange/setup.iso"]);
        Directory.CreateDirectory(host["victims"]);
        await host.Client.ObjectsAsync("New-VHD", new { Path = victim, SizeBytes = 64L << 20 });
        await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = victim, Differencing = true });
        await DiskContent.WriteAsync(child, "theirs");
        await File.WriteAllTextAsync(canary, "canary");
        File.CreateSymbolicLink(link, canary);
        var before = await File.ReadAllBytesAsync(victim);

        var file = Directory.EnumerateFiles(host["hostile/strange/Virtual Machines"], "*.json").Single();
        var configuration = JsonNode.Parse(await File.ReadAllTextAsync(file))!.AsObject();
        var tree = configuration["checkpoints"]!;
        var drives = configuration["drives"]!.AsArray();
        var drive = drives.Single(one => (string)one!["kind"]! == "HardDisk")!;
        tree["work"] = new JsonObject { ["checkpointId"] = Guid.NewGuid(), ["disks"] = new JsonArray(new JsonObject { ["driveId"] = (string)drive["id"]!, ["path"] = canary, ["parentPath"] = "x" }) };
        tree["removed"] = new JsonArray(Guid.NewGuid());
        foreach (var (path, parent) in new[] { (canary, "/x"), (child, victim), (own, own), ("/a", "/b"), ("/b", "/a") })
        {
            tree["disks"]!.AsArray().Add(new JsonObject { ["path"] = path, ["parentPath"] = parent, ["isMerging"] = path == canary });
        }

        drives.Add(Drive("HardDisk", 0, 1, child));
        foreach (var old in tree["all"]![0]!["machine"]!["drives"]!.AsArray().Where(one => (string)one!["kind"]! == "Dvd").ToList())
        {
            tree["all"]![0]!["machine"]!["drives"]!.AsArray().Remove(old);
        }

        tree["all"]![0]!["machine"]!["drives"]!.AsArray().Add(Drive("Dvd", 1, 0, link));
        tree["all"]![0]!["machine"]!["floppyPath"] = canary;
        configuration["floppyPath"] = canary;
        configuration["snapshotFileLocation"] = (string)configuration["path"]! + "/../../victims";
        await File.WriteAllTextAsync(file, configuration.ToJsonString());

        var machine = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { Path = file }));
        var registered = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        Assert.Equal([own], registered["checkpoints"]!["disks"]!.AsArray().Select(one => (string)one!["path"]!));
        Assert.Null(registered["checkpoints"]!["work"]);
        Assert.Null(registered["floppyPath"]);
        Assert.Equal(host["hostile/strange"], (string)registered["snapshotFileLocation"]!);
        var then = registered["checkpoints"]!["all"]![0]!["machine"]!;
        Assert.Null(then["floppyPath"]);
        Assert.All(then["drives"]!.AsArray(), one => Assert.True((string)one!["kind"]! == "HardDisk" || one["path"] is null));

        // With its checkpoint gone the machine's own images are cleaned up, and nothing else.
        await host.Client.ObjectsAsync("Remove-VMSnapshot", new { VMName = "strange" });
        await Wait.UntilAsync("the machine's own image to be merged", () => !File.Exists(own));
        Assert.Equal("canary", await File.ReadAllTextAsync(canary));
        Assert.Equal("theirs", await DiskContent.ReadAsync(child));
        Assert.Equal(before, await File.ReadAllBytesAsync(victim));
        await host.Client.ObjectsAsync("Remove-VM", new { VM = machine, Force = true });
    }

    private static JsonObject Drive(string kind, int number, int location, string path) => new()
    {
        ["id"] = Guid.NewGuid(),
        ["kind"] = kind,
        ["bus"] = "Ide",
        ["controllerNumber"] = number,
        ["controllerLocation"] = location,
        ["path"] = path,
    };
}
