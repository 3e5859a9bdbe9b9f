using System.Net;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.States;
using Vireo.Platform.Processes;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Machines.Tests;

/// <summary>A Debian guest with its agent, of either generation: what a host does with a machine, seen from inside.</summary>
public sealed class RealGuestTests
{
    [Fact]
    [Requirement("VM-1")]
    [Requirement("VM-8")]
    [Trait("Category", "Long")]
    public Task A_guest_answers_is_saved_restarts_and_shuts_down() => RunAsync(generation: 2);

    [Fact]
    [Requirement("VM-1")]
    [Requirement("VM-8")]
    [Trait("Category", "Long")]
    public Task The_same_with_firmware_of_the_first_generation() => RunAsync(generation: 1);

    private static async Task RunAsync(int generation)
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

        await TakesControlGroupsAsync(test, guest);

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

    // The guest's kernel has a unified hierarchy of its own: what is written to a tree that only looks like one is written there, file by file.
    private static async Task TakesControlGroupsAsync(TestMachine test, IGuestAgent guest)
    {
        using var tree = new TempFolder();
        await guest.ExecuteAsync(new("/bin/sh", "-c", "mkdir /run/groups && mount -t cgroup2 none /run/groups"));
        File.WriteAllText(tree["cgroup.controllers"], (await CheckAsync("cat /run/groups/cgroup.controllers")).Trim() + "\n");
        var group = ControlGroup.Create("vm-1", [$"30 24 0:26 / {tree.Path} rw - cgroup2 none rw"], ["0::/"]);
        group.SetProcessors(weight: 300, most: 0.5);
        Assert.Null(group.Unavailable);
        Assert.Contains("vireo.slice/vm-1", group.Folders.Single(), StringComparison.Ordinal);

        foreach (var controller in new[] { "cpu", "memory" })
        {
            await CheckAsync($"mkdir -p /run/groups/vireo.slice && echo +{controller} >/run/groups/cgroup.subtree_control && echo +{controller} >/run/groups/vireo.slice/cgroup.subtree_control");
        }

        await CheckAsync("mkdir /run/groups/vireo.slice/vm-1");
        foreach (var file in new[] { "cpu.weight", "cpu.max" })
        {
            var value = File.ReadAllText(Path.Combine(group.Folders.Single(), file));
            await CheckAsync($"echo {value} >/run/groups/vireo.slice/vm-1/{file}");
            Assert.Equal(value, (await CheckAsync($"cat /run/groups/vireo.slice/vm-1/{file}")).Trim());
        }

        // A process enters by the file that the launcher writes, and the group goes once it is empty.
        var procs = Path.GetFileName(group.ProcessFiles.Single());
        await CheckAsync($"sleep 1000 & echo $! >/run/groups/vireo.slice/vm-1/{procs} && grep -q vm-1 /proc/$!/cgroup && kill $! && wait; rmdir /run/groups/vireo.slice/vm-1");

        async Task<string> CheckAsync(string script)
        {
            var result = await guest.ExecuteAsync(new("/bin/sh", "-c", script));
            Assert.True(result.ExitCode == 0, $"'{script}' ended with {result.ExitCode}: {System.Text.Encoding.UTF8.GetString(result.Error)}");
            return result.OutputText;
        }
    }

    private static Task HeartbeatAsync(TestMachine test) =>
        Until.TrueAsync(() => test.Machine.Status.Heartbeat == HeartbeatStatus.OkApplicationsUnknown, "the guest's agent answers");
}
