using System.Text;
using System.Text.Json.Nodes;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>
/// A running machine's devices change. The host dies at each step of the change, or the change fails half-way: afterwards what commands say,
/// what QEMU has and what the guest sees are the same.
/// </summary>
public sealed class LiveChangeTests(RunningGuest guest) : IClassFixture<RunningGuest>
{
    private const string Guest = RunningGuest.Name;

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("machine.medium.removed")]
    [InlineData("machine.medium.changed")]
    [InlineData("live.medium.ejected")]
    [InlineData("machine.medium.reached")]
    [InlineData("machine.medium.changed:2")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public Task A_change_of_the_disk_in_a_DVD_drive_is_finished_at_every_step(string point) => A_change_of_the_disk_in_a_DVD_drive_is_finished(point);

    [Theory]
    [InlineData("host.change.stored")]
    [InlineData("live.medium.opened")]
    [InlineData("machine.medium.removed:2")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public async Task A_change_of_the_disk_in_a_DVD_drive_is_finished(string point)
    {
        await guest.InHostAsync("Set-VMDvdDrive", new { VMName = Guest, Path = Disc("first") });
        Assert.Equal("first", await ReadDiscAsync());
        await guest.CrashAsync(point, "Set-VMDvdDrive", new { VMName = Guest, Path = Disc("second") });
        var drive = Assert.Single(await guest.InHostAsync("Get-VMDvdDrive", new { VMName = Guest }));
        Assert.Equal(Disc("second"), (string?)drive["Path"]);
        Assert.Equal("second", await ReadDiscAsync());
        Assert.Equal(2, await CountNodesAsync());
    }

    [Fact]
    [Requirement("VM-5")]
    [Requirement("VM-11")]
    public async Task A_disk_that_cannot_be_read_leaves_the_present_one_in_the_drive()
    {
        await guest.InHostAsync("Set-VMDvdDrive", new { VMName = Guest, Path = Disc("first") });
        var damaged = guest["damaged.vhdx"];
        await File.WriteAllBytesAsync(damaged, [.. "vhdxfile"u8, .. new byte[1 << 20]]);
        await using (await guest.StartHostAsync())
        {
            using var client = guest.Client();
            var error = await client.ErrorAsync("Set-VMDvdDrive", new { VMName = Guest, Path = damaged });
            Assert.Contains(damaged, (string)error["message"]!, StringComparison.Ordinal);
            var drive = Assert.Single(await client.ObjectsAsync("Get-VMDvdDrive", new { VMName = Guest }));
            Assert.Equal(Disc("first"), (string?)drive["Path"]);
        }

        Assert.Equal("first", await ReadDiscAsync());
        Assert.Equal(2, await CountNodesAsync());
    }

    [Fact]
    [Requirement("CP-2")]
    [Requirement("VM-10")]
    public async Task A_disk_that_the_plane_moved_under_the_guest_is_the_machines_after_the_next_start()
    {
        var plane = new StorageControlClient(guest["run/storage.sock"]);
        var disk = Assert.Single(await plane.ListDisksAsync(), disk => disk.Attachment.Path == guest["guest.vhdx"]).Attachment;
        await plane.SnapshotAsync(disk.Id, new TakeSnapshot(guest["moved.avhdx"]));
        await guest.Shell.CheckAsync("echo moved > /root/moved; sync");
        Assert.Equal([guest["moved.avhdx"]], await PathsAsync());
        Assert.Equal("moved", (await guest.Shell.CheckAsync("cat /root/moved")).Trim());

        // And back.
        await plane.StartMergeAsync(disk.Id, new StartMerge(guest["moved.avhdx"]));
        await Wait.UntilAsync("the merge to end", async () => (await plane.GetCopyAsync(disk.Id, CopyKind.Merge)).Phase == CopyPhase.Completed, TimeSpan.FromSeconds(120));
        Assert.Equal([guest["guest.vhdx"]], await PathsAsync());
        Assert.Equal("moved", (await guest.Shell.CheckAsync("cat /root/moved")).Trim());

        async Task<IEnumerable<string?>> PathsAsync() =>
            (await guest.InHostAsync("Get-VMHardDiskDrive", new { VMName = Guest })).Select(drive => (string?)drive["Path"]).Where(path => path?.Contains("vhdx", StringComparison.Ordinal) == true);
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task The_disk_of_a_running_machine_is_not_mounted_into_the_host()
    {
        await using (await guest.StartHostAsync())
        {
            using var client = guest.Client();
            foreach (var readOnly in new[] { false, true })
            {
                var error = await client.ErrorAsync("Mount-VHD", new { Path = guest["guest.vhdx"], ReadOnly = readOnly });
                Assert.Equal("ObjectInUse", (string?)error["errorId"]);
                Assert.Contains($"'{Guest}'", (string?)error["message"], StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.change.stored")]
    [InlineData("machine.drive.reached")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public Task Adding_a_disk_is_finished_at_every_step(string point) => Adding_a_disk_is_finished(point);

    [Theory]
    [InlineData("live.drive.opened")]
    [InlineData("machine.drive.plugged")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public async Task Adding_a_disk_is_finished(string point)
    {
        var disk = await NewDiskAsync();
        await guest.CrashAsync(point, "Add-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", Path = disk });
        var drive = Assert.Single(await guest.InHostAsync("Get-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI" }));
        Assert.Equal(disk, (string?)drive["Path"]);
        Assert.Equal(1, await CountDisksAsync());
        await Wait.UntilAsync("the guest to see the disk", async () => await GuestDisksAsync() == "vda", TimeSpan.FromMinutes(1));
        Assert.Equal("32768", await guest.Shell.CheckAsync("dd if=/dev/zero of=/dev/vda bs=1M count=1 conv=fsync 2>/dev/null; cat /sys/block/vda/size"));

        await guest.InHostAsync("Remove-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 0 });
        await AssertNoDiskAsync();
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public async Task A_guest_has_a_physical_disk_of_the_host_as_it_is_and_nobody_else_has_it_meanwhile()
    {
        using var disk = new LoopDisk(guest["physical"], 16 << 20);
        await guest.CrashAsync("live.drive.opened", "Add-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", DiskNumber = disk.Number });
        Assert.Equal(disk.Number, (uint)Assert.Single(await guest.InHostAsync("Get-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI" }))["DiskNumber"]!);
        await Wait.UntilAsync("the guest to see the disk", async () => await GuestDisksAsync() == "vda", TimeSpan.FromMinutes(1));
        Assert.Equal("32768", await guest.Shell.CheckAsync("echo of the guest > /dev/vda; sync; cat /sys/block/vda/size"));
        var busy = await Assert.ThrowsAnyAsync<Exception>(() => Task.Run(() => Peer.Run("mkfs.ext4", "-q", disk.Device)));
        Assert.Contains("in use", busy.Message, StringComparison.Ordinal);
        await using (await guest.StartHostAsync())
        {
            using var client = guest.Client();
            var drive = Assert.Single(await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI" }));
            Assert.Equal((disk.Device, disk.Number), ((string?)drive["Path"], (uint)drive["DiskNumber"]!));
            foreach (var (command, parameters) in new (string, object)[]
                { ("Checkpoint-VM", new { Name = Guest }), ("Export-VM", new { Name = Guest, Path = guest["exports"] }), ("Move-VMStorage", new { VMName = Guest, DestinationStoragePath = guest["moved"] }) })
            {
                var refused = await client.ErrorAsync(command, parameters);
                Assert.Equal("InvalidState", (string?)refused["errorId"]);
                Assert.Contains("physical disk", (string)refused["message"]!, StringComparison.Ordinal);
            }

            await client.ObjectsAsync("Remove-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 0 });
        }

        await AssertNoDiskAsync();
        Assert.StartsWith("of the guest", Encoding.ASCII.GetString(await File.ReadAllBytesAsync(disk.File)), StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.change.stored")]
    [InlineData("live.drive.removed")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public Task Removing_a_disk_is_finished_at_every_step(string point) => Removing_a_disk_is_finished(point);

    [Theory]
    [InlineData("machine.drive.unplugged")]
    [Requirement("VM-5")]
    [Requirement("VM-10")]
    public async Task Removing_a_disk_is_finished(string point)
    {
        await guest.InHostAsync("Add-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", Path = await NewDiskAsync() });
        await Wait.UntilAsync("the guest to see the disk", async () => await GuestDisksAsync() == "vda", TimeSpan.FromMinutes(1));
        await guest.CrashAsync(point, "Remove-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 0 });
        await AssertNoDiskAsync();
    }

    [Fact]
    [Requirement("VM-5")]
    [Trait("Category", "Long")]
    public async Task A_guest_that_lets_go_of_a_disk_late_loses_it()
    {
        await guest.InHostAsync("Add-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", Path = await NewDiskAsync() });
        await Wait.UntilAsync("the guest to see the disk", async () => await GuestDisksAsync() == "vda", TimeSpan.FromMinutes(1));
        await using (await guest.StartHostAsync())
        {
            // A guest that stands still answers nobody: the command gives up, and the disk stays for the time being.
            using var client = guest.Client();
            await client.ObjectsAsync("Suspend-VM", new { Name = Guest });
            var error = await client.ErrorAsync("Remove-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 0 });
            Assert.Contains("let go", (string)error["message"]!, StringComparison.Ordinal);
            Assert.Single(await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest, ControllerType = "SCSI" }));
            await client.ObjectsAsync("Resume-VM", new { Name = Guest });
            await Wait.UntilAsync(
                "the disk to be removed once the guest lets go",
                async () => (await client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = Guest })).Count == 1, TimeSpan.FromMinutes(1));
        }

        await AssertNoDiskAsync();
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("host.change.stored")]
    [Requirement("VM-10")]
    public Task Connecting_an_adapter_is_finished_at_every_step(string point) => Connecting_an_adapter_is_finished(point);

    [Theory]
    [InlineData("live.port.put")]
    [InlineData("machine.link.set:2")] // The first is the host's own, at its start.
    [Requirement("VM-10")]
    public async Task Connecting_an_adapter_is_finished(string point)
    {
        await guest.InHostAsync("Disconnect-VMNetworkAdapter", new { VMName = Guest });
        await WaitForCarrierAsync("0");
        await guest.CrashAsync(point, "Connect-VMNetworkAdapter", new { VMName = Guest, SwitchName = "lan" });
        var adapter = Assert.Single(await guest.InHostAsync("Get-VMNetworkAdapter", new { VMName = Guest }));
        Assert.Equal("lan", (string?)adapter["SwitchName"]);
        await WaitForCarrierAsync("1");
    }

    private string Disc(string name)
    {
        var path = guest[$"{name}.iso"];
        if (!File.Exists(path))
        {
            var content = new byte[1 << 20];
            Encoding.ASCII.GetBytes(name).CopyTo(content, 0);
            File.WriteAllBytes(path, content);
        }

        return path;
    }

    private async Task<string> NewDiskAsync()
    {
        var path = guest[$"{Guid.NewGuid():N}.vhdx"];
        await guest.InHostAsync("New-VHD", new { Path = path, SizeBytes = 16 << 20 });
        return path;
    }

    private async Task AssertNoDiskAsync()
    {
        Assert.Single(await guest.InHostAsync("Get-VMHardDiskDrive", new { VMName = Guest }));
        Assert.Equal(0, await CountDisksAsync());
        Assert.Equal("", await GuestDisksAsync());
    }

    private Task<string> GuestDisksAsync() => guest.Shell.CheckAsync("ls /sys/block | grep vd || true");

    // The kernel notices another disk when the device is opened.
    private Task<string> ReadDiscAsync() => guest.Shell.CheckAsync("n=0; until dd if=/dev/sr0 bs=2048 count=1 2>/dev/null > /tmp/disc && [ -s /tmp/disc ]; do n=$((n+1)); [ $n -lt 50 ] || exit 1; usleep 100000; done; tr -d '\\000' < /tmp/disc");

    private Task WaitForCarrierAsync(string carrier) => Wait.UntilAsync(
        $"the guest's carrier to be {carrier}",
        async () => await guest.Shell.CheckAsync("ip link set eth0 up; cat /sys/class/net/eth0/carrier") == carrier, TimeSpan.FromMinutes(1));

    private async Task<int> CountDisksAsync()
    {
        var devices = await guest.AskQemuAsync("qom-list", new JsonObject { ["path"] = "/machine/peripheral" });
        return devices.EnumerateArray().Count(device => device.GetProperty("type").GetString()!.Contains("-blk-pci", StringComparison.Ordinal));
    }

    private async Task<int> CountNodesAsync()
    {
        var nodes = await guest.AskQemuAsync("query-named-block-nodes", new JsonObject { ["flat"] = true });
        return nodes.GetArrayLength();
    }
}
