using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// A machine goes from host to host, off, saved or running, while a host dies at each step, the cable is pulled, or the move is given up: it is one host's,
/// whole, and runs if it ran; nothing is left on the other.
/// </summary>
[Requirement("LM-2")]
[Requirement("LM-4")]
public sealed class HostMoveTests(HostPair hosts) : IClassFixture<HostPair>
{
    /// <summary>Steps of the host that the machine leaves.</summary>
    internal static readonly string[] SourceSteps =
    [
        "host.departure.begun", "host.departure.offered", "host.departure.file", "host.departure.mirroring", "machine.departing", "machine.leaving", "host.departure.closed",
        "machine.leaving.still", "machine.leaving.sent", "host.departure.asking", "host.departure.asked", "host.departure.released", "host.move.deleted",
    ];

    /// <summary>Steps of the host that it comes to.</summary>
    internal static readonly string[] DestinationSteps =
    [
        "host.arrival.begun", "host.arrival.file", "host.arrival.disks", "host.arrival.memory", "host.arrival.ready", "host.import.configured", "host.arrival.registered",
        "host.arrival.ending",
    ];

    // A machine that is off has no disks to hand over, and no memory.
    private static readonly string[] s_runningOnly =
    [
        "host.departure.mirroring", "machine.departing", "machine.leaving", "host.departure.closed", "machine.leaving.still", "machine.leaving.sent", "host.arrival.disks", "host.arrival.memory",
        "host.arrival.ready",
    ];

    [Fact]
    [Requirement("RM-4")]
    [Requirement("LM-8")]
    [Requirement("LM-9")]
    public async Task A_machine_goes_to_the_other_host_and_back_whatever_it_does()
    {
        await hosts.Here.Client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = HostPair.Name });
        var metered = TimeSpan.Zero;
        foreach (var state in new[] { "Running", "Running", "Saved", "Off" })
        {
            await hosts.TurnAsync(isRunning: state != "Off");
            await hosts.WriteAsync();
            if (state == "Saved")
            {
                await hosts.Here.Client.ObjectsAsync("Save-VM", new { HostPair.Name });
            }

            var before = hosts.Here;
            var report = Assert.Single(await before.Client.ObjectsAsync("Compare-VM", new { HostPair.Name, DestinationHost = hosts.There.Address, IncludeStorage = true }));
            Assert.Empty(report["Incompatibilities"]!.AsArray());
            metered = await MeteredAsync();
            var error = await hosts.TryMoveAsync();
            Assert.True(error is null, error?.ToJsonString());
            await hosts.SettleAsync();
            Assert.True(await MeteredAsync() >= metered, "what was counted is lost");
            Assert.NotSame(before, hosts.Here);
            Assert.Equal(state, await hosts.StateAsync());
            await hosts.TurnAsync(isRunning: state is not "Off");
            await hosts.ExpectAsync();
        }

        Assert.Single(await hosts.Here.Client.ObjectsAsync("Get-VMSnapshot", new { VMName = HostPair.Name }));
    }

    [Fact]
    [Requirement("LM-1")]
    public async Task A_machine_whose_files_both_hosts_have_goes_without_them()
    {
        await hosts.TurnAsync(isRunning: true);
        await hosts.WriteAsync();
        var stays = await hosts.Here.Client.ErrorAsync("Move-VM", new { HostPair.Name, DestinationHost = "192.0.2.77" });
        Assert.Equal("PeerUnreachable", (string?)stays["errorId"]);
        await hosts.Here.Client.ObjectsAsync("Move-VMStorage", new { HostPair.Name, DestinationStoragePath = Path.Combine(hosts.Shared, "mover") });
        for (var i = 0; i < 2; i++)
        {
            await hosts.WriteAsync();
            var before = hosts.Here;
            await hosts.Here.Client.ObjectsAsync("Move-VM", new { HostPair.Name, DestinationHost = hosts.There.Address });
            await hosts.SettleAsync();
            Assert.NotSame(before, hosts.Here);
            Assert.Equal("Running", await hosts.StateAsync());
            await hosts.ExpectAsync();
        }

        Assert.Null(await hosts.TryMoveAsync());
        await hosts.SettleAsync();
        Assert.Empty(Directory.EnumerateFiles(hosts.Shared, "*", SearchOption.AllDirectories));
        await hosts.ExpectAsync();
    }

    [Fact]
    [Requirement("LM-3")]
    public async Task Machines_go_both_ways_at_once_and_no_more_than_a_host_may_send()
    {
        var (first, second) = (hosts.Here, hosts.There);
        await using var going = await MachineCrowd.CreateAsync(first, "a", 3);
        await using var coming = await MachineCrowd.CreateAsync(second, "b", 3);
        foreach (var side in new[] { first, second })
        {
            await side.Client.ObjectsAsync("Set-VMHost", new { MaximumVirtualMachineMigrations = 2 });
        }

        // Those that leave the first host stand still while those of the second come to it.
        first.HoldAt("host.departure.offered");
        var leaving = await going.StartMovesAsync(second);
        await Wait.UntilAsync(
            "one move to wait for the other two", async () => first.IsHeld && await going.WaitingAsync(leaving) == 1, TimeSpan.FromMinutes(2), () => first.Host.Log);
        await coming.EndMovesAsync(await coming.StartMovesAsync(first));
        await coming.ExpectAsync(first);
        Assert.Equal(1, await going.WaitingAsync(leaving));

        first.LetGo();
        await going.EndMovesAsync(leaving);
        await going.ExpectAsync(second);
    }

    [Fact]
    [Requirement("LM-9")]
    public async Task A_disk_of_the_host_stays_and_the_machine_with_it()
    {
        using var folder = new TempFolder();
        using var disk = new LoopDisk(folder["disk"], 8 << 20);
        await hosts.TurnAsync(isRunning: false);
        var drive = Assert.Single(await hosts.Here.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = HostPair.Name, DiskNumber = disk.Number, Passthru = true }));
        foreach (var isRunning in new[] { false, true })
        {
            await hosts.TurnAsync(isRunning);
            var report = Assert.Single(await hosts.Here.Client.ObjectsAsync("Compare-VM", new { HostPair.Name, DestinationHost = hosts.There.Address, IncludeStorage = true }));
            Assert.Contains(disk.Device, (string)Assert.Single(report["Incompatibilities"]!.AsArray())!["Message"]!, StringComparison.Ordinal);
            Assert.Contains(disk.Device, (string)(await hosts.TryMoveAsync())!["message"]!, StringComparison.Ordinal);
            await hosts.SettleAsync();
        }

        await hosts.TurnAsync(isRunning: false);
        await hosts.Here.Client.ObjectsAsync("Remove-VMHardDiskDrive", new { VMHardDiskDrive = new[] { drive } });
    }

    [Fact]
    [Requirement("LM-3")]
    [Requirement("SB-1")]
    public async Task A_disk_on_a_share_stays_where_it_is_while_its_machine_goes()
    {
        const string name = "sharer";
        using var server = new SambaServer(hosts.Here.Network, hosts.Here.Address);
        var (first, second, disk) = (hosts.Here, hosts.There, server.Unc("moved.vhdx"));
        server.WriteLogin(first.LoginFile);
        await first.Client.ObjectsAsync("New-VM", new { Name = name, MemoryStartupBytes = 64L << 20, Generation = 2, NewVHDPath = disk, NewVHDSizeBytes = 64L << 20, Path = Path.Combine(first.Files, name) });
        await first.Client.ObjectsAsync("Start-VM", new { Name = name });
        var address = await first.AddressOfDiskAsync(name);
        Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", "write -P 0x5a 1M 64k", "-c", "flush", address);
        var refused = await first.Client.ErrorAsync("Move-VM", new { Name = name, DestinationHost = second.Address, IncludeStorage = true, DestinationStoragePath = Path.Combine(second.Files, name) });
        Assert.Contains("no login", (string?)refused["message"], StringComparison.Ordinal);
        server.WriteLogin(second.LoginFile);
        await first.Client.ObjectsAsync("Move-VM", new { Name = name, DestinationHost = second.Address, IncludeStorage = true, DestinationStoragePath = Path.Combine(second.Files, name) });
        Assert.Equal("Running", (string?)Assert.Single(await second.Client.ObjectsAsync("Get-VM", new { Name = name }))["State"]);
        Assert.Equal(disk, (string?)Assert.Single(await second.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = name }))["Path"]);
        Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", "read -P 0x5a 1M 64k", "-c", "write -P 0x6b 2M 64k", "-c", "flush", await second.AddressOfDiskAsync(name));
        Assert.Equal("ObjectInUse", (string?)(await first.Client.ErrorAsync("Resize-VHD", new { Path = disk, SizeBytes = 128L << 20 }))["errorId"]);
        await second.Client.ObjectsAsync("Stop-VM", new { Name = name, TurnOff = true });
        await second.Client.ObjectsAsync("Remove-VM", new { Name = name, Force = true });
        Peer.Run("qemu-io", "-r", "-f", "vhdx", "-c", "read -P 0x5a 1M 64k", "-c", "read -P 0x6b 2M 64k", Path.Combine(server.Folder, "moved.vhdx"));
        await hosts.SettleAsync();
    }

    [Fact]
    [Requirement("LM-4")]
    public async Task Nothing_that_waited_for_its_turn_happens_to_a_machine_that_has_gone()
    {
        await hosts.TurnAsync(isRunning: false);
        await hosts.WriteAsync();
        var before = hosts.Here;
        before.HoldAt("host.departure.asked");
        var moving = hosts.TryMoveAsync();
        await Wait.UntilAsync("the move to be asked for", () => before.IsHeld, TimeSpan.FromMinutes(1), () => before.Host.Log);
        var starting = before.Client.RunAsync("Start-VM", new { HostPair.Name });
        var removing = before.Client.RunAsync("Remove-VM", new { HostPair.Name, Force = true });

        // What is asked after them is answered, so they most likely wait for their turn; they are refused in any case.
        await before.Client.ObjectsAsync("Get-VM", new { HostPair.Name });
        before.LetGo();
        Assert.Null(await moving);
        Assert.Contains(await starting, record => (string?)record["record"] == "error");
        Assert.Contains(await removing, record => (string?)record["record"] == "error");
        await hosts.SettleAsync();
        Assert.NotSame(before, hosts.Here);
        Assert.Equal("Off", await hosts.StateAsync());
        await hosts.ExpectAsync();
    }

    [Fact]
    [Requirement("LM-4")]
    public async Task A_machine_whose_departure_cannot_be_read_waits_until_somebody_decides()
    {
        await hosts.TurnAsync(isRunning: false);
        var note = hosts.Here.NoteOfDeparture(hosts.MachineId);
        Directory.CreateDirectory(Path.GetDirectoryName(note)!);
        await File.WriteAllTextAsync(note, "{ \"move\": ");
        await hosts.Here.RestartHostAsync();
        var refused = await hosts.Here.Client.ErrorAsync("Start-VM", new { HostPair.Name });
        Assert.Contains("cannot be read", (string)refused["message"]!, StringComparison.Ordinal);
        Assert.Contains(await hosts.Here.Client.ObjectsAsync("Get-VM", new { }), machine => (string?)machine["Name"] == HostPair.Name);
        File.Delete(note);
        await hosts.Here.RestartHostAsync();
        await hosts.SettleAsync();
        await hosts.TurnAsync(isRunning: true);
        await hosts.ExpectAsync();
    }

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("LM-4")]
    public async Task A_machine_that_is_registered_has_come_whatever_else_can_be_written_down()
    {
        await hosts.TurnAsync(isRunning: true);
        await hosts.WriteAsync();
        var (before, after) = (hosts.Here, hosts.There);
        after.HoldAt("host.arrival.registered");
        var moving = hosts.TryMoveAsync();
        await Wait.UntilAsync("the machine to be registered", () => after.IsHeld, TimeSpan.FromMinutes(1), () => after.Host.Log);

        // Nothing can take the place of its note, and the answer is lost.
        var note = Assert.Single(after.Moves());
        File.Delete(note);
        Directory.CreateDirectory(Path.Combine(note, "kept"));
        hosts.Link.Cut();
        after.LetGo();
        await Wait.UntilAsync(
            "the machine to run", async () => (await after.Client.ObjectsAsync("Get-VM", new { })).Any(machine => (string?)machine["State"] == "Running"), TimeSpan.FromMinutes(1), () => after.Host.Log);
        hosts.Link.Mend();
        await moving;
        Directory.Delete(note, recursive: true);
        await hosts.SettleAsync();
        Assert.Same(after, hosts.Here);
        Assert.Equal("Running", await hosts.StateAsync());
        await hosts.ExpectAsync();
        Assert.Null(before.ProcessOf(hosts.MachineId));
    }

    [Theory]
    [InlineData("host.departure.asked", true)]
    [InlineData("host.arrival.registered", false)]
    public Task A_host_that_dies_while_a_machine_moves_leaves_it_to_one(string point, bool atSource) => DieAsync(isRunning: true, point, atSource);

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_machine_is_one_hosts_whichever_host_dies_at_whatever_step()
    {
        foreach (var isRunning in new[] { true, false })
        {
            foreach (var point in SourceSteps.Where(point => isRunning || !s_runningOnly.Contains(point)))
            {
                await DieAsync(isRunning, point, atSource: true);
            }

            foreach (var point in DestinationSteps.Where(point => isRunning || !s_runningOnly.Contains(point)))
            {
                await DieAsync(isRunning, point, atSource: false);
            }
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_move_can_be_given_up_at_every_step_before_the_other_host_is_asked()
    {
        foreach (var point in SourceSteps.TakeWhile(point => point != "machine.leaving.sent"))
        {
            await hosts.TurnAsync(isRunning: true);
            await hosts.WriteAsync();
            var before = hosts.Here;
            await before.RestartHostAsync();
            before.HoldAt(point);
            var job = await before.Client.StartJobAsync("Move-VM", new { HostPair.Name, DestinationHost = hosts.There.Address, IncludeStorage = true, DestinationStoragePath = hosts.NextPlace() });
            await Wait.UntilAsync($"the move to come to {point}", () => before.IsHeld, TimeSpan.FromMinutes(1), () => before.Host.Log);
            var cancelling = before.Client.CancelJobAsync(job);
            before.LetGo();
            await cancelling;
            await hosts.SettleAsync();
            Assert.Same(before, hosts.Here);
            Assert.Equal("Running", await hosts.StateAsync());
            await hosts.ExpectAsync();
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_cable_that_is_pulled_leaves_the_machine_to_one_host()
    {
        foreach (var point in new[] { "host.departure.offered", "host.departure.mirroring", "machine.departing", "machine.leaving.sent", "host.departure.asking", "host.departure.asked" })
        {
            await hosts.TurnAsync(isRunning: true);
            await hosts.WriteAsync();
            var before = hosts.Here;
            await before.RestartHostAsync();
            before.HoldAt(point);
            var moving = hosts.TryMoveAsync();
            await Wait.UntilAsync($"the move to come to {point}", () => before.IsHeld, TimeSpan.FromMinutes(1), () => before.Host.Log);
            hosts.Link.Cut();
            before.LetGo();
            if (point is not ("host.departure.asking" or "host.departure.asked" or "machine.leaving.sent"))
            {
                Assert.NotNull(await moving);
                Assert.Equal("Running", await hosts.StateAsync());
            }

            hosts.Link.Mend();
            await moving;
            await hosts.SettleAsync();
            Assert.Equal("Running", await hosts.StateAsync());
            await hosts.ExpectAsync();
        }
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("TCPIP")]
    [InlineData("Compression")]
    public async Task A_link_that_falls_silent_for_the_last_pages_leaves_the_machine_where_it_was(string performance)
    {
        await hosts.TurnAsync(isRunning: true);
        await hosts.WriteAsync();
        var before = hosts.Here;
        await before.RestartHostAsync();
        await before.Client.ObjectsAsync("Set-VMHost", new { VirtualMachineMigrationPerformanceOption = performance });

        // What is left to be sent fits into no buffer: QEMU waits for the link, and answers nobody meanwhile.
        Peer.Run("ip", "netns", "exec", before.Network.Name, "sysctl", "-qw", "net.ipv4.tcp_wmem=4096 4096 4096");
        before.HoldAt("machine.leaving.still");
        var moving = hosts.TryMoveAsync();
        await Wait.UntilAsync("the guest to stand still", () => before.IsHeld, TimeSpan.FromMinutes(1), () => before.Host.Log);
        hosts.Link.Silence();
        try
        {
            before.LetGo();
            var error = await moving.WaitAsync(TimeSpan.FromMinutes(2));
            Assert.NotNull(error);
            Assert.Contains("memory of the guest could not be moved", (string?)error["message"], StringComparison.Ordinal);
            Assert.Equal("Running", await hosts.StateAsync());
            await hosts.WriteAsync();
        }
        finally
        {
            hosts.Link.Speak();
            await moving;
        }

        await hosts.SettleAsync();
        Assert.Same(before, hosts.Here);
        Assert.Equal("Running", await hosts.StateAsync());
        await hosts.ExpectAsync();
    }

    private async Task DieAsync(bool isRunning, string point, bool atSource)
    {
        await hosts.TurnAsync(isRunning);
        await hosts.WriteAsync();
        var dying = atSource ? hosts.Here : hosts.There;
        await dying.RestartHostAsync(crashAt: point);
        var moving = hosts.TryMoveAsync();
        await Wait.UntilAsync($"the host to die at {point}", () => dying.Host.HasExited, TimeSpan.FromMinutes(1), () => dying.Host.Log);
        await dying.RestartHostAsync();
        await moving;
        await hosts.SettleAsync();
        Assert.Equal(isRunning ? "Running" : "Off", await hosts.StateAsync());
        await hosts.ExpectAsync();
        await hosts.WriteAsync();
        await hosts.ExpectAsync();
    }

    private async Task<TimeSpan> MeteredAsync() => TimeSpan.Parse(
        (string)Assert.Single(await hosts.Here.Client.ObjectsAsync("Measure-VM", new { VMName = HostPair.Name }))["MeteringDuration"]!, System.Globalization.CultureInfo.InvariantCulture);
}
