using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Virtual hard disks as block devices of this computer: real devices, partitioned, formatted, mounted and read back by others.</summary>
public sealed class MountTests : IAsyncLifetime
{
    private const long Size = 64 << 20;
    private const long PartitionStart = 1 << 20;
    private readonly TempFolder _root = new();
    private PlaneProcess _storage = null!;
    private PlaneProcess _host = null!;
    private HostClient _client = null!;

    public async Task InitializeAsync()
    {
        _storage = await PlaneProcess.StartAsync("storage", _root.Path);
        _host = await PlaneProcess.StartAsync("host", _root.Path);
        _client = new HostClient(_root.Path);
    }

    public async Task DisposeAsync()
    {
        foreach (var disk in Loops())
        {
            Peer.TryRun("losetup", "--detach", disk);
        }

        foreach (var holder in Holders())
        {
            Peer.TryRun("kill", holder);
        }

        await Wait.UntilAsync("what a failed test left to go", () => Loops().Count == 0 && Holders().Count == 0, TimeSpan.FromSeconds(60));
        _client.Dispose();
        await _host.DisposeAsync();
        await _storage.DisposeAsync();
        _root.Dispose();
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task A_disk_is_partitioned_formatted_and_written_as_a_block_device_and_read_by_others()
    {
        var disk = _root["data.vhdx"];
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        var records = await _client.RunAsync("Mount-VHD", new { Path = disk, Passthru = true }, verbose: true);
        var mounted = Assert.Single(records, record => (string?)record["record"] == "object")["value"]!;
        var device = (string)mounted["DevicePath"]!;
        Assert.StartsWith("/dev/", device, StringComparison.Ordinal);
        Assert.True((bool)mounted["Attached"]!);
        Assert.Contains(records, record => (string?)record["record"] == "verbose" && ((string)record["message"]!).Contains($"{device}', disk number {mounted["DiskNumber"]}: {(device.StartsWith("/dev/nbd", StringComparison.Ordinal) ? "the kernel's NBD client" : "a loop device")}", StringComparison.Ordinal));
        Assert.Equal(disk, (string?)Assert.Single(await _client.ObjectsAsync("Get-VHD", new { DiskNumber = (uint)mounted["DiskNumber"]! }))["Path"]);

        // A partition table, and a file system in its partition.
        Peer.Run("sh", "-c", $"echo 'start=2048, type=83' | sfdisk --quiet --no-reread {device} && partx --update {device}");
        var partition = device + "p1";
        using var point = new SharedMountPoint(_root["at"]);
        var folder = point.Path;
        Peer.Run("mkfs.ext4", "-q", partition);
        Peer.Run("mount", partition, folder);
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "hello"), "written through the device");
            var busy = await _client.ErrorAsync("Dismount-VHD", new { Path = disk });
            Assert.Equal(("ObjectInUse", "ResourceBusy"), ((string?)busy["errorId"], (string?)busy["category"]));
            Assert.Contains($"'{partition}' is mounted at '{folder}'", (string?)busy["message"], StringComparison.Ordinal);
            var again = await _client.ErrorAsync("Mount-VHD", new { Path = disk });
            Assert.Equal("ObjectInUse", (string?)again["errorId"]);
            Assert.Contains(device, (string?)again["message"], StringComparison.Ordinal);
            Assert.Equal("ObjectInUse", (string?)(await _client.ErrorAsync("Resize-VHD", new { Path = disk, SizeBytes = 2 * Size }))["errorId"]);
        }
        finally
        {
            Peer.Run("umount", folder);
            point.Dispose();
        }

        await _client.ObjectsAsync("Dismount-VHD", new { DiskNumber = (uint)mounted["DiskNumber"]! });
        AssertNothingIsLeft();
        var after = Assert.Single(await _client.ObjectsAsync("Get-VHD", new { Path = disk }));
        Assert.False((bool)after["Attached"]!);
        Assert.Null(after["DevicePath"]);

        // QEMU reads the image, e2fsprogs the file system in it.
        Peer.Run("qemu-img", "check", "-f", "vhdx", disk);
        Peer.Run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", disk, _root["raw"]);
        Assert.Contains("written through the device", Peer.Run("debugfs", "-R", "cat /hello", $"{_root["raw"]}?offset={PartitionStart}"), StringComparison.Ordinal);
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task A_mounted_disk_survives_the_kill_of_plane_and_host_and_goes_without_a_trace()
    {
        var disk = _root["data.vhd"];
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        var device = await MountAsync(disk);
        using var point = new SharedMountPoint(_root["at"]);
        var folder = point.Path;
        Peer.Run("mkfs.ext4", "-q", device);
        Peer.Run("mount", device, folder);
        try
        {
            var before = RandomBytes(8 << 20);
            await File.WriteAllBytesAsync(Path.Combine(folder, "before"), before);
            Peer.Run("sync", "-f", folder);

            // Writing goes on while the plane is away, and ends when it is back.
            await _storage.DisposeAsync();
            var writing = Task.Run(() =>
            {
                File.Copy(Path.Combine(folder, "before"), Path.Combine(folder, "during"));
                Peer.Run("sync", "-f", folder);
            });
            await _host.DisposeAsync();
            _storage = await PlaneProcess.StartAsync("storage", _root.Path);
            _host = await PlaneProcess.StartAsync("host", _root.Path);
            await writing.WaitAsync(TimeSpan.FromSeconds(120));
            Assert.Equal(before, await File.ReadAllBytesAsync(Path.Combine(folder, "during")));
            Assert.Equal(device, (string?)Assert.Single(await _client.ObjectsAsync("Get-VHD", new { Path = disk }))["DevicePath"]);
        }
        finally
        {
            Peer.Run("umount", folder);
            point.Dispose();
        }

        await _client.ObjectsAsync("Dismount-VHD", new { Path = disk });
        AssertNothingIsLeft();
        Peer.Run("qemu-img", "convert", "-f", "vpc", "-O", "raw", disk, _root["raw"]);
        Peer.Run("e2fsck", "-fn", _root["raw"]);
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task A_read_only_mount_shows_large_sectors_and_changes_nothing()
    {
        var disk = _root["data.vhdx"];
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size, LogicalSectorSizeBytes = 4096 });
        var before = await File.ReadAllBytesAsync(disk);
        var mounted = Assert.Single(await _client.ObjectsAsync("Mount-VHD", new { Path = disk, ReadOnly = true, Passthru = true }));
        var name = Path.GetFileName((string)mounted["DevicePath"]!);
        Assert.Equal("4096", (await File.ReadAllTextAsync($"/sys/block/{name}/queue/logical_block_size")).Trim());
        Assert.Equal("1", (await File.ReadAllTextAsync($"/sys/block/{name}/ro")).Trim());
        Assert.NotEqual(0, Peer.TryRun("dd", "if=/dev/zero", $"of=/dev/{name}", "bs=4096", "count=1", "oflag=direct").ExitCode);

        // A disk of the host, whatever it stands on, becomes a virtual one.
        var copy = Assert.Single(await _client.ObjectsAsync("New-VHD", new { Path = _root["copy.vhdx"], Dynamic = true, SourceDisk = (uint)mounted["DiskNumber"]! }));
        Assert.Equal((Size, 4096), ((long)copy["Size"]!, (int)copy["LogicalSectorSize"]!));
        await _client.ObjectsAsync("Dismount-VHD", new { Path = disk });
        AssertNothingIsLeft();
        Assert.Equal(before, await File.ReadAllBytesAsync(disk));
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task A_disk_in_use_goes_on_with_its_parent_elsewhere()
    {
        var (parent, moved, middle, leaf) = (_root["base.vhdx"], _root["else.vhdx"], _root["middle.avhdx"], _root["leaf.avhdx"]);
        await _client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size });
        var device = await MountAsync(parent);
        await File.WriteAllBytesAsync(_root["bytes"], RandomBytes(2 << 20));
        Peer.Run("dd", $"if={_root["bytes"]}", $"of={device}", "bs=1M", "oflag=direct", "conv=fsync,notrunc", "status=none");
        await _client.ObjectsAsync("Dismount-VHD", new { Path = parent });
        await _client.ObjectsAsync("New-VHD", new { Path = middle, ParentPath = parent });
        await _client.ObjectsAsync("New-VHD", new { Path = leaf, ParentPath = middle });
        device = await MountAsync(leaf);
        File.Copy(parent, moved);
        await RefusedAsync("Set-VHD", new { Path = middle, ParentPath = moved }, "ObjectInUse");
        await RefusedAsync("Set-VHD", new { Path = moved, ParentPath = parent, LeafPath = leaf }, "InvalidParameter");
        var set = Assert.Single(await _client.ObjectsAsync("Set-VHD", new { Path = middle, ParentPath = moved, LeafPath = leaf, Passthru = true }));
        Assert.Equal(moved, (string?)set["ParentPath"]);
        File.Delete(parent);
        Peer.Run("dd", $"if={device}", $"of={_root["read"]}", "bs=1M", "count=2", "iflag=direct", "status=none");
        Assert.Equal(await File.ReadAllBytesAsync(_root["bytes"]), await File.ReadAllBytesAsync(_root["read"]));
        await _client.ObjectsAsync("Dismount-VHD", new { Path = leaf });
        Assert.True((bool)Assert.Single(await _client.RunAsync("Test-VHD", new { Path = leaf }), static record => (string?)record["record"] == "object")["value"]!);
        AssertNothingIsLeft();
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task A_disk_of_the_host_is_copied_bit_for_bit_also_when_it_looks_like_an_image()
    {
        var (disk, copy) = (_root["data.vhdx"], _root["copy.vhdx"]);
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        var device = await MountAsync(disk);
        var inside = _root["inside.vhdx"];
        await _client.ObjectsAsync("New-VHD", new { Path = inside, SizeBytes = Size });
        Peer.Run("dd", $"if={inside}", $"of={device}", "bs=1M", "conv=fsync", "status=none");
        var number = Assert.Single(await _client.ObjectsAsync("Get-VHD", new { Path = disk }))["DiskNumber"]!;
        await _client.ObjectsAsync("New-VHD", new { Path = copy, Fixed = true, SourceDisk = (uint)number });
        await _client.ObjectsAsync("Dismount-VHD", new { Path = disk });
        Peer.Run("qemu-img", "compare", "-f", "vhdx", "-F", "vhdx", disk, copy);
        Assert.Equal("InvalidParameter", (string?)(await _client.ErrorAsync("New-VHD", new { Path = _root["none.vhdx"], Fixed = true, SourceDisk = 4_000_000_000 }))["errorId"]);
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    [Requirement("VD-10")]
    public async Task What_cannot_be_mounted_is_refused_and_leaves_nothing()
    {
        var (disk, damaged, text) = (_root["disk.vhdx"], _root["damaged.vhdx"], _root["notes.txt"]);
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        await File.WriteAllBytesAsync(damaged, new byte[1 << 20]);
        await File.WriteAllTextAsync(text, "no disk");
        await RefusedAsync("Mount-VHD", new { Path = _root["none.vhdx"] }, "InvalidParameter");
        await RefusedAsync("Mount-VHD", new { Path = text }, "InvalidParameter");
        await RefusedAsync("Mount-VHD", new { Path = damaged }, "OperationFailed");
        await RefusedAsync("Dismount-VHD", new { Path = disk }, "InvalidParameter");
        await RefusedAsync("Dismount-VHD", new { DiskNumber = 4_000_000_000 }, "InvalidParameter");
        await RefusedAsync("Get-VHD", new { DiskNumber = 4_000_000_000 }, "InvalidParameter");
        var held = Disks.ImageFile.Open(disk, new Disks.ImageOpenOptions());
        await using (held)
        {
            await RefusedAsync("Mount-VHD", new { Path = disk }, "ObjectInUse");
        }

        AssertNothingIsLeft();
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VD-8")]
    public async Task A_mount_whose_process_died_is_undone_at_the_next_start_and_told()
    {
        var disk = _root["disk.vhdx"];
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        await MountAsync(disk);
        await _host.DisposeAsync();
        foreach (var holder in Holders())
        {
            Peer.Run("kill", "-KILL", holder);
        }

        await Wait.UntilAsync("the process to die", () => Holders().Count == 0);
        _host = await PlaneProcess.StartAsync("host", _root.Path);
        await Wait.UntilAsync("the host to tidy up", () => Directory.GetFiles(_root["mounts"]).Length == 0, TimeSpan.FromSeconds(60), () => _host.Log);
        AssertNothingIsLeft();
        Assert.Contains((await _client.GetAsync("api/events")).AsArray(), happened => (string?)happened!["kind"] == "DiskDismounted");
        await MountAsync(disk);
        await _client.ObjectsAsync("Dismount-VHD", new { Path = disk });
        AssertNothingIsLeft();
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task A_floppy_disk_is_made()
    {
        var floppy = _root["answers.vfd"];
        var made = Assert.Single(await _client.ObjectsAsync("New-VFD", new { Path = floppy }));
        Assert.Equal((floppy, "answers.vfd", 1_474_560), ((string?)made["FullName"], (string?)made["Name"], (int)made["Length"]!));
        Assert.Equal(1_474_560, new FileInfo(floppy).Length);
        Peer.Run("mkfs.vfat", floppy);
        await RefusedAsync("New-VFD", new { Path = floppy }, "InvalidParameter");
        await RefusedAsync("New-VFD", new { Path = _root["a.img"] }, "InvalidParameter");
        await RefusedAsync("New-VFD", new { Path = "/no/such/a.vfd" }, "InvalidParameter");
    }

    [TheoryNeeds(Need.HostDevices)]
    [Trait("Category", "Long")]
    [InlineData("host.mount.recorded", "Mount-VHD")]
    [InlineData("host.mount.attached", "Mount-VHD")]
    [InlineData("host.dismount.closed", "Dismount-VHD")]
    public Task A_host_killed_at_every_other_step_leaves_none_either(string point, string command) => A_host_killed_at_any_step_leaves_no_half_mount(point, command);

    [TheoryNeeds(Need.HostDevices)]
    [InlineData("host.mount.opened", "Mount-VHD")]
    [InlineData("host.dismount.noted", "Dismount-VHD")]
    [InlineData("host.dismount.detached", "Dismount-VHD")]
    [Requirement("VD-8")]
    public async Task A_host_killed_at_any_step_leaves_no_half_mount(string point, string command)
    {
        var disk = _root["disk.vhdx"];
        await _client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        if (command == "Dismount-VHD")
        {
            await MountAsync(disk);
        }

        await _host.DisposeAsync();
        _host = await PlaneProcess.StartAsync("host", _root.Path, point);
        await Assert.ThrowsAnyAsync<Exception>(() => _client.RunAsync(command, new { Path = disk }));
        await Wait.UntilAsync($"the host to die at {point}", () => _host.HasExited, details: () => _host.Log);
        await _host.DisposeAsync();
        _host = await PlaneProcess.StartAsync("host", _root.Path);
        await Wait.UntilAsync("the host to tidy up", () => Directory.GetFiles(_root["mounts"]).Length == 0, TimeSpan.FromSeconds(60), () => _host.Log);
        AssertNothingIsLeft();
        await _client.ObjectsAsync("Resize-VHD", new { Path = disk, SizeBytes = 2 * Size });
    }

    private async Task<string> MountAsync(string disk) =>
        (string)Assert.Single(await _client.ObjectsAsync("Mount-VHD", new { Path = disk, Passthru = true }))["DevicePath"]!;

    private async Task RefusedAsync(string command, object parameters, string errorId)
    {
        var error = await _client.ErrorAsync(command, parameters);
        Assert.True(errorId == (string?)error["errorId"], error.ToJsonString());
    }

    private void AssertNothingIsLeft()
    {
        Assert.Empty(Loops());
        Assert.Empty(Holders());
        Assert.DoesNotContain(File.ReadLines("/proc/self/mountinfo"), line => line.Contains(_root.Path, StringComparison.Ordinal));
        Assert.Empty(Directory.Exists(_root["run/v"]) ? Directory.GetFileSystemEntries(_root["run/v"]) : []);
        Assert.Empty(Directory.GetFiles(_root["mounts"]));
    }

    private List<string> Loops() =>
    [
        .. JsonNode.Parse(Peer.Run("losetup", "--json", "--list", "--output", "NAME,BACK-FILE") is { Length: > 0 } list ? list : """{"loopdevices":[]}""")!["loopdevices"]!.AsArray()
            .Where(loop => ((string?)loop!["back-file"])?.StartsWith(_root.Path, StringComparison.Ordinal) == true).Select(loop => (string)loop!["name"]!),
    ];

    // Processes that show a disk of this test as a file or device.
    private List<string> Holders() =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(folder => Path.GetFileName(folder)!).Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out _))
            .Where(name => CommandLine(name) is var line && line.Contains("vireo-storage", StringComparison.Ordinal) && line.Contains("nbd+unix:", StringComparison.Ordinal) && line.Contains(_root.Path, StringComparison.Ordinal)),
    ];

    private static string CommandLine(string processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/cmdline");
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return "";
        }
    }

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        new Random(7).NextBytes(bytes);
        return bytes;
    }
}
