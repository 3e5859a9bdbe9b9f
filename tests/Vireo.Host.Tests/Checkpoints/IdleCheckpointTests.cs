using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Host.Tests.Checkpoints;

/// <summary>Checkpoints of a machine that does not run: their disks are merged offline, and whatever comes between loses nothing.</summary>
public sealed class IdleCheckpointTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const int Rounds = 4;

    [Fact]
    [Requirement("CP-2")]
    public async Task A_machine_that_starts_while_its_disks_are_merged_keeps_every_byte()
    {
        var disk = host["idle.vhdx"];
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = 512 << 20 });
        await host.Client.ObjectsAsync("New-VM", new { Name = "idle", Generation = 1, MemoryStartupBytes = 64 << 20, VHDPath = disk });
        for (var round = 1; round <= Rounds; round++)
        {
            await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "idle" });
            var drive = Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "idle" }));
            var child = (string)drive["Path"]!;
            Assert.EndsWith(".avhdx", child, StringComparison.Ordinal);
            await WriteAsync(child, round);

            // Every other time the merge gets somewhere before.
            await host.Client.ObjectsAsync("Remove-VMSnapshot", new { VMName = "idle" });
            if (round % 2 == 0)
            {
                await Wait.UntilAsync("the merge to begin or be over", async () => !File.Exists(child) || await IsMergingAsync(), TimeSpan.FromMinutes(1));
            }

            await host.Client.ObjectsAsync("Start-VM", new { Name = "idle" });
            await host.Client.ObjectsAsync("Stop-VM", new { Name = "idle", TurnOff = true });
        }

        await Wait.UntilAsync(
            "the disks to be merged",
            async () => (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "idle" }))["Path"] == disk && !await IsMergingAsync(),
            TimeSpan.FromMinutes(2));
        Assert.Equal([disk], Directory.GetFiles(host[""], "idle*"));
        var read = Enumerable.Range(1, Rounds).SelectMany(round => new[] { "-c", $"read -P {round} {round}M 1M", "-c", $"read -P {round} {round * 64}M 64M" });
        Assert.DoesNotContain("verification failed", Peer.Run("qemu-io", ["-r", "-f", "vhdx", .. read, disk]), StringComparison.OrdinalIgnoreCase);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "idle", Force = true });
    }

    [Fact]
    [Requirement("CP-1")]
    [Requirement("PS-1")]
    public async Task The_parts_of_a_checkpoint_are_what_the_machine_had_then()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "then", Generation = 1, MemoryStartupBytes = 64 << 20, NewVHDPath = host["then.vhdx"], NewVHDSizeBytes = 64 << 20 });
        await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "then", Access = true, VlanId = 7 });
        await host.Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { VMName = "then", Direction = "Both", Action = "Meter", RemoteIPAddress = new[] { "10.0.0.0/8" } });
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "then", SnapshotName = "before" });
        await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "then", Untagged = true });
        await host.Client.ObjectsAsync("Remove-VMNetworkAdapterAcl", new { VMName = "then", Direction = "Both", Action = "Meter", RemoteIPAddress = new[] { "10.0.0.0/8" } });
        await host.Client.ObjectsAsync("Rename-VMNetworkAdapter", new { VMName = "then", NewName = "renamed" });
        await host.Client.ObjectsAsync("Set-VMMemory", new { VMName = "then", StartupBytes = 128 << 20 });
        await host.Client.ObjectsAsync("Set-VMProcessor", new { VMName = "then", RelativeWeight = 77 });
        await host.Client.ObjectsAsync("Rename-VM", new { Name = "then", NewName = "now" });
        var checkpoint = Assert.Single(await host.Client.ObjectsAsync("Get-VMSnapshot", new { VMName = "now" }));
        var disk = Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMSnapshot = checkpoint }));
        Assert.Equal((host["then.vhdx"], "now"), ((string)disk["Path"]!, (string)disk["VMName"]!));
        Assert.Equal(64 << 20, (long)Assert.Single(await host.Client.ObjectsAsync("Get-VMMemory", new { VMCheckpoint = checkpoint }))["Startup"]!);
        Assert.Equal(100, (int)Assert.Single(await host.Client.ObjectsAsync("Get-VMProcessor", new { VMSnapshot = checkpoint }))["RelativeWeight"]!);
        Assert.Equal(2, (await host.Client.ObjectsAsync("Get-VMComPort", new { VMSnapshot = checkpoint })).Count);
        var adapter = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMSnapshot = checkpoint, Name = "network*" }));
        Assert.Equal(("Network Adapter", "now"), ((string?)adapter["Name"], (string?)adapter["VMName"]));
        Assert.Empty(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMSnapshot = checkpoint, Name = "renamed" }));
        Assert.Equal(7, (int)Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterVlan", new { VMSnapshot = checkpoint }))["AccessVlanId"]!);
        Assert.Equal(0, (int)Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterVlan", new { VMName = "now" }))["AccessVlanId"]!);
        var meter = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterAcl", new { VMSnapshot = checkpoint }));
        Assert.Equal(("10.0.0.0/8", null), ((string?)meter["RemoteAddress"], (string?)meter["MeteredMegabytes"]));
        Assert.Empty(await host.Client.ObjectsAsync("Get-VMNetworkAdapterAcl", new { VMName = "now" }));
        Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterIsolation", new { VMSnapshot = checkpoint }));
        Assert.Empty(await host.Client.ObjectsAsync("Get-VMNetworkAdapterExtendedAcl", new { VMSnapshot = checkpoint }));
        Assert.Equal(77, (int)Assert.Single(await host.Client.ObjectsAsync("Get-VMProcessor", new { VMName = "now" }))["RelativeWeight"]!);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "now", Force = true });
        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Get-VMMemory", new { VMSnapshot = checkpoint }))["errorId"]);
    }

    [Fact]
    [Requirement("CP-1")]
    public async Task What_a_checkpoint_stands_on_is_nobody_elses_and_is_not_changed()
    {
        var disk = host["kept.vhdx"];
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = 64 << 20 });
        await host.Client.ObjectsAsync("New-VM", new { Name = "keeper", Generation = 2, MemoryStartupBytes = 64 << 20, VHDPath = disk });
        await host.Client.ObjectsAsync("New-VM", new { Name = "other", Generation = 2, MemoryStartupBytes = 64 << 20, NoVHD = true });
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "keeper" });
        var child = (string)Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "keeper" }))["Path"]!;
        foreach (var path in new[] { disk, child, host["./kept.vhdx"] })
        {
            Assert.Equal("ObjectInUse", (string?)(await host.Client.ErrorAsync("Add-VMHardDiskDrive", new { VMName = "other", Path = path }))["errorId"]);
            Assert.Equal("ObjectInUse", (string?)(await host.Client.ErrorAsync("Add-VMHardDiskDrive", new { VMName = "keeper", Path = path }))["errorId"]);
        }

        foreach (var (command, parameters) in new (string, object)[]
        {
            ("Mount-VHD", new { Path = disk }),
            ("Resize-VHD", new { Path = disk, SizeBytes = 128 << 20 }),
            ("Optimize-VHD", new { Path = disk, Mode = "Full" }),
            ("Merge-VHD", new { Path = child, Force = true }),
            ("Convert-VHD", new { Path = disk, DestinationPath = host["copy.vhd"], DeleteSource = true }),
        })
        {
            Assert.Equal("InvalidState", (string?)(await host.Client.ErrorAsync(command, parameters))["errorId"]);
        }

        Assert.True(File.Exists(disk));
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "keeper", Force = true });
        await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "other", Path = disk });
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "other", Force = true });
    }

    [Fact]
    [Requirement("CP-1")]
    public async Task A_checkpoint_whose_switch_is_gone_is_applied_without_it_and_keeps_its_addresses()
    {
        await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "gone", SwitchType = "Private" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "cabled", Generation = 2, MemoryStartupBytes = 64 << 20, NoVHD = true, SwitchName = "gone" });
        await host.Client.ObjectsAsync("Start-VM", new { Name = "cabled" });
        await host.Client.ObjectsAsync("Set-VM", new { Name = "cabled", CheckpointType = "Standard" });
        await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "cabled", SnapshotName = "then" });
        var address = (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "cabled" }))["MacAddress"];
        await host.Client.ObjectsAsync("Stop-VM", new { Name = "cabled", TurnOff = true });
        await host.Client.ObjectsAsync("Remove-VMNetworkAdapter", new { VMName = "cabled" });
        await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "gone", Force = true });

        // The address of the checkpoint's adapter is not given to another one meanwhile.
        await host.Client.ObjectsAsync("New-VM", new { Name = "newer", Generation = 2, MemoryStartupBytes = 64 << 20, NoVHD = true });
        await host.Client.ObjectsAsync("Start-VM", new { Name = "newer" });
        Assert.NotEqual(address, (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "newer" }))["MacAddress"]);

        await host.Client.ObjectsAsync("Restore-VMSnapshot", new { VMName = "cabled", Name = "then" }, confirm: false);
        await host.Client.ObjectsAsync("Start-VM", new { Name = "cabled" });
        var adapter = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "cabled" }));
        Assert.Equal((address, ""), ((string?)adapter["MacAddress"], (string?)adapter["SwitchName"] ?? ""));

        // Nobody but root reads what guests had in memory.
        Assert.All(
            Directory.GetFiles(host[""], "*.state", SearchOption.AllDirectories).Append(host["history.db"]),
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        await host.Client.ObjectsAsync("Stop-VM", new { Name = new[] { "cabled", "newer" }, TurnOff = true });
        await host.Client.ObjectsAsync("Remove-VM", new { Name = new[] { "cabled", "newer" }, Force = true });
    }

    private async Task<bool> IsMergingAsync() => (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "idle" }))["Status"] == "Merging disks";

    private async Task WriteAsync(string path, int round)
    {
        using var plane = new StorageControlClient(host["run/storage.sock"]);
        var attachment = new DiskAttachment(Guid.NewGuid(), path, ReadOnly: false, FrontEndKind.Nbd, host["write.sock"]);
        await Wait.UntilAsync("the merge below to let the disk be opened", () => TryOpenAsync(plane, attachment), TimeSpan.FromMinutes(1));
        Peer.Run("qemu-io", "-f", "raw", "-c", $"write -P {round} {round}M 1M", "-c", $"write -P {round} {round * 64}M 64M", "-c", "flush", $"nbd+unix:///?socket={attachment.SocketPath}");
        await plane.CloseDiskAsync(attachment.Id);
    }

    // The host does not know of this, and may be merging what the image stands on.
    private static async Task<bool> TryOpenAsync(StorageControlClient plane, DiskAttachment attachment)
    {
        try
        {
            await plane.OpenDiskAsync(attachment);
            return true;
        }
        catch (ControlException busy) when (busy.Error.Category is "ResourceBusy" or "ObjectNotFound" or "InvalidArgument")
        {
            return false;
        }
    }
}
