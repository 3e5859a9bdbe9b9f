using Vireo.Host.Mounts;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Physical disks of the host: which there are, which a machine may have, and that it keeps the one it was given. Real devices of the kernel.</summary>
public sealed class PassThroughDiskTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const long Size = 32 << 20;

    [FactNeeds(Need.HostDevices)]
    [Requirement("VM-5")]
    [Requirement("RM-5")]
    [Requirement("PS-1")]
    public async Task A_disk_is_given_by_number_or_path_to_one_machine_and_taken_back()
    {
        using var disk = new LoopDisk(host["given"], Size);
        var listed = Assert.Single(await host.Client.ObjectsAsync("Get-VMHostDisk", new { Number = new[] { disk.Number } }));
        Assert.Equal((disk.Device, Size, 512, ""), ((string?)listed["DevicePath"], (long)listed["Size"]!, (int)listed["LogicalSectorSize"]!, (string?)listed["Usage"]));
        await NewMachineAsync("one");
        await NewMachineAsync("two");
        var drive = Assert.Single(await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "one", DiskNumber = disk.Number, Passthru = true }));
        Assert.Equal((disk.Device, disk.Number), ((string?)drive["Path"], (uint)drive["DiskNumber"]!));
        Assert.Contains("'one'", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMHostDisk", new { Path = disk.Device }))["Usage"], StringComparison.Ordinal);
        await RefusedAsync("ObjectInUse", "'one'", "Add-VMHardDiskDrive", new { VMName = "two", Path = disk.Device });
        await RefusedAsync("InvalidParameter", "not both", "Add-VMHardDiskDrive", new { VMName = "two", Path = disk.Device, DiskNumber = disk.Number });
        await RefusedAsync("InvalidParameter", "Get-VMHostDisk", "Add-VMHardDiskDrive", new { VMName = "two", DiskNumber = 4_000_000_000 });
        await RefusedAsync("InvalidParameter", "no whole disk", "Add-VMHardDiskDrive", new { VMName = "two", Path = "/dev/null" });

        // A drive that comes through the pipeline brings its number along.
        var moved = Assert.Single(await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMHardDiskDrive = new[] { drive }, DiskNumber = disk.Number, ToControllerLocation = 1, Passthru = true }));
        Assert.Equal((1, disk.Number), ((int)moved["ControllerLocation"]!, (uint)moved["DiskNumber"]!));
        await host.Client.ObjectsAsync("New-VHD", new { Path = host["image.vhdx"], SizeBytes = Size });
        var image = Assert.Single(await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMHardDiskDrive = new[] { moved }, DiskNumber = disk.Number, Path = host["image.vhdx"], Passthru = true }));
        Assert.Equal((host["image.vhdx"], null), ((string?)image["Path"], (string?)image["DiskNumber"]));
        Assert.Equal(disk.Number, (uint)Assert.Single(await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMName = "one", DiskNumber = disk.Number, Passthru = true }))["DiskNumber"]!);

        foreach (var (command, parameters) in new (string, object)[]
            { ("Checkpoint-VM", new { Name = "one" }), ("Export-VM", new { Name = "one", Path = host["exports"] }), ("Move-VMStorage", new { VMName = "one", DestinationStoragePath = host["moved"] }) })
        {
            await RefusedAsync("InvalidState", "physical disk", command, parameters);
        }

        await host.Client.ObjectsAsync("Remove-VMHardDiskDrive", new { VMName = "one", ControllerType = "SCSI", ControllerNumber = 0, ControllerLocation = 1 });
        await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "two", Path = disk.Device });
        await RemoveAsync("one", "two");
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VM-5")]
    [Requirement("VM-11")]
    public async Task A_disk_that_is_mounted_stood_on_or_write_protected_is_refused_with_the_reason()
    {
        using var disk = new LoopDisk(host["used"], Size);
        await NewMachineAsync("refused");
        Peer.Run("sh", "-c", $"echo 'start=2048, type=83' | sfdisk --quiet --no-reread {disk.Device} && partx --update {disk.Device}");
        var partition = disk.Device + "p1";
        Peer.Run("mkfs.ext4", "-q", partition);
        await RefusedAsync("InvalidParameter", "partition", "Add-VMHardDiskDrive", new { VMName = "refused", Path = partition });
        using (var point = new SharedMountPoint(host["point"]))
        {
            Peer.Run("mount", partition, point.Path);
            try
            {
                await RefusedAsync("ObjectInUse", $"'{partition}' is mounted at '{point.Path}'", "Add-VMHardDiskDrive", new { VMName = "refused", Path = disk.Device });
            }
            finally
            {
                Peer.Run("umount", point.Path);
            }
        }

        using (Platform.Files.NativeFile.TryOpenUnused(partition, writable: true, out _))
        {
            await RefusedAsync("ObjectInUse", "in use by a program", "Add-VMHardDiskDrive", new { VMName = "refused", Path = disk.Device });
        }

        Peer.Run("blockdev", "--setro", disk.Device);
        await RefusedAsync("ObjectInUse", "cannot be written to", "Add-VMHardDiskDrive", new { VMName = "refused", Path = disk.Device });
        Peer.Run("blockdev", "--setrw", disk.Device);
        await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "refused", Path = disk.Device });
        await RemoveAsync("refused");
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VM-5")]
    [Requirement("VM-11")]
    public async Task A_machine_whose_disk_is_gone_or_another_does_not_start_and_one_that_has_it_keeps_others_away()
    {
        await NewMachineAsync("careful");
        using (var disk = new LoopDisk(host["mine"], Size))
        {
            await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "careful", DiskNumber = disk.Number });
            await host.Client.ObjectsAsync("Start-VM", new { Name = "careful" });
            using (var second = Platform.Files.NativeFile.TryOpenUnused(disk.Device, writable: true, out var error))
            {
                Assert.Null(second);
                Assert.Equal(Platform.Errno.Busy, error);
            }

            await host.Client.ObjectsAsync("Stop-VM", new { Name = "careful", TurnOff = true });
            disk.Grow(Size * 2);
            await RefusedAsync(null, "another disk", "Start-VM", new { Name = "careful" });
        }

        // Whoever else runs tests here may have the device by now.
        var message = (string)(await host.Client.ErrorAsync("Start-VM", new { Name = "careful" }))["message"]!;
        Assert.True(message.Contains("not on this host", StringComparison.Ordinal) || message.Contains("another disk", StringComparison.Ordinal), message);
        await RemoveAsync("careful");
    }

    [FactNeeds(Need.HostDevices)]
    [Requirement("VM-5")]
    public void A_disk_is_known_by_the_name_that_stays_its_own()
    {
        using var folder = new TempFolder();
        using var disk = new LoopDisk(folder["file"], Size);
        foreach (var name in new[] { "lvm-pv-uuid-of-what-is-on-it", "ata-MODEL_1", "wwn-0x5000" })
        {
            File.CreateSymbolicLink(folder[name], disk.Device);
        }

        var disks = new HostDisks(folder.Path);
        var found = disks.Find(folder["ata-MODEL_1"])!;
        Assert.Equal((folder["wwn-0x5000"], disk.Device), (found.Path, found.DevicePath));
        var drive = new DriveConfiguration
        {
            Id = Guid.NewGuid(),
            Kind = DriveKind.HardDisk,
            Bus = DriveBus.Scsi,
            ControllerNumber = 0,
            ControllerLocation = 0,
            Path = found.Path,
            PhysicalDisk = new() { Identity = found.Identity, SizeBytes = found.SizeBytes },
        };
        Assert.Null(disks.Problem(drive));
        Assert.Contains("another disk", disks.Problem(drive with { PhysicalDisk = new() { Identity = "other", SizeBytes = found.SizeBytes } }), StringComparison.Ordinal);
        Assert.Contains("say which disk", disks.Problem(drive with { PhysicalDisk = new() }), StringComparison.Ordinal);
        Assert.Null(disks.Find("/proc/self/mem"));
    }

    private Task NewMachineAsync(string name) => host.Client.ObjectsAsync("New-VM", new { Name = name, Generation = 2, MemoryStartupBytes = 64 << 20, NoVHD = true });

    private async Task RemoveAsync(params string[] names)
    {
        foreach (var name in names)
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = name, Force = true });
        }
    }

    private async Task RefusedAsync(string? errorId, string because, string command, object parameters)
    {
        var error = await host.Client.ErrorAsync(command, parameters);
        var message = (string)error["message"]!;
        Assert.Contains(because, message, StringComparison.Ordinal);
        Assert.True(errorId is null || errorId == (string?)error["errorId"], $"{error["errorId"]}: {message}");
    }
}
