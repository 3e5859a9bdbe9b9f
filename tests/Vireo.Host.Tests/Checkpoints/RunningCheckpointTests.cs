using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Host.Tests.Checkpoints;

/// <summary>
/// Checkpoints of a real guest with two disks: on IDE the one it was started from, on SCSI one for what the tests write. What it holds in memory
/// and on disk comes back, whatever dies meanwhile, and in the end one file per disk is left.
/// </summary>
public sealed class RunningCheckpointTests(RunningGuest guest) : IClassFixture<RunningGuest>, IAsyncLifetime
{
    private const string Guest = RunningGuest.Name;
    private const string Device = "/dev/vda";

    private string Disk => guest["data.vhdx"];

    public async Task InitializeAsync()
    {
        if (File.Exists(Disk))
        {
            return;
        }

        await guest.InHostAsync("New-VHD", new { Path = Disk, SizeBytes = 16 << 20 });
        await guest.InHostAsync("Add-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", Path = Disk });
        await Wait.UntilAsync("the guest to see the disk", async () => await guest.Shell.CheckAsync("ls /sys/block | grep vd || true") == "vda", TimeSpan.FromMinutes(1));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    [Requirement("CP-1")]
    [Requirement("CP-2")]
    public async Task Memory_and_disks_come_back_and_are_merged_under_the_guest()
    {
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        await client.ObjectsAsync("Set-VM", new { Name = Guest, CheckpointType = "Standard" });
        await MarkAsync("one");
        var first = Assert.Single(await client.ObjectsAsync("Checkpoint-VM", new { Name = Guest, SnapshotName = "first", Passthru = true }));
        Assert.Equal("Saved", (string?)first["State"]);
        await MarkAsync("two");
        await client.ObjectsAsync("Checkpoint-VM", new { Name = Guest, SnapshotName = "second" });
        await MarkAsync("three");

        var drives = (await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest })).ConvertAll(drive => (string)drive["Path"]!);
        Assert.All(drives, path => Assert.EndsWith(".avhdx", path, StringComparison.Ordinal));
        var tree = await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest });
        Assert.Equal([null, "first"], tree.ConvertAll(one => (string?)one["ParentSnapshotName"]));
        Assert.Equal("second", (string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = Guest }))["ParentSnapshotName"]);

        // Applied while it runs: it goes on where it was then.
        await client.ObjectsAsync("Restore-VMSnapshot", new { VMName = Guest, Name = "first" }, confirm: false);
        await guest.ReopenShellAsync();
        await ExpectAsync("one");
        Assert.Equal("Running", (string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = Guest }))["State"]);
        await MarkAsync("four");

        // The other branch is nobody's any more; what the guest holds now stays.
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest, Name = "second" });
        await MergedAsync(client);
        Assert.Equal(2, Directory.GetFiles(guest[""], "data*").Length);
        await client.ObjectsAsync("Rename-VMSnapshot", new { VMName = Guest, Name = "first", NewName = "only" });
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest, Name = "only" });
        await ExpectAsync("four");
        await CleanAsync(client);
        await ExpectAsync("four");
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.checkpoint.intended", 0)]
    [InlineData("machine.still", 0)]
    [InlineData("host.checkpoint.disk:2", 0)]
    [Requirement("CP-1")]
    [Requirement("VM-10")]
    public Task A_host_that_dies_while_it_takes_a_checkpoint_leaves_one_or_none_at_every_step(string point, int expected) => A_host_that_dies_while_it_takes_a_checkpoint_leaves_one_or_none(point, expected);

    [Theory]
    [InlineData("machine.still.written", 0)]
    [InlineData("host.checkpoint.disk", 0)]
    [InlineData("host.checkpoint.taken", 1)]
    [Requirement("CP-1")]
    [Requirement("VM-10")]
    public async Task A_host_that_dies_while_it_takes_a_checkpoint_leaves_one_or_none(string point, int expected)
    {
        await guest.InHostAsync("Set-VM", new { Name = Guest, CheckpointType = "Standard" });
        await MarkAsync("before");
        await guest.CrashAsync(point, "Checkpoint-VM", new { Name = Guest });
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        Assert.Equal(expected, (await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest })).Count);
        Assert.Equal("Running", (string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = Guest }))["State"]);
        await ExpectAsync("before");
        await MarkAsync("after");
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest });
        await CleanAsync(client);
        await ExpectAsync("after");
    }

    [Theory]
    [InlineData("host.checkpoint.frozen", 0)]
    [InlineData("host.checkpoint.taken", 1)]
    [Requirement("CP-1")]
    [Requirement("VM-8")]
    public async Task A_host_that_dies_while_the_guest_is_frozen_lets_it_go_on(string point, int expected)
    {
        await using (var host = await guest.StartHostAsync())
        {
            using var first = guest.Client();
            await first.ObjectsAsync("Wait-VM", new { Name = Guest, For = "Heartbeat", Timeout = 120 });
            await first.ObjectsAsync("Set-VM", new { Name = Guest, CheckpointType = "ProductionOnly" });
        }

        await guest.Shell.CheckAsync($"mkfs.ext2 -q {Device} 2>/dev/null || mke2fs -q {Device}; mkdir -p /mnt/data && mount {Device} /mnt/data");
        await guest.CrashAsync(point, "Checkpoint-VM", new { Name = Guest }, waitForHeartbeat: true);
        await using var again = await guest.StartHostAsync();
        using var client = guest.Client();
        await guest.Shell.CheckAsync("echo on >/mnt/data/file && sync && umount /mnt/data");
        Assert.Equal(expected, (await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest })).Count);
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest });
        await CleanAsync(client);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.checkpoint.removed")]
    [InlineData("host.merge.settled")]
    [InlineData("host.merge.intended:2")]
    [InlineData("host.merge.settled:2")]
    [Requirement("CP-2")]
    [Requirement("CP-3")]
    public Task A_host_that_dies_while_disks_are_merged_goes_on_with_it_at_every_step(string point) => A_host_that_dies_while_disks_are_merged_goes_on_with_it(point);

    [Theory]
    [InlineData("host.merge.intended")]
    [InlineData("host.merge.merged")]
    [Requirement("CP-2")]
    [Requirement("CP-3")]
    public async Task A_host_that_dies_while_disks_are_merged_goes_on_with_it(string point)
    {
        await guest.InHostAsync("Set-VM", new { Name = Guest, CheckpointType = "Standard" });
        await MarkAsync("kept");
        await guest.InHostAsync("Checkpoint-VM", new { Name = Guest });
        await MarkAsync("newer");
        await guest.CrashAsync(point, "Remove-VMSnapshot", new { VMName = Guest });
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        Assert.Empty(await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest }));
        await CleanAsync(client);
        await ExpectAsync("newer");
        await MarkAsync("newest");
        await ExpectAsync("newest");
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.apply.intended", false)]
    [InlineData("host.apply.disks", false)]
    [InlineData("host.apply.files", false)]
    [Requirement("CP-1")]
    [Requirement("VM-10")]
    public Task A_host_that_dies_while_it_applies_a_checkpoint_has_applied_it_or_not_at_every_step(string point, bool applied) => A_host_that_dies_while_it_applies_a_checkpoint_has_applied_it_or_not(point, applied);

    [Theory]
    [InlineData("host.apply.applied", true)]
    [Requirement("CP-1")]
    [Requirement("VM-10")]
    public async Task A_host_that_dies_while_it_applies_a_checkpoint_has_applied_it_or_not(string point, bool applied)
    {
        await guest.InHostAsync("Set-VM", new { Name = Guest, CheckpointType = "Standard" });
        await MarkAsync("then");
        await guest.InHostAsync("Checkpoint-VM", new { Name = Guest, SnapshotName = "then" });
        await MarkAsync("now");
        var before = await DrivesAsync();
        await guest.CrashAsync(point, "Restore-VMSnapshot", new { VMName = Guest, Name = "then" }, confirm: false);

        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        Assert.Equal(applied ? "Saved" : "Off", (string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = Guest }))["State"]);
        if (!applied)
        {
            Assert.Equal(before, (await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest })).ConvertAll(drive => (string)drive["Path"]!));
            Assert.Equal(2, Directory.GetFiles(guest[""], "*.avhdx").Length);
            await client.ObjectsAsync("Restore-VMSnapshot", new { VMName = Guest, Name = "then" }, confirm: false);
        }

        await client.ObjectsAsync("Start-VM", new { Name = Guest });
        await guest.ReopenShellAsync();
        await ExpectAsync("then");
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest });
        await CleanAsync(client);
        await ExpectAsync("then");
    }

    [Fact]
    [Requirement("CP-1")]
    [Requirement("VM-8")]
    public async Task A_production_checkpoint_freezes_the_guest_or_keeps_its_memory()
    {
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        await client.ObjectsAsync("Wait-VM", new { Name = Guest, For = "Heartbeat", Timeout = 120 });
        await guest.Shell.CheckAsync($"mkfs.ext2 -q {Device} 2>/dev/null || mke2fs -q {Device}; mkdir -p /mnt/data && mount {Device} /mnt/data && echo kept >/mnt/data/file");
        await client.ObjectsAsync("Set-VM", new { Name = Guest, CheckpointType = "ProductionOnly" });
        var frozen = Assert.Single(await client.ObjectsAsync("Checkpoint-VM", new { Name = Guest, Passthru = true }));
        Assert.True((bool)frozen["IsApplicationConsistent"]!);
        Assert.Equal("Off", (string?)frozen["State"]);

        // It writes again, and what it had not written out itself was written out by the freeze.
        await guest.Shell.CheckAsync("echo later >/mnt/data/file && sync && umount /mnt/data");
        var then = (await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest }))[0]["HardDrives"]!.AsArray().Select(drive => (string)drive!["Path"]!).Single(path => path.Contains("data", StringComparison.Ordinal));
        Peer.Run("qemu-img", "convert", "-U", "-f", "vhdx", "-O", "raw", then, guest["then.raw"]);
        Assert.Equal("kept", Peer.Run("debugfs", "-R", "cat file", guest["then.raw"]).Trim());

        // Without an agent that may be asked there is none, or a standard one.
        await client.ObjectsAsync("Set-VM", new { Name = Guest, CheckpointType = "Disabled" });
        Assert.Equal("InvalidState", (string?)(await client.ErrorAsync("Checkpoint-VM", new { Name = Guest }))["errorId"]);
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest });
        await CleanAsync(client);
    }

    [Fact]
    [Requirement("SM-1")]
    [Requirement("CP-1")]
    public async Task The_storage_of_a_running_guest_moves_while_it_writes_and_its_checkpoint_moves_along()
    {
        using var elsewhere = new TempFolder();
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        await client.ObjectsAsync("Set-VM", new { Name = Guest, CheckpointType = "Standard" });
        var folder = (string)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = Guest }))["Path"]!;
        await MarkAsync("then");
        await client.ObjectsAsync("Checkpoint-VM", new { Name = Guest, SnapshotName = "then" });
        await MarkAsync("now");
        await guest.Shell.CheckAsync($"(i=0; while [ -f /run/mark ]; do i=$((i+1)); printf '%-512s' $i | dd of={Device} bs=512 seek=$((i%8192+1)) conv=notrunc,fsync 2>/dev/null; echo $i >/run/count.new; mv /run/count.new /run/count; done) >/dev/null 2>&1 & echo $! >/run/writer; until [ -e /run/count ]; do usleep 50000; done");
        await client.ObjectsAsync("Move-VMStorage", new { Name = Guest, DestinationStoragePath = elsewhere["all"] });
        await guest.Shell.CheckAsync("n=$(cat /run/count); while [ $(cat /run/count) -lt $((n+3)) ]; do sleep 0.1; done; kill $(cat /run/writer); sync");
        await ExpectAsync("now");

        // Each of the last writes is where it was put, also those that were made during the move; and nothing stayed.
        await guest.Shell.CheckAsync(
            $"echo 3 >/proc/sys/vm/drop_caches; i=$(cat /run/count); for n in 1 2 3 4 5 6 7 8; do [ $i -lt 1 ] || [ $(dd if={Device} bs=512 skip=$((i%8192+1)) count=1 2>/dev/null | tr -d ' ') = $i ] || exit 1; i=$((i-1)); done");
        Assert.Empty(Directory.GetFiles(guest[""], "*.*vhdx"));
        Assert.All(await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest }), drive => Assert.StartsWith(elsewhere["all"], (string)drive["Path"]!, StringComparison.Ordinal));

        // Back, disk by disk, and to the moment of the checkpoint.
        var disks = Directory.GetFiles(elsewhere["all/Virtual Hard Disks"], "*.vhdx");
        await client.ObjectsAsync("Move-VMStorage", new
        {
            Name = Guest,
            VirtualMachinePath = folder,
            SnapshotFilePath = folder,
            SmartPagingFilePath = folder,
            Vhds = disks.Select(path => new { SourceFilePath = path, DestinationFilePath = guest[Path.GetFileName(path)] }),
        });
        Assert.False(Directory.Exists(elsewhere["all"]));
        await ExpectAsync("now");
        await client.ObjectsAsync("Restore-VMSnapshot", new { VMName = Guest, Name = "then" }, confirm: false);
        await guest.ReopenShellAsync();
        await ExpectAsync("then");
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Guest });
        await CleanAsync(client);
        await ExpectAsync("then");
    }

    [Fact]
    [Requirement("IM-1")]
    public async Task A_running_guest_is_exported_and_its_copy_goes_on_where_it_was()
    {
        using var elsewhere = new TempFolder();
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        await MarkAsync("exported");
        await client.ObjectsAsync("Export-VM", new { Name = Guest, Path = elsewhere["whole"] });
        await MarkAsync("later");
        Assert.Empty(await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest }));
        await client.ObjectsAsync("Export-VM", new { Name = Guest, Path = elsewhere["disks"], CaptureLiveState = "CaptureCrashConsistentState" });
        Assert.Empty(Directory.GetFiles(elsewhere["disks"], "*.state", SearchOption.AllDirectories));
        await CleanAsync(client);
        await ExpectAsync("later");

        var copy = Assert.Single(await client.ObjectsAsync("Import-VM", new { Path = elsewhere["whole"], Copy = true, GenerateNewId = true, VirtualMachinePath = elsewhere["copy"], VhdDestinationPath = elsewhere["copy"] }));
        Assert.Equal("Saved", (string?)copy["State"]);
        await client.ObjectsAsync("Start-VM", new { VM = copy });
        await using (var shell = await SerialShell.OpenAsync(guest[$"run/m/{Guid.Parse((string)copy["Id"]!):N}/com1"], logPath: null))
        {
            Assert.Equal("exported", await shell.CheckAsync("cat /run/mark"));
            Assert.Equal("exported", await shell.CheckAsync($"echo 3 >/proc/sys/vm/drop_caches; dd if={Device} bs=512 count=1 iflag=direct 2>/dev/null | tr -d ' '"));
        }

        await ExpectAsync("later");
        await client.ObjectsAsync("Stop-VM", new { VM = copy, TurnOff = true });
        await client.ObjectsAsync("Remove-VM", new { VM = copy, Force = true });
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.export.taken")]
    [InlineData("host.export.copied")]
    [Requirement("IM-1")]
    [Requirement("IM-4")]
    public async Task A_host_that_dies_while_it_exports_leaves_the_guest_as_it_was(string point)
    {
        using var elsewhere = new TempFolder();
        await MarkAsync("before");
        await guest.CrashAsync(point, "Export-VM", new { Name = Guest, Path = elsewhere["out"] });
        await using var host = await guest.StartHostAsync();
        using var client = guest.Client();
        Assert.Empty(await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Guest }));
        Assert.Empty(Directory.GetFileSystemEntries(elsewhere["out"]));
        await CleanAsync(client);
        await ExpectAsync("before");
    }

    private async Task<List<string>> DrivesAsync() => (await guest.InHostAsync("Get-VMHardDiskDrive", new { VMName = Guest })).ConvertAll(drive => (string)drive["Path"]!);

    private async Task MarkAsync(string text)
    {
        await guest.Shell.CheckAsync($"echo {text} >/run/mark; printf '%-512s' {text} | dd of={Device} bs=512 count=1 conv=fsync 2>/dev/null");
    }

    private async Task ExpectAsync(string text)
    {
        Assert.Equal(text, await guest.Shell.CheckAsync("cat /run/mark"));
        Assert.Equal(text, await guest.Shell.CheckAsync($"echo 3 >/proc/sys/vm/drop_caches; dd if={Device} bs=512 count=1 iflag=direct 2>/dev/null | tr -d ' '"));
    }

    private static Task MergedAsync(HostClient client) => Wait.UntilAsync(
        "the disks to be merged",
        async () => (string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name = Guest }))["Status"] == "Operating normally", TimeSpan.FromMinutes(2));

    // Nothing is left of checkpoints: not in the configuration, not beside the disks, not in the folder of states.
    private async Task CleanAsync(HostClient client)
    {
        await MergedAsync(client);
        var drives = (await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest })).ConvertAll(drive => (string)drive["Path"]!);
        Assert.True(drives.Order(StringComparer.Ordinal).SequenceEqual([Disk, guest["guest.vhdx"]]), string.Join(", ", drives));
        Assert.Empty(Directory.GetFiles(guest[""], "*.avhdx", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetFiles(guest[""], "*.state*", SearchOption.AllDirectories));
    }
}
