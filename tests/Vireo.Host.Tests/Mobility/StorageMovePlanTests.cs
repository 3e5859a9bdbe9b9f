using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.Mobility;
using Vireo.Host.Transfers;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>Where each file of a machine goes: its disk with a checkpoint, and a second one made from somebody else's template.</summary>
[Requirement("SM-1")]
public sealed class StorageMovePlanTests
{
    private static readonly Guid s_checkpoint = Guid.NewGuid();
    private static readonly VirtualMachineConfiguration s_machine = Machine();

    private static readonly ChainImage[] s_images =
    [
        new("/a/web.vhdx", null, 10), new("/a/web_1.avhdx", "/a/web.vhdx", 1), new("/templates/base.vhdx", null, 100), new("/b/data.vhdx", "/templates/base.vhdx", 5),
    ];

    [Fact]
    public void Everything_goes_into_one_folder_and_chains_stay_chains()
    {
        var plan = Plan(new StorageMoveRequest { DestinationPath = "/new" }, isRunning: false);
        Assert.Equal(
            ["/new/Virtual Hard Disks/web.vhdx", "/new/Virtual Hard Disks/web_1.avhdx", "/new/Virtual Hard Disks/base.vhdx", "/new/Virtual Hard Disks/data.vhdx"],
            plan.Record.Images.Select(image => image.Target));
        var after = StorageMovePlan.Apply(s_machine, plan.Record, isRunning: false);
        Assert.Equal(("/new", "/new", "/new", null), (after.Path, after.SnapshotFileLocation, after.SmartPagingFilePath, after.FirmwarePath));
        Assert.Equal(["/new/Virtual Hard Disks/web_1.avhdx", "/new/Virtual Hard Disks/data.vhdx"], after.Drives.Select(drive => drive.Path));
        Assert.Equal(("/new/Virtual Hard Disks/web_1.avhdx", "/new/Virtual Hard Disks/web.vhdx"), after.Checkpoints.Disks.Select(disk => (disk.Path, disk.ParentPath)).Single());
        Assert.Equal("/new/Virtual Hard Disks/web.vhdx", after.Checkpoints.All[0].Machine.Drives[0].Path);

        // The template is somebody else's.
        Assert.Equal(["/b/data.vhdx", "/a/web_1.avhdx", "/a/web.vhdx"], plan.Record.SourceImages);
        Assert.Contains($"/m/Virtual Machines/{s_machine.Id:D}.json", plan.Record.SourceFiles);
        Assert.Contains(($"/s/Snapshots/{s_checkpoint:D}.state", $"/new/Snapshots/{s_checkpoint:D}.state"), plan.Files);
        Assert.Contains(($"/m/Virtual Machines/{s_machine.Id:D}.nvram", $"/new/Virtual Machines/{s_machine.Id:D}.nvram"), plan.Files);
        Assert.Contains("/templates/base.vhdx", Plan(new StorageMoveRequest { DestinationPath = "/new", RemoveUnmanaged = true }, false).Record.SourceImages);
        Assert.Empty(Plan(new StorageMoveRequest { DestinationPath = "/new", RetainSources = true }, false).Record.SourceImages);
        Assert.Empty(plan.Record.Live);
    }

    [Fact]
    public void What_a_running_process_has_open_stays_until_it_ends()
    {
        var plan = Plan(new StorageMoveRequest { DestinationPath = "/new" }, isRunning: true);
        Assert.Equal(["/a/web_1.avhdx", "/b/data.vhdx"], plan.Record.Live.Select(live => live.Source));
        var after = StorageMovePlan.Apply(s_machine, plan.Record, isRunning: true);
        Assert.Equal(("/new", "/m"), (after.Path, after.FirmwarePath));
        Assert.DoesNotContain(plan.Files, file => file.Source.EndsWith(".nvram", StringComparison.Ordinal) && file.Source.StartsWith("/m/", StringComparison.Ordinal));

        // Moved on, and back to where the files are.
        var further = StorageMovePlan.Apply(after, plan.Record with { Path = "/third" }, isRunning: true);
        Assert.Equal(("/third", "/m"), (further.Path, further.FirmwarePath));
        Assert.Null(StorageMovePlan.Apply(further, plan.Record with { Path = "/m" }, isRunning: true).FirmwarePath);
    }

    [Fact]
    public void A_disk_goes_alone_and_takes_what_its_checkpoints_made_along()
    {
        var plan = Plan(new StorageMoveRequest { Disks = new Dictionary<string, string> { ["/a/web.vhdx"] = "/fast/system.vhdx" } }, isRunning: true);
        Assert.Equal([new ImageMove("/a/web.vhdx", "/fast/system.vhdx"), new ImageMove("/a/web_1.avhdx", "/fast/web_1.avhdx")], plan.Record.Images);
        Assert.Equal("/a/web_1.avhdx", Assert.Single(plan.Record.Live).Source);
        var after = StorageMovePlan.Apply(s_machine, plan.Record, isRunning: true);
        Assert.Equal(("/m", "/s", "/b/data.vhdx"), (after.Path, after.SnapshotFileLocation, after.Drives[1].Path));
        Assert.Empty(plan.Files);
        Assert.Empty(plan.Record.SourceFiles);

        // Only its newest part: what it stands on stays.
        var leaf = Plan(new StorageMoveRequest { Disks = new Dictionary<string, string> { ["/a/web_1.avhdx"] = "/fast/web_1.avhdx" } }, isRunning: true);
        Assert.Equal([new ImageMove("/a/web_1.avhdx", "/fast/web_1.avhdx")], leaf.Record.Images);
        Assert.Equal("/a/web.vhdx", StorageMovePlan.Apply(s_machine, leaf.Record, isRunning: true).Checkpoints.Disks[0].ParentPath);
    }

    [Fact]
    public void A_move_that_came_half_way_names_each_disk_where_it_is()
    {
        var record = Plan(new StorageMoveRequest { DestinationPath = "/new" }, isRunning: true).Record;
        var after = StorageMovePlan.ApplyPart(s_machine, record, [record.Live[0]]);
        Assert.Equal(["/new/Virtual Hard Disks/web_1.avhdx", "/b/data.vhdx"], after.Drives.Select(drive => drive.Path));
        Assert.Equal("/new/Virtual Hard Disks/web.vhdx", after.Checkpoints.Disks[0].ParentPath);
        Assert.Equal("/a/web.vhdx", after.Checkpoints.All[0].Machine.Drives[0].Path);
        Assert.Equal(("/m", record.Id), (after.Path, after.LastMove));
    }

    [Theory]
    [InlineData("/a/web.vhdx", "/fast/web.vhd")]
    [InlineData("/a/web.vhdx", "/b/data.vhdx")]
    [InlineData("/nobodys.vhdx", "/fast/a.vhdx")]
    public void What_makes_no_sense_is_refused(string source, string target)
    {
        var disks = new Dictionary<string, string> { [source] = target, ["/b/data.vhdx"] = "/b/data.vhdx" };
        Assert.Equal("InvalidParameter", Assert.Throws<CommandException>(() => Plan(new StorageMoveRequest { Disks = disks }, isRunning: false)).ErrorId);
    }

    [Fact]
    public void Who_is_there_already_has_nothing_to_do()
    {
        var plan = Plan(new StorageMoveRequest { VirtualMachinePath = "/m", Disks = new Dictionary<string, string> { ["/a/web.vhdx"] = "/a/web.vhdx" } }, isRunning: false);
        Assert.True(plan.IsEmpty(s_machine));
    }

    private static StorageMovePlan Plan(StorageMoveRequest request, bool isRunning) => StorageMovePlan.Of(s_machine, s_images, request, isRunning, Guid.NewGuid());

    private static VirtualMachineConfiguration Machine()
    {
        var machine = new VirtualMachineConfiguration
        {
            Id = Guid.NewGuid(),
            Name = "web",
            Generation = 2,
            CreationTime = default,
            Path = "/m",
            SnapshotFileLocation = "/s",
            SmartPagingFilePath = "/m",
            Drives = [Drive(0, "/a/web.vhdx"), Drive(1, "/b/data.vhdx")],
        };
        return machine with
        {
            Drives = [machine.Drives[0] with { Path = "/a/web_1.avhdx" }, machine.Drives[1]],
            Checkpoints = new()
            {
                All = [new() { Id = s_checkpoint, Name = "then", CreationTime = default, HasState = true, Machine = machine }],
                CurrentId = s_checkpoint,
                Disks = [new("/a/web_1.avhdx", "/a/web.vhdx")],
            },
        };
    }

    private static DriveConfiguration Drive(int place, string path) =>
        new() { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = place, Path = path };
}
