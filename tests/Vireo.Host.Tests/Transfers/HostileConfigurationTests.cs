using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Transfers;
using Vireo.Host.Transfers.Checks;
using Vireo.Machines.Configuration;
using Vireo.Machines.Tests.HyperV;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>What a configuration from elsewhere says is an answer, whatever it says, and within bounds.</summary>
public sealed class HostileConfigurationTests : IDisposable
{
    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    [Requirement("IM-4")]
    public void Images_of_checkpoints_are_those_of_the_machines_own_chains()
    {
        var machine = Machine() with
        {
            Checkpoints = new()
            {
                Disks =
                [
                    new("/vm/disk_0AA394FA-7C4A-4070-BA32-773D43B28A68.avhdx", "/elsewhere", IsMerging: true, IsKept: true), new("/vm/disk.avhdx", "/vm/disk.vhdx"), new("/any/file", "/x"), new("/vm/x.avhdx", "/stranger/victim.vhdx"),
                    new("/disks/plain.vhdx", "/disks/base.vhdx"), new("/disks/data_0AA394FA-7C4A-4070-BA32-773D43B28A68.avhdx", "/disks/data.vhdx"), new("/disks/other.avhdx", "/disks/data.vhdx"),
                    new("/vm/a.avhdx", "/vm/b.avhdx"), new("/vm/b.avhdx", "/vm/a.avhdx"), new("/vm/theirs.avhdx", "/vm/base.vhdx"),
                ],
            },
        };
        ChainImage[] images =
        [
            new("/vm/disk.vhdx", null, 1), new("/vm/disk.avhdx", "/vm/disk.vhdx", 1), new("/vm/disk_0AA394FA-7C4A-4070-BA32-773D43B28A68.avhdx", "/vm/disk.avhdx", 1),
            new("/stranger/victim.vhdx", null, 1), new("/vm/x.avhdx", "/stranger/victim.vhdx", 1), new("/disks/base.vhdx", null, 1), new("/disks/plain.vhdx", "/disks/base.vhdx", 1),
            new("/disks/data.vhdx", null, 1), new("/disks/data_0AA394FA-7C4A-4070-BA32-773D43B28A68.avhdx", "/disks/data.vhdx", 1), new("/disks/other.avhdx", "/disks/data.vhdx", 1),
            new("/vm/a.avhdx", "/vm/b.avhdx", 1), new("/vm/b.avhdx", "/vm/a.avhdx", 1), new("/vm/base.vhdx", null, 1), new("/vm/theirs.avhdx", "/vm/base.vhdx", 1), new("/vm/unnamed.avhdx", "/vm/disk.vhdx", 1),
        ];
        var kept = CheckpointImages.Of(machine, images, CheckpointImages.OwnedBy("/vm", new HashSet<string> { "/vm/base.vhdx" }));
        Assert.Equal(
            [
                new("/vm/disk.avhdx", "/vm/disk.vhdx"), new("/vm/disk_0AA394FA-7C4A-4070-BA32-773D43B28A68.avhdx", "/vm/disk.avhdx", IsKept: true),
                new CheckpointDisk("/disks/data_0AA394FA-7C4A-4070-BA32-773D43B28A68.avhdx", "/disks/data.vhdx"),
                new("/vm/b.avhdx", "/vm/a.avhdx"),
            ],
            kept);
    }

    [Fact]
    [Requirement("IM-4")]
    public void A_link_does_not_make_another_ones_disk_the_machines_own()
    {
        Directory.CreateDirectory(_root["vm"]);
        Directory.CreateDirectory(_root["stranger"]);
        File.WriteAllText(_root["stranger/victim.vhdx"], "");
        File.WriteAllText(_root["vm/child.avhdx"], "");
        Directory.CreateSymbolicLink(_root["vm/link"], _root["stranger"]);
        var isOurs = CheckpointImages.OwnedBy(_root["vm"], new HashSet<string>());
        Assert.False(isOurs(new(_root["vm/child.avhdx"], _root["vm/link/victim.vhdx"], 1)));
        Assert.True(isOurs(new(_root["vm/child.avhdx"], _root["vm/child.vhdx"], 1)));
    }

    [Fact]
    [Requirement("IM-4")]
    public async Task A_chain_that_is_a_loop_has_an_end()
    {
        var machine = Machine() with
        {
            Drives = [new() { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Ide, ControllerNumber = 0, ControllerLocation = 0, Path = "/a" }],
            Checkpoints = new() { Disks = [new("/a", "/b"), new("/b", "/a"), new("/c", "/d")] },
        };
        Assert.Null(await Task.Run(() => CheckpointTree.DriveOn(machine, "/c")).WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(machine.Drives[0], CheckpointTree.DriveOn(machine, "/b"));
    }

    [Fact]
    [Requirement("IM-4")]
    public void No_folder_of_the_machine_is_led_out_of_its_folder()
    {
        var locator = new DiskLocator(_root["vm"], "/x", null, []);
        Assert.Equal(_root["vm/there"], locator.Rebase("/x/there"));
        foreach (var path in new[] { "/x/../../../etc", "/x//etc", "/x/..", "/etc", "relative", "/x/a\0b", "" })
        {
            Assert.Equal(_root["vm"], locator.Rebase(path));
        }

        // What names no file is left as it is written.
        foreach (var path in new[] { "/a/..", "/", "..", "", "/x/a\0b", "a\0b" })
        {
            Assert.False(File.Exists(locator.Locate(path)));
        }
    }

    [Fact]
    [Requirement("IM-4")]
    public void Folders_are_read_once_and_not_without_end()
    {
        Directory.CreateDirectory(_root["disks"]);
        File.WriteAllText(_root["disks/System.VHDX"], "");
        var names = new FolderNames();
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(_root["disks/System.VHDX"], names.Find(_root["disks/system.vhdx"]));
        }

        Assert.Equal(1, names.Count);
        for (var i = 0; i < FolderNames.MaximumFolders + 10; i++)
        {
            Directory.CreateDirectory(_root[$"many/{i}"]);
            Assert.Null(names.Find(_root[$"many/{i}/none"]));
        }

        Assert.Equal(FolderNames.MaximumFolders, names.Count);
        Assert.Equal(_root["disks/System.VHDX"], names.Find(_root["disks/System.VHDX"]));
    }

    [Theory]
    [InlineData("{\"path\":\"/a\\u0000b\",\"parentPath\":\"/c\"}", "null")]
    [InlineData("{\"path\":\"/a\",\"parentPath\":\"/\\u0000\"}", "null")]
    [InlineData("", "{\"checkpointId\":\"0aa394fa-7c4a-4070-ba32-773d43b28a68\",\"disks\":[{\"driveId\":\"0aa394fa-7c4a-4070-ba32-773d43b28a68\",\"path\":\"\\u0000\",\"parentPath\":\"\"}]}")]
    [Requirement("IM-3")]
    public void A_path_that_is_none_makes_a_configuration_unreadable(string disk, string work)
    {
        var text = System.Text.Json.JsonSerializer.Serialize(Machine(), ImportJson.Default.VirtualMachineConfiguration);
        var configuration = System.Text.Json.Nodes.JsonNode.Parse(text)!;
        configuration["checkpoints"] = System.Text.Json.Nodes.JsonNode.Parse($"{{\"all\":[],\"removed\":[],\"disks\":[{disk}],\"work\":{work}}}");
        var file = _root["machine.json"];
        File.WriteAllText(file, configuration.ToJsonString());
        var read = ConfigurationReader.Read(file);
        Assert.Null(read.Machine);
        Assert.Contains("makes no sense", Assert.Single(read.Notes).Message, StringComparison.Ordinal);

        configuration["checkpoints"]!.AsObject().Remove("all");
        File.WriteAllText(file, configuration.ToJsonString());
        Assert.Contains("'all'", Assert.Single(ConfigurationReader.Read(file).Notes).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("IM-3")]
    public void A_checkpoints_configuration_is_no_machines()
    {
        var file = _root["checkpoint.vmcx"];
        File.WriteAllBytes(file, BinarySettingsWriter.Write(ForeignFixtures.Tree("configuration", ForeignFixtures.Properties("1AA394FA-7C4A-4070-BA32-773D43B28A68", "then", 1, "Snapshots"))));
        var read = ConfigurationReader.Read(file);
        Assert.Null(read.Machine);
        Assert.Contains("checkpoint", Assert.Single(read.Notes).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("IM-3")]
    public async Task A_long_chain_of_checkpoints_is_looked_at_once()
    {
        var ids = Enumerable.Range(0, 50_000).Select(_ => Guid.NewGuid()).ToList();
        var machine = Machine();
        var all = ids.Select((id, i) => new CheckpointConfiguration { Id = id, Name = "one", CreationTime = DateTimeOffset.UnixEpoch, Machine = machine, ParentId = i == 0 ? null : ids[i - 1] }).ToList();
        machine = machine with { Checkpoints = new() { All = all } };
        var facts = new ImportFacts
        {
            Plan = new() { Request = new() { Path = "/x" }, Machine = machine, FinalId = machine.Id, SourceId = machine.Id, SourceFolder = "/vm", SourceSnapshots = "/vm", Made = DateTimeOffset.UnixEpoch },
            Layout = new(machine, []),
            Host = new("host", "host", 1, 1, "tcg", "1"),
            Settings = new() { VirtualHardDiskPath = "/disks", VirtualMachinePath = "/machines" },
        };

        // With a walk to the root for each of them this would not end while anybody looks.
        var found = await Task.Run(() => new CheckpointCheck().Check(facts).ToList()).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.DoesNotContain(found, one => one.Kind == Vireo.Commands.Services.IncompatibilityKind.CheckpointTreeBroken);
    }

    private static VirtualMachineConfiguration Machine() => new()
    {
        Id = Guid.NewGuid(),
        Name = "hostile",
        Generation = 1,
        CreationTime = DateTimeOffset.UnixEpoch,
        Path = "/vm",
        SnapshotFileLocation = "/vm",
        SmartPagingFilePath = "/vm",
    };
}
