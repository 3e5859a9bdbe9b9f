using System.Diagnostics;
using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>Real machines under TCG, looked at from the guest's side.</summary>
public sealed class MachineTests
{
    [Fact]
    [Requirement("VM-1")]
    [Requirement("VM-2")]
    public async Task A_guest_starts_pauses_resumes_and_is_turned_off()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
        Assert.NotNull(test.Machine.ProcessorTime);
        await test.Machine.PauseAsync();
        Assert.Equal(MachineState.Paused, test.Machine.Status.State);
        Assert.Equal(HeartbeatStatus.Paused, test.Machine.Status.Heartbeat);
        await Assert.ThrowsAsync<MachineStateException>(() => test.Machine.PauseAsync());
        await test.Machine.ResumeAsync();
        Assert.True(await line.AskCounterAsync() > 0);
        Assert.Equal("hello", test.Machine.ReadConsole()[0]);
        await test.Machine.TurnOffAsync();
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        Assert.Equal(MachineExitKind.TurnedOff, test.Machine.Status.LastExit?.Kind);
        await Assert.ThrowsAsync<MachineStateException>(() => test.Machine.TurnOffAsync());
        Assert.Equal("hello", test.Machine.ReadConsole()[0]);
    }

    [Fact]
    [Requirement("VM-2")]
    public async Task The_power_button_shuts_a_guest_down()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        await test.Machine.ShutDownAsync(Until.Deadline);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        Assert.Equal(MachineExitKind.GuestShutDown, test.Machine.Status.LastExit?.Kind);
    }

    [Fact]
    [Requirement("VM-2")]
    public async Task A_guest_that_does_not_shut_down_in_time_goes_on_and_can_be_turned_off()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        await test.Machine.PauseAsync();
        await test.Machine.ResumeAsync();
        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.ShutDownAsync(TimeSpan.Zero));
        Assert.Equal(MachineErrorKind.GuestTimeout, refusal.Kind);
    }

    [Fact]
    public async Task Turning_off_interrupts_a_shutdown()
    {
        await using var test = await TestMachine.CreateAsync();
        test.Configuration = test.Configuration with { Drives = [], BiosStartupOrder = [] };
        test.Plan = test.Plan with { Drives = [] };
        await test.Machine.StartAsync(test.Start);
        var shutdown = test.Machine.ShutDownAsync(Until.Deadline);
        Assert.Equal(MachineState.Stopping, test.Machine.Status.State);
        await test.Machine.TurnOffAsync();
        await Assert.ThrowsAsync<MachineException>(() => shutdown);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
    }

    [Fact]
    public async Task Turning_off_does_not_wait_for_a_process_that_hangs()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        Peer.Run("kill", "-STOP", $"{test.Machine.Status.ProcessId}");
        var save = test.Machine.SaveAsync(test["state"]);
        await test.Machine.TurnOffAsync().WaitAsync(Until.Deadline);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        await Assert.ThrowsAsync<MachineException>(() => save);
        Assert.False(File.Exists(test["state"]));
        using var again = await test.StartAsync();
    }

    [Fact]
    public async Task Others_may_change_a_machine_while_its_guest_shuts_down()
    {
        await using var test = await TestMachine.CreateAsync();
        var adapter = new Configuration.NetworkAdapterConfiguration { Id = Guid.NewGuid() };
        test.Configuration = test.Configuration with { Drives = [], BiosStartupOrder = [], NetworkAdapters = [adapter] };
        test.Plan = test.Plan with { Drives = [], Adapters = [new(adapter.Id, null, "00155D000001")] };
        await test.Machine.StartAsync(test.Start);
        var shutdown = test.Machine.ShutDownAsync(Until.Deadline);
        await test.Machine.SetAdapterAsync(adapter with { SwitchId = Guid.NewGuid() }).WaitAsync(Until.Deadline / 2);
        Assert.False(shutdown.IsCompleted);
        await Assert.ThrowsAsync<MachineStateException>(() => test.Machine.ResetAsync());
        await test.Machine.TurnOffAsync();
        await Assert.ThrowsAsync<MachineException>(() => shutdown);
    }

    [Fact]
    public async Task A_guest_that_switches_itself_off_is_off()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        await line.SendAsync('s');
        var exit = (await test.NextAsync<MachineExited>()).Exit;
        Assert.Equal(MachineExitKind.GuestShutDown, exit.Kind);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
    }

    [Fact]
    [Requirement("VM-2")]
    public async Task A_reset_starts_the_guest_anew_whoever_asks()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        var started = test.Machine.Status.StartedAt;
        await test.Machine.ResetAsync();
        var reset = test.Machine.Status.StartedAt;
        Assert.True(reset > started, "A reset guest is as old as its reset.");
        Assert.Equal("hello", await line.ReadLineAsync());
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
        Assert.False((await test.NextAsync<MachineWasReset>()).ByGuest);

        // SeaBIOS may reset once more on its way: what counts is the reset after the guest was there.
        reset = test.Machine.Status.StartedAt;
        await line.SendAsync('r');
        var own = await test.NextAsync<MachineWasReset>();
        while (own.Time <= reset)
        {
            own = await test.NextAsync<MachineWasReset>();
        }

        Assert.True(own.ByGuest);
        Assert.True(test.Machine.Status.StartedAt > reset, "A guest that restarted itself is as old as that.");
        Assert.Equal("hello", await line.ReadLineAsync());
    }

    [Fact]
    public async Task A_panic_is_reported_and_the_guest_goes_on()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        await line.SendAsync('p');
        await test.NextAsync<MachineGuestPanicked>();
        Assert.True(await line.AskCounterAsync() > 0);
    }

    [Fact]
    [Requirement("VM-1")]
    public async Task A_killed_process_is_told_with_its_signal()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        using (var process = Process.GetProcessById(test.Machine.Status.ProcessId!.Value))
        {
            process.Kill();
        }

        var exit = (await test.NextAsync<MachineExited>()).Exit;
        Assert.Equal(MachineExitKind.Killed, exit.Kind);
        Assert.Equal(9, exit.Signal);
        Assert.Contains("SIGKILL", exit.Sentence, StringComparison.Ordinal);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        using var again = await test.StartAsync();
    }

    [Fact]
    [Requirement("VM-11")]
    public async Task A_machine_that_QEMU_refuses_stays_off_and_says_why()
    {
        await using var test = await TestMachine.CreateAsync();
        File.Copy("/bin/true", test["not-a-socket"]);
        test.Plan = test.Plan with { Drives = [new(test.DriveId, Devices.DriveTransport.Nbd, test["not-a-socket"])] };
        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.StartAsync(test.Start));
        Assert.Equal(MachineErrorKind.StartFailed, refusal.Kind);
        Assert.Contains("not-a-socket", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
    }

    [Fact]
    [Requirement("VM-5")]
    public async Task A_COM_port_is_where_its_owner_wants_it()
    {
        await using var test = await TestMachine.CreateAsync();
        test.Configuration = test.Configuration with { ComPorts = [test["serial/web1"], null] };
        using (await test.StartAsync())
        {
            await test.Machine.TurnOffAsync();
        }

        using (await test.StartAsync())
        {
            Assert.Equal("hello", test.Machine.ReadConsole()[0]);
        }

        using (var line = await SerialLine.ConnectAsync(test["serial/web1"]))
        {
            Assert.True(await line.AskCounterAsync() > 0);
        }

        await test.Machine.TurnOffAsync();
        Assert.Null(new FileInfo(test["serial/web1"]).LinkTarget);

        // What somebody else put there stays: a file, a link to elsewhere, also one that leads nowhere.
        await File.WriteAllTextAsync(test["serial/web1"], "mine");
        await RefusedAsync("there is a file");
        Assert.Equal("mine", await File.ReadAllTextAsync(test["serial/web1"]));
        File.Delete(test["serial/web1"]);
        File.CreateSymbolicLink(test["serial/web1"], test["elsewhere"]);
        await RefusedAsync("there is a file");
        Assert.Equal(test["elsewhere"], new FileInfo(test["serial/web1"]).LinkTarget);

        // A link that a machine of this host left behind is nobody's.
        File.Delete(test["serial/web1"]);
        File.CreateSymbolicLink(test["serial/web1"], test["gone/com1"]);
        using (await test.StartAsync())
        {
            Assert.Equal(test.Plan.ComSocket(1), new FileInfo(test["serial/web1"]).LinkTarget);

            // The port of a machine that runs is not.
            await using var second = await TestMachine.CreateAsync(runFolder: test["second"]);
            second.Configuration = second.Configuration with { ComPorts = [test["serial/second"], test["serial/web1"]] };
            var busy = await Assert.ThrowsAsync<MachineException>(() => second.Machine.StartAsync(second.Start));
            Assert.Contains("another virtual machine", busy.Message, StringComparison.Ordinal);
            Assert.Equal(test.Plan.ComSocket(1), new FileInfo(test["serial/web1"]).LinkTarget);
            Assert.Null(new FileInfo(test["serial/second"]).LinkTarget);
        }

        async Task RefusedAsync(string words)
        {
            var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.StartAsync(test.Start));
            Assert.Contains("COM 1", refusal.Message, StringComparison.Ordinal);
            Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
            Assert.Equal(MachineState.Off, test.Machine.Status.State);
        }
    }

    [Fact]
    public async Task What_a_guests_process_puts_into_its_run_folder_is_not_followed()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        var others = test["others"];
        await File.WriteAllBytesAsync(others, Enumerable.Repeat((byte)'x', 2 << 20).ToArray());
        File.Delete(test.Plan.ComLog(1));
        File.CreateSymbolicLink(test.Plan.ComLog(1), others);
        Running.LogTail.Trim(test.Plan.ComLog(1));
        Assert.Empty(test.Machine.ReadConsole());
        Assert.Equal(2 << 20, new FileInfo(others).Length);

        // Nor is the name under which the end of a long log is kept.
        await File.WriteAllBytesAsync(test.Plan.ComLog(2), new byte[2 << 20]);
        File.CreateSymbolicLink($"{test.Plan.ComLog(2)}.old", others);
        Running.LogTail.Trim(test.Plan.ComLog(2));
        Assert.Equal(0, new FileInfo(test.Plan.ComLog(2)).Length);
        Assert.Equal(2 << 20, new FileInfo(others).Length);
    }

    [FactNeeds(Need.GuestsUser)]
    public async Task The_guests_user_may_make_names_in_its_run_folder_and_take_none_of_ours()
    {
        var user = Running.Privileges.FindUser()!;
        await using var test = await TestMachine.CreateAsync();
        test.LetOthersIn();
        test.Plan = test.Plan with { User = user };
        using var line = await test.StartAsync();
        Assert.Equal($"root:{user} 1770", Peer.Run("stat", "--format=%U:%G %a", test.RunFolder).Trim());
        Assert.StartsWith("root:root 6", Peer.Run("stat", "--format=%U:%G %a", $"{test.RunFolder}.json").Trim(), StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(test.RunFolder, "ours"), "ours");
        string[] asGuest = [.. Running.Privileges.Drop(user)];
        Assert.NotEqual(0, Peer.TryRun(asGuest[0], [.. asGuest[1..], "rm", "-f", Path.Combine(test.RunFolder, "ours")]).ExitCode);
        Assert.NotEqual(0, Peer.TryRun(asGuest[0], [.. asGuest[1..], "touch", $"{test.RunFolder}.json"]).ExitCode);
    }

    [Fact]
    public async Task A_start_that_the_caller_stops_leaves_nothing()
    {
        await using var test = await TestMachine.CreateAsync();
        await Assert.ThrowsAsync<InvalidDataException>(() => test.Machine.StartAsync(test.Start with { BeforeRun = _ => throw new InvalidDataException() }));
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        Assert.Null(test.Machine.Status.ProcessId);
        using var line = await test.StartAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Requirement("VM-2")]
    public async Task A_saved_guest_goes_on_where_it_was(bool pausedBefore)
    {
        await using var test = await TestMachine.CreateAsync();
        uint before;
        using (var line = await test.StartAsync())
        {
            before = await line.AskCounterAsync();
            while (before < 20)
            {
                before = await line.AskCounterAsync();
            }
        }

        if (pausedBefore)
        {
            await test.Machine.PauseAsync();
        }

        var committed = false;
        await test.Machine.SaveAsync(test["state"], _ =>
        {
            committed = File.Exists(test["state"]);
            return Task.CompletedTask;
        });
        Assert.True(committed);
        Assert.Equal(MachineState.Saved, test.Machine.Status.State);
        Assert.Equal(MachineExitKind.Saved, test.Machine.Status.LastExit?.Kind);
        await Assert.ThrowsAsync<MachineStateException>(() => test.Machine.StartAsync(test.Start));

        SerialLine? restored = null;
        await test.Machine.StartAsync(test.Start with
        {
            SavedStatePath = test["state"],
            BeforeRun = async _ => restored = await SerialLine.ConnectAsync(test.Plan.ComSocket(1)),
        });
        using (restored)
        {
            Assert.InRange(await restored!.AskCounterAsync(), before, before + 100_000);
            Assert.Equal(MachineState.Running, test.Machine.Status.State);
        }
    }

    [Fact]
    public async Task A_damaged_saved_state_leaves_the_machine_saved()
    {
        await using var test = await TestMachine.CreateAsync();
        using (await test.StartAsync())
        {
            await test.Machine.SaveAsync(test["state"]);
        }

        using (var file = File.OpenWrite(test["state"]))
        {
            file.SetLength(100_000);
        }

        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] }));
        Assert.Equal(MachineErrorKind.SavedState, refusal.Kind);
        Assert.Equal(MachineState.Saved, test.Machine.Status.State);
        await File.WriteAllBytesAsync(test["state"], new byte[100_000]);
        refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] }));
        Assert.Equal(MachineErrorKind.SavedState, refusal.Kind);
        test.Machine.DiscardSavedState();
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
    }

    [Fact]
    public async Task A_save_that_the_caller_stops_leaves_the_guest_running()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        await Assert.ThrowsAsync<InvalidDataException>(() => test.Machine.SaveAsync(test["state"], _ => throw new InvalidDataException()));
        Assert.False(File.Exists(test["state"]));
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
        Assert.True(await line.AskCounterAsync() > 0);
        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Machine.SaveAsync("/proc/none/state"));
        Assert.Equal(MachineErrorKind.SavedState, refusal.Kind);
        Assert.True(await line.AskCounterAsync() > 0);
    }
}
