using System.Net;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.States;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Machines.Tests;

/// <summary>A Debian guest with its agent, of either generation: what a host does with a machine, seen from inside.</summary>
public sealed class RealGuestTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Requirement("VM-1")]
    [Requirement("VM-8")]
    public async Task A_guest_answers_is_saved_restarts_and_shuts_down(int generation)
    {
        await using var test = await TestMachine.CreateAsync();
        GuestDisk.Build(test["guest.raw"], generation);
        using var disk = generation == 1
            ? await ServedDisk.NbdAsync(test[""], test["guest.raw"], "guest")
            : await ServedDisk.VhostUserAsync(test[""], test["guest.raw"], "guest");
        test.Configuration = test.Configuration with
        {
            Generation = generation,
            Memory = new() { StartupBytes = 256 << 20 },
            Drives = [new()
            {
                Id = test.DriveId, Kind = DriveKind.HardDisk, Bus = generation == 1 ? DriveBus.Ide : DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 0, Path = "guest",
            }],
        };
        test.Plan = test.Plan with
        {
            Firmware = FirmwareFiles.Find(test["variables"]),
            Drives = [new(test.DriveId, generation == 1 ? DriveTransport.Nbd : DriveTransport.VhostUserBlock, disk.Socket)],
        };
        await test.Machine.StartAsync(test.Start, Until.Token);
        Assert.Equal(HeartbeatStatus.NoContact, test.Machine.Status.Heartbeat);
        await HeartbeatAsync(test);
        var guest = test.Machine.GuestAgent;
        Assert.Equal("guest", await guest.GetHostNameAsync());
        Assert.Contains("vireo", (await guest.GetOperatingSystemAsync()).Id, StringComparison.Ordinal);
        Assert.Contains(await guest.GetInterfacesAsync(), found => found.Addresses.Any(address => address.Address.Equals(IPAddress.Loopback)));
        Assert.Contains(test.Machine.ReadConsole(1, 50), line => line.Contains(GuestDisk.ReadyLine, StringComparison.Ordinal));

        await guest.WriteFileAsync("/run/mark", "kept"u8.ToArray());
        await test.Machine.SaveAsync(test["state"]);
        await test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] }, Until.Token);
        await HeartbeatAsync(test);
        Assert.Equal("kept", System.Text.Encoding.UTF8.GetString(await guest.ReadFileAsync("/run/mark")));

        await guest.RequestShutdownAsync(GuestShutdownMode.Reboot);
        Assert.True((await test.NextAsync<MachineWasReset>()).ByGuest);
        await HeartbeatAsync(test);
        var result = await guest.ExecuteAsync(new("/bin/sh", "-c", "ls /run/mark"));
        Assert.NotEqual(0, result.ExitCode);

        await test.Machine.ShutDownAsync(Until.Deadline);
        Assert.Equal(MachineExitKind.GuestShutDown, test.Machine.Status.LastExit?.Kind);
        Assert.Equal(HeartbeatStatus.Disabled, test.Machine.Status.Heartbeat);
    }

    private static Task HeartbeatAsync(TestMachine test) =>
        Until.TrueAsync(() => test.Machine.Status.Heartbeat == HeartbeatStatus.OkApplicationsUnknown, "the guest's agent answers");
}
