using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.Running;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>Devices that come and go while a real machine runs.</summary>
public sealed class DeviceTests
{
    [Fact]
    [Requirement("VM-5")]
    public async Task The_disk_in_a_DVD_drive_is_changed_and_ejected()
    {
        await using var test = await TestMachine.CreateAsync();
        using var other = await ServedDisk.NbdAsync(test[""], new byte[1 << 20], "dvd");
        var dvdId = Guid.NewGuid();
        var empty = new DriveConfiguration { Id = dvdId, Kind = DriveKind.Dvd, Bus = DriveBus.Ide, ControllerNumber = 1, ControllerLocation = 0 };
        var full = empty with { Path = "dvd" };
        test.Configuration = test.Configuration with
        {
            Drives = [.. test.Configuration.Drives, empty],
            BiosStartupOrder = ["IDE", "CD"],
        };
        using var line = await test.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            await test.Machine.ChangeMediumAsync(full, new(dvdId, DriveTransport.Nbd, other.Socket));
            Assert.Equal("dvd", PathOf(test, dvdId));
        }

        // One that cannot be reached leaves the present one; ejecting works whether there is one or not.
        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.ChangeMediumAsync(full with { Path = "missing" }, new(dvdId, DriveTransport.Nbd, test["missing"])));
        Assert.Contains("missing", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("dvd", PathOf(test, dvdId));
        await test.Machine.ChangeMediumAsync(empty, null);
        await test.Machine.ChangeMediumAsync(empty, null);
        Assert.Null(PathOf(test, dvdId));
        refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.ChangeMediumAsync(test.Configuration.Drives[0], null));
        Assert.Equal(MachineErrorKind.NotSupported, refusal.Kind);
        Assert.True(await line.AskCounterAsync() > 0);
    }

    [Theory]
    [InlineData(DriveTransport.VhostUserBlock)]
    [InlineData(DriveTransport.Nbd)]
    [Requirement("VM-5")]
    public async Task A_disk_is_added_and_removed_when_the_guest_lets_go(DriveTransport transport)
    {
        await using var test = await TestMachine.CreateAsync();
        using var disk = transport == DriveTransport.Nbd
            ? await ServedDisk.NbdAsync(test[""], new byte[1 << 20], "hot")
            : await ServedDisk.VhostUserAsync(test[""], new byte[1 << 20], "hot");
        var drive = new DriveConfiguration { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 3, Path = "hot" };
        using var line = await test.StartAsync();
        await test.Machine.AddDriveAsync(drive, new(drive.Id, transport, disk.Socket));
        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.AddDriveAsync(drive, new(drive.Id, transport, disk.Socket)));
        Assert.Equal(MachineErrorKind.NotSupported, refusal.Kind);

        // The next life of the host knows it too. This guest lets go of a device when it restarts.
        await test.Machine.DisposeAsync();
        await test.OpenAsync();
        var removal = test.Machine.RemoveDriveAsync(drive.Id);
        await line.SendAsync('r');
        await removal;
        await Assert.ThrowsAsync<MachineException>(() => test.Machine.RemoveDriveAsync(drive.Id));

        // Nothing of it is left behind: it can come again.
        await test.Machine.AddDriveAsync(drive, new(drive.Id, transport, disk.Socket));
        Assert.Contains(test.Machine.Running!.Configuration.Drives, present => present.Id == drive.Id);
    }

    [Fact]
    [Requirement("VM-5")]
    public async Task A_guest_that_lets_go_of_a_disk_late_is_believed()
    {
        await using var test = await TestMachine.CreateAsync();
        using var disk = await ServedDisk.NbdAsync(test[""], new byte[1 << 20], "hot");
        var drive = new DriveConfiguration { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 3, Path = "hot" };
        using var line = await test.StartAsync();
        await test.Machine.AddDriveAsync(drive, new(drive.Id, DriveTransport.Nbd, disk.Socket));
        using (var impatient = new CancellationTokenSource())
        {
            var removal = test.Machine.RemoveDriveAsync(drive.Id, impatient.Token);
            await impatient.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => removal);
        }

        Assert.Contains(test.Machine.Running!.Configuration.Drives, present => present.Id == drive.Id);
        Assert.Empty(await test.Machine.ForgetReleasedDrivesAsync());
        using (var impatient = new CancellationTokenSource(TimeSpan.FromSeconds(2)))
        {
            // Whoever asks again waits for the same answer.
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.Machine.RemoveDriveAsync(drive.Id, impatient.Token));
        }

        // This guest lets go of a device when it restarts.
        await line.SendAsync('r');
        await test.NextAsync<MachineDriveReleased>();
        Assert.Equal(drive, Assert.Single(await test.Machine.ForgetReleasedDrivesAsync()));
        Assert.DoesNotContain(test.Machine.Running!.Configuration.Drives, present => present.Id == drive.Id);
        await test.Machine.AddDriveAsync(drive, new(drive.Id, DriveTransport.Nbd, disk.Socket));
    }

    [Fact]
    [Requirement("VM-2")]
    public async Task A_machine_with_a_shared_memory_disk_is_saved_and_goes_on()
    {
        await using var test = await TestMachine.CreateAsync();
        using var disk = await ServedDisk.VhostUserAsync(test[""], new byte[1 << 20], "data");
        var drive = new DriveConfiguration { Id = Guid.NewGuid(), Kind = DriveKind.HardDisk, Bus = DriveBus.Scsi, ControllerNumber = 0, ControllerLocation = 3, Path = "data" };
        test.Configuration = test.Configuration with { Drives = [.. test.Configuration.Drives, drive] };
        test.Plan = test.Plan with { Drives = [.. test.Plan.Drives, new(drive.Id, DriveTransport.VhostUserBlock, disk.Socket)] };
        using (await test.StartAsync())
        {
            await test.Machine.SaveAsync(test["state"]);
        }

        await test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] });
        using var line = await SerialLine.ConnectAsync(test.Plan.ComSocket(1));
        Assert.True(await line.AskCounterAsync() > 0);
    }

    [Fact]
    public async Task A_guest_without_a_balloon_driver_still_has_its_memory()
    {
        await using var test = await TestMachine.CreateAsync();
        Assert.Null(await test.Machine.GetMemoryAsync());
        using var line = await test.StartAsync();
        var memory = await test.Machine.GetMemoryAsync();
        Assert.Equal(new MachineMemory(16 << 20, null, null), memory);
    }

    [Fact]
    public async Task A_cable_is_plugged_out_and_in()
    {
        await using var test = await TestMachine.CreateAsync();
        var adapter = new NetworkAdapterConfiguration { Id = Guid.NewGuid() };
        test.Configuration = test.Configuration with { NetworkAdapters = [adapter] };
        test.Plan = test.Plan with { Adapters = [new(adapter.Id, null, "00155D000001")] };
        using var line = await test.StartAsync();
        await test.Machine.SetAdapterAsync(adapter);
        var connected = adapter with { SwitchId = Guid.NewGuid() };
        await test.Machine.SetAdapterAsync(connected);
        Assert.Equal(connected, Assert.Single(test.Machine.Running!.Configuration.NetworkAdapters));
        await Assert.ThrowsAsync<MachineException>(() => test.Machine.SetAdapterAsync(adapter with { Id = Guid.NewGuid() }));
    }

    private static string? PathOf(TestMachine test, Guid drive) => test.Machine.Running!.Configuration.Drives.Single(candidate => candidate.Id == drive).Path;

    [Fact]
    [Requirement("VM-3")]
    [Requirement("VM-7")]
    public async Task A_machine_with_64_processors_of_the_compatible_kind_starts_and_saves_with_room_to_grow()
    {
        await using var test = await TestMachine.CreateAsync();
        test.Configuration = test.Configuration with
        {
            Processor = new() { Count = 64, CompatibilityForMigrationEnabled = true },
            Memory = test.Configuration.Memory with { DynamicMemoryEnabled = true },
        };
        test.Plan = test.Plan with { Memory = new() { GrowthBytes = 1L << 30, Sockets = 4, ThreadsPerCore = 2 } };
        using (await test.StartAsync())
        {
            Assert.True(await test.Machine.SetMemoryAsync(64 << 20));
            Assert.Equal(16 << 20, (await test.Machine.GetMemoryAsync())!.AssignedBytes);
            var state = test["saved.state"];
            await test.Machine.SaveAsync(state);
            Assert.Equal(16 << 20, SavedStates.FindMemory(state));
            Assert.False(await test.Machine.SetMemoryAsync(64 << 20));

            // The layout is the saved one's, whatever would be chosen now.
            test.Plan = test.Plan with { Memory = new() };
            await test.Machine.StartAsync(test.Start with { SavedStatePath = state, BeforeRun = _ => Task.CompletedTask });
        }

        // Where we may lower it at all.
        using var shell = System.Diagnostics.Process.Start("sh", ["-c", "{ echo -900 >/proc/$$/oom_score_adj; } 2>/dev/null"]);
        await shell.WaitForExitAsync();
        Assert.Equal(shell.ExitCode == 0 ? "-900" : (await File.ReadAllTextAsync("/proc/self/oom_score_adj")).Trim(), (await File.ReadAllTextAsync($"/proc/{test.Machine.Status.ProcessId}/oom_score_adj")).Trim());
        Assert.Equal(64, Directory.EnumerateDirectories($"/proc/{test.Machine.Status.ProcessId}/task").Count(task => File.ReadAllText(Path.Combine(task, "comm")).StartsWith("CPU", StringComparison.Ordinal)));
    }
}
