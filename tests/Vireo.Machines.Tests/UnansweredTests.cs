using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A guest's memory outlives a QEMU that answers late, a caller who loses patience, and a disk that is full.</summary>
public sealed class UnansweredTests
{
    [Theory]
    [Requirement("VM-10")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_caller_who_gives_up_after_the_saved_state_is_gone_ends_nothing(bool fullDisk)
    {
        await using var qemu = new FakeQemu();
        using var cancel = new CancellationTokenSource();
        WriteState(qemu);
        await qemu.StartAsync(
            start => start with
            {
                SavedStatePath = qemu["state"],
                BeforeRun = _ =>
                {
                    File.Delete(qemu["state"]);
                    if (fullDisk)
                    {
                        // What cannot be replaced cannot be written.
                        File.Delete($"{qemu.Plan.RunFolder}.json");
                        Directory.CreateDirectory(Path.Combine($"{qemu.Plan.RunFolder}.json", "full"));
                        return Task.CompletedTask;
                    }

                    return cancel.CancelAsync();
                },
            },
            cancel.Token);
        Assert.Equal(MachineState.Running, qemu.Machine.Status.State);
        Assert.Equal("running", qemu.Status);
        if (fullDisk)
        {
            Directory.Delete($"{qemu.Plan.RunFolder}.json", recursive: true);
        }
        else
        {
            Assert.Equal(MachineIntent.None, qemu.Record!.Intent);
        }
    }

    [Theory]
    [Requirement("VM-10")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_guest_whose_first_run_QEMU_does_not_confirm_is_not_ended(bool hangUp)
    {
        var clock = new SkippableClock();
        await using var qemu = new FakeQemu(clock);
        WriteState(qemu);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        qemu.Answers = command =>
        {
            if (command != "cont" || asked.Task.IsCompleted)
            {
                return true;
            }

            asked.SetResult();
            if (hangUp)
            {
                qemu.HangUp();
            }

            return false;
        };
        var starting = qemu.StartAsync(start => start with { SavedStatePath = qemu["state"] });
        await asked.Task.WaitAsync(Until.Token);
        while (!starting.IsCompleted)
        {
            // The 90 s that an answer may take.
            clock.Skip(TimeSpan.FromSeconds(30));
            await Task.WhenAny(starting, Task.Delay(10));
        }

        await starting;
        Assert.Equal(MachineState.Running, qemu.Machine.Status.State);
        await Until.TrueAsync(() => qemu.Status == "running" && qemu.Record?.Intent == MachineIntent.None, "the guest is let run when QEMU answers again");
        await Until.TrueAsync(() => qemu.Machine.Status is { State: MachineState.Running, CriticalReason: null }, "all is well");
    }

    [Theory]
    [Requirement("VM-10")]
    [InlineData(MachineIntent.Saving)]
    [InlineData(MachineIntent.Checkpoint)]
    [InlineData(MachineIntent.Running)]
    public async Task What_a_host_left_undone_is_finished_when_QEMU_answers_after_all(MachineIntent intent)
    {
        await using var qemu = new FakeQemu { Status = "paused" };
        qemu.Leave(record => record with { Intent = intent, SavingTo = intent == MachineIntent.Saving ? qemu["state"] : null });
        await qemu.OpenAsync(patience: TimeSpan.FromMilliseconds(50));
        Assert.NotNull(qemu.Machine.Status.CriticalReason);
        Assert.Equal(intent == MachineIntent.Saving ? MachineState.Saving : MachineState.Running, qemu.Machine.Status.State);
        qemu.Listen();
        await Until.TrueAsync(() => qemu.Machine.Status is { State: MachineState.Running, CriticalReason: null } && qemu.Record?.Intent == MachineIntent.None, "the guest goes on");
        Assert.Equal("running", qemu.Status);
    }

    [Theory]
    [Requirement("VM-10")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_restore_that_cannot_be_undone_yet_keeps_its_saved_state(bool turnOff)
    {
        await using var qemu = new FakeQemu();
        qemu.Leave(record => record with { Intent = MachineIntent.Restoring });
        await qemu.OpenAsync(hasSavedState: true, patience: TimeSpan.FromMilliseconds(50));

        // Neither running nor off: whoever sees one of them throws the state away.
        Assert.Equal(MachineState.Starting, qemu.Machine.Status.State);
        if (turnOff)
        {
            await qemu.Machine.TurnOffAsync();
        }
        else
        {
            qemu.Listen();
            await Until.TrueAsync(() => qemu.Machine.Status.ProcessId is null, "the process is ended");
        }

        await Until.TrueAsync(() => qemu.Machine.Status.State == MachineState.Saved, "its state is kept");
        Assert.DoesNotContain("cont", qemu.Commands);
    }

    [Fact]
    [Requirement("VM-1")]
    public async Task A_guest_that_a_full_disk_stopped_is_well_again_when_it_is_resumed()
    {
        await using var qemu = new FakeQemu();
        await qemu.StartAsync();
        await FailAsync(qemu);
        await Until.TrueAsync(() => qemu.Machine.Status is { State: MachineState.Paused, CriticalReason: not null }, "the failure is noticed");
        await qemu.Machine.ResumeAsync();
        await Until.TrueAsync(() => qemu.Machine.Status is { State: MachineState.Running, CriticalReason: null }, "the end of the failure is noticed");
    }

    [Fact]
    [Requirement("VM-1")]
    public async Task A_full_disk_is_noticed_while_the_guest_shuts_down()
    {
        await using var qemu = new FakeQemu();
        await qemu.StartAsync();
        using var cancel = new CancellationTokenSource();
        var shutdown = qemu.Machine.ShutDownAsync(Until.Deadline, cancel.Token);
        await Until.TrueAsync(() => qemu.Commands.Contains("system_powerdown"), "the power button is pressed");
        await FailAsync(qemu);
        await Until.TrueAsync(() => qemu.Machine.Status is { State: MachineState.Stopping, CriticalReason: not null }, "the failure is noticed");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => shutdown);
        await Until.TrueAsync(() => qemu.Machine.Status is { State: MachineState.Paused, CriticalReason: not null }, "the guest can be resumed");
    }

    [Fact]
    public async Task A_guest_that_resets_itself_without_end_does_not_keep_the_hosts_disk_busy()
    {
        var clock = new SkippableClock(stands: true);
        await using var qemu = new FakeQemu(clock) { Status = "running" };
        qemu.Leave(record => record);
        qemu.Listen();
        await qemu.OpenAsync();
        var events = qemu.Machine.Subscribe();
        await qemu.TellAsync("RESET");
        await NextResetAsync();
        var written = qemu.Record!.StartedAt;
        Assert.Equal(qemu.Machine.Status.StartedAt, written);
        clock.Skip(TimeSpan.FromMilliseconds(100));
        await qemu.TellAsync("RESET");
        await NextResetAsync();
        Assert.Equal(written, qemu.Record!.StartedAt);
        Assert.True(qemu.Machine.Status.StartedAt > written);
        clock.Skip(TimeSpan.FromSeconds(1));
        await qemu.TellAsync("RESET");
        await NextResetAsync();
        Assert.True(qemu.Record!.StartedAt > written);
        Assert.Equal(qemu.Record!.StartedAt, qemu.Machine.Status.StartedAt);

        async Task NextResetAsync()
        {
            while (await events.ReadAsync(Until.Token) is not MachineWasReset)
            {
                // Other events come too.
            }
        }
    }

    [Fact]
    public async Task A_machine_is_gone_when_its_control_group_is()
    {
        var clock = new SkippableClock(stands: true);
        await using var qemu = new FakeQemu(clock) { Status = "running" };
        var group = Directory.CreateDirectory(Path.Combine(qemu["group"], "busy")).Parent!;
        qemu.Leave(record => record with { ControlGroupFolders = [group.FullName] });
        qemu.Listen();
        await qemu.OpenAsync();
        var ending = qemu.Machine.TurnOffAsync();
        await Until.TrueAsync(() => qemu.Machine.Status.State == MachineState.Off, "the process ends");
        Assert.False(ending.IsCompleted, "Whoever starts it now would be given the group that is being removed.");
        Directory.Delete(Path.Combine(group.FullName, "busy"));
        while (!ending.IsCompleted)
        {
            clock.Skip(TimeSpan.FromMilliseconds(10));
            await Task.WhenAny(ending, Task.Delay(1));
        }

        await ending;
        Assert.False(Directory.Exists(group.FullName));
    }

    private static async Task FailAsync(FakeQemu qemu)
    {
        qemu.Status = "io-error";
        await qemu.TellAsync("STOP");
    }

    private static void WriteState(FakeQemu qemu)
    {
        using var file = SavedState.Create(qemu["state"], new(qemu.Configuration.Id, "7.2.22", "pc", new()));
    }
}
