using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Controllers of drives: added, shown with what hangs on them, removed with it.</summary>
public sealed class ControllerTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("VM-5")]
    public async Task Scsi_controllers_come_and_go_with_their_drives()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "controllers", Generation = 2, MemoryStartupBytes = 64 << 20, NoVHD = true });
        for (var number = 1; number < 4; number++)
        {
            var added = Assert.Single(await host.Client.ObjectsAsync("Add-VMScsiController", new { VMName = "controllers", Passthru = true }));
            Assert.Equal(number, (int)added["ControllerNumber"]!);
        }

        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Add-VMScsiController", new { VMName = "controllers" }))["errorId"]);
        foreach (var number in new[] { 1, 3 })
        {
            var path = host[$"disk{number}.vhdx"];
            await host.Client.ObjectsAsync("New-VHD", new { Path = path, SizeBytes = 16 << 20 });
            await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "controllers", ControllerType = "SCSI", ControllerNumber = number, Path = path });
        }

        Assert.Empty(await host.Client.ObjectsAsync("Get-VMIdeController", new { VMName = "controllers" }));
        await host.Client.ObjectsAsync("Remove-VMScsiController", new { VMName = "controllers", ControllerNumber = 1 });
        var left = await host.Client.ObjectsAsync("Get-VMScsiController", new { VMName = "controllers" });
        Assert.Equal(3, left.Count);
        Assert.EndsWith("disk3.vhdx", (string?)Assert.Single(left[2]["Drives"]!.AsArray())!["Path"], StringComparison.Ordinal);
        Assert.True(File.Exists(host["disk1.vhdx"]));
        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Remove-VMScsiController", new { VMName = "controllers", ControllerNumber = 3 }))["errorId"]);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "controllers", Force = true });
    }

    [Fact]
    [Requirement("VM-2")]
    public async Task Only_a_saved_machine_has_a_saved_state_to_remove()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "stateless", Generation = 1, MemoryStartupBytes = 64 << 20, NoVHD = true });
        Assert.Equal(2, (await host.Client.ObjectsAsync("Get-VMIdeController", new { VMName = "stateless" })).Count);
        Assert.Equal("InvalidState", (string?)(await host.Client.ErrorAsync("Remove-VMSavedState", new { VMName = "stateless" }))["errorId"]);
        await host.Client.ObjectsAsync("Start-VM", new { Name = "stateless" });
        await host.Client.ObjectsAsync("Save-VM", new { Name = "stateless" });
        var checkpoint = Assert.Single(await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "stateless", Passthru = true }));
        Assert.Equal("Saved", (string?)checkpoint["State"]);
        Assert.Equal("InvalidState", (string?)(await host.Client.ErrorAsync("Set-VM", new { Name = "stateless", SnapshotFileLocation = host["elsewhere"] }))["errorId"]);
        await host.Client.ObjectsAsync("Remove-VMSavedState", new { VMSnapshot = checkpoint });
        Assert.Equal("Off", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMSnapshot", new { VMName = "stateless" }))["State"]);

        await host.Client.ObjectsAsync("Remove-VMSavedState", new { VMName = "stateless" });
        Assert.Equal("Off", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "stateless" }))["State"]);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "stateless", Force = true });
    }
}
