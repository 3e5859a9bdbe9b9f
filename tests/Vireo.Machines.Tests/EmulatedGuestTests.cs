using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.States;
using Vireo.Platform.Sockets;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Machines.Tests;

/// <summary>A guest with every driver (Debian's full kernel) on emulated devices, and on synthetic ones after one setting was changed.</summary>
public sealed class EmulatedGuestTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Trait("Category", "Long")]
    [Requirement("VM-5")]
    public async Task A_guest_finds_its_disks_and_adapter_on_both_kinds_of_devices(int generation)
    {
        await using var test = await TestMachine.CreateAsync();
        GuestDisk.Build(test["guest.raw"], generation, kernel: "full");
        using var disk = await ServedDisk.NbdAsync(test[""], test["guest.raw"], "guest");
        using var data = await ServedDisk.NbdAsync(test[""], new byte[4 << 20], "data");
        var (dataId, adapterId) = (Guid.NewGuid(), Guid.NewGuid());
        test.Configuration = test.Configuration with
        {
            Generation = generation,
            DeviceModel = DeviceModel.Emulated,
            Memory = new() { StartupBytes = 384 << 20 },
            Drives =
            [
                new() { Id = test.DriveId, Kind = DriveKind.HardDisk, Bus = generation == 1 ? DriveBus.Ide : DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 0, Path = "guest" },
                new() { Id = dataId, Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 1, Path = "data" },
            ],
            NetworkAdapters = [new() { Id = adapterId, MacAddress = "02155D0000EE" }],
        };
        test.Plan = test.Plan with
        {
            Firmware = FirmwareFiles.Find(test["variables"]),
            Drives = [new(test.DriveId, DriveTransport.Nbd, disk.Socket), new(dataId, DriveTransport.Nbd, data.Socket)],
            Adapters = [new(adapterId, test["port"], "02155D0000EE", QemuSocketPath: test["qemu"])],
        };
        using (var port = UnixDatagramSocket.Bind(test["port"], test["qemu"]))
        {
            await test.Machine.StartAsync(test.Start, Until.Token);

            // The guest asks for an address: what arrives is whole frames of its adapter.
            var frame = new byte[2048];
            await Until.TrueAsync(() => port.Receive(frame, out var fromGuest) >= 60 && fromGuest, "the guest sends frames");
            Assert.Equal([0x02, 0x15, 0x5D, 0x00, 0x00, 0xEE], frame[6..12]);
            await HeartbeatAsync(test);
            Assert.Equal("2", await AskAsync(test, "ls /sys/block | grep -c '^sd'"));
            Assert.Equal(generation == 1 ? "e1000" : "e1000e", await AskAsync(test, "basename $(readlink /sys/class/net/eth0/device/driver)"));
            Assert.Equal("1", await AskAsync(test, "ls -d /sys/bus/pci/drivers/ahci/0000:* | wc -l"));
            Assert.Equal("written", await AskAsync(test, "d=$(for b in /sys/block/sd*; do [ $(cat $b/size) = 8192 ] && basename $b; done); echo written | dd of=/dev/$d conv=fsync 2>/dev/null; head -c 7 /dev/$d"));
            await test.Machine.ShutDownAsync(Until.Deadline);
        }

        // It has the drivers: one setting, and everything else stays as it was.
        test.Configuration = test.Configuration with { DeviceModel = DeviceModel.Synthetic };
        test.Plan = test.Plan with { Adapters = [new(adapterId, null, "02155D0000EE")] };
        await test.Machine.StartAsync(test.Start, Until.Token);
        await HeartbeatAsync(test);
        Assert.Equal("virtio_net", await AskAsync(test, "basename $(readlink /sys/class/net/eth0/device/driver)"));
        Assert.Equal("written", await AskAsync(test, "head -c 7 $(for b in /sys/block/vd*; do [ $(cat $b/size) = 8192 ] && echo /dev/$(basename $b); done)"));
        await test.Machine.TurnOffAsync();
    }

    private static Task HeartbeatAsync(TestMachine test) =>
        Until.TrueAsync(() => test.Machine.Status.Heartbeat == HeartbeatStatus.OkApplicationsUnknown, "the guest's agent answers");

    private static async Task<string> AskAsync(TestMachine test, string command)
    {
        var result = await test.Machine.GuestAgent.ExecuteAsync(new GuestCommand("/bin/sh", "-c", command));
        return result.OutputText.Trim();
    }
}
