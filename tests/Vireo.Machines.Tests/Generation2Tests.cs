using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A real UEFI machine: its firmware says on the serial line what it tries to boot, and in which order.</summary>
public sealed class Generation2Tests
{
    [Fact]
    [Requirement("VM-1")]
    public async Task The_firmware_tries_disks_and_DVDs_in_the_order_of_the_configuration()
    {
        await using var test = await TestMachine.CreateAsync();
        using var first = await ServedDisk.VhostUserAsync(test[""], new byte[1 << 20], "first");
        using var second = await ServedDisk.VhostUserAsync(test[""], new byte[1 << 20], "second");
        var (firstId, secondId, dvdId) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        test.Configuration = test.Configuration with
        {
            Generation = 2,
            Memory = new() { StartupBytes = 128 << 20 },
            Drives =
            [
                new() { Id = firstId, Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 0, Path = "first" },
                new() { Id = secondId, Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 1, Path = "second" },
                new() { Id = dvdId, Kind = DriveKind.Dvd, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 2, Path = "dvd" },
            ],
            FirmwareBootOrder = [secondId, dvdId],
        };
        test.Plan = test.Plan with
        {
            Firmware = FirmwareFiles.Find(test["variables"]) ?? throw new InvalidOperationException("Install the package ovmf."),
            Drives =
            [
                new(firstId, DriveTransport.VhostUserBlock, first.Socket),
                new(secondId, DriveTransport.VhostUserBlock, second.Socket),
                new(dvdId, DriveTransport.Nbd, test.DiskSocket),
            ],
        };
        await test.Machine.StartAsync(test.Start, Until.Token);
        await Until.TrueAsync(() => Tried(test.Machine).Length >= 3, "the firmware tries three devices");

        // Root port 1 holds the second disk, root port 0 the first.
        var tried = Tried(test.Machine);
        Assert.Contains("Pci(0x8,0x1)/Pci(0x0,0x0)", tried[0], StringComparison.Ordinal);
        Assert.Contains("DVD", tried[1], StringComparison.Ordinal);
        Assert.Contains("Pci(0x8,0x0)/Pci(0x0,0x0)", tried[2], StringComparison.Ordinal);
        Assert.True(new FileInfo(test["variables"]).Length > 0);
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
    }

    private static string[] Tried(IMachine machine) =>
        [.. machine.ReadConsole(1, 100).Where(line => line.Contains("BdsDxe: failed to load", StringComparison.Ordinal) && line.Contains(": Not Found", StringComparison.Ordinal)).Distinct()];
}
