using System.Diagnostics;
using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A host that was killed at any point leaves machines that the next one finds in a state that makes sense.</summary>
public sealed class AdoptionTests
{
    [Fact]
    [Requirement("VM-10")]
    public async Task A_guest_survives_its_host_and_is_found_again()
    {
        await using var test = await TestMachine.CreateAsync();
        using (var host = await TestHost.RunAsync(test, "start"))
        {
            Assert.Equal("Running", await host.ReadLineAsync());
            host.Kill();
        }

        await test.OpenAsync();
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
        Assert.NotNull(test.Machine.Status.StartedAt);
        Assert.Contains("-uuid", test.Machine.CommandLine, StringComparison.Ordinal);
        using (var line = await SerialLine.ConnectAsync(test.Plan.ComSocket(1)))
        {
            Assert.True(await line.AskCounterAsync() > 0);
            await test.Machine.PauseAsync();
            await test.Machine.DisposeAsync();
            await test.OpenAsync();
            Assert.Equal(MachineState.Paused, test.Machine.Status.State);
            await test.Machine.ResumeAsync();
            await line.SendAsync('s');
        }

        var exit = (await test.NextAsync<MachineExited>()).Exit;
        Assert.Equal(MachineExitKind.GuestShutDown, exit.Kind);
    }

    [Theory]
    [Requirement("VM-10")]
    [InlineData("machine.recorded")]
    [InlineData("machine.launched")]
    [InlineData("machine.ready")]
    public async Task A_start_cut_short_before_the_guest_ran_is_undone(string crashPoint)
    {
        await using var test = await TestMachine.CreateAsync();
        using (var host = await TestHost.RunAsync(test, "start", crashAt: crashPoint))
        {
            await host.WaitForEndAsync();
        }

        await test.OpenAsync();
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        using var line = await test.StartAsync();
    }

    [Fact]
    [Requirement("VM-10")]
    public async Task A_start_cut_short_after_it_was_settled_is_finished()
    {
        await using var test = await TestMachine.CreateAsync();
        using (var host = await TestHost.RunAsync(test, "start", crashAt: "machine.committed"))
        {
            await host.WaitForEndAsync();
        }

        await test.OpenAsync();
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
        using var line = await SerialLine.ConnectAsync(test.Plan.ComSocket(1));
        Assert.True(await line.AskCounterAsync() > 0);
    }

    [Fact]
    [Requirement("VM-10")]
    public async Task A_save_cut_short_after_the_file_was_complete_is_finished()
    {
        await using var test = await TestMachine.CreateAsync();
        using (var host = await TestHost.RunAsync(test, "start-save", test["state"], "machine.saved"))
        {
            await host.WaitForEndAsync();
        }

        await test.OpenAsync();
        Assert.Equal(MachineState.Saved, test.Machine.Status.State);
        await test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] });
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
    }

    [Fact]
    [Requirement("VM-10")]
    public async Task A_restore_cut_short_before_the_guest_ran_leaves_it_saved()
    {
        await using var test = await TestMachine.CreateAsync();
        using (await test.StartAsync())
        {
            await test.Machine.SaveAsync(test["state"]);
        }

        await test.Machine.DisposeAsync();
        using (var host = await TestHost.RunAsync(test, "restore", test["state"], "machine.ready"))
        {
            await host.WaitForEndAsync();
        }

        await test.OpenAsync(hasSavedState: true);
        Assert.Equal(MachineState.Saved, test.Machine.Status.State);
    }

    [Fact]
    public async Task A_guest_that_ended_while_nobody_watched_is_off_with_its_reason()
    {
        await using var test = await TestMachine.CreateAsync();
        using (var host = await TestHost.RunAsync(test, "start"))
        {
            Assert.Equal("Running", await host.ReadLineAsync());
            host.Kill();
        }

        await test.OpenAsync();
        var processId = test.Machine.Status.ProcessId!.Value;
        await test.Machine.DisposeAsync();
        using (var line = await SerialLine.ConnectAsync(test.Plan.ComSocket(1)))
        {
            await line.SendAsync('s');
        }

        await Until.TrueAsync(() => Platform.Processes.ProcessIdentity.Find(processId) is null, "the guest ends");
        await test.OpenAsync();
        Assert.Equal(MachineState.Off, test.Machine.Status.State);
        Assert.Equal(MachineExitKind.GuestShutDown, test.Machine.Status.LastExit?.Kind);
    }

    [Fact]
    public async Task A_process_that_lost_its_record_is_not_started_twice()
    {
        await using var test = await TestMachine.CreateAsync();
        using var line = await test.StartAsync();
        var first = test.Machine;
        File.Move($"{test.RunFolder}.json", test["kept"]);
        var refusal = await Assert.ThrowsAsync<MachineException>(() => test.Driver.OpenAsync(test.Configuration.Id, test.RunFolder, hasSavedState: false));
        Assert.Equal(MachineErrorKind.ControlLost, refusal.Kind);
        Assert.Contains(first.Status.ProcessId!.Value.ToString(), refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>The small host that is killed.</summary>
    private sealed class TestHost : IDisposable
    {
        private readonly Process _process;

        private TestHost(Process process) => _process = process;

        public static async Task<TestHost> RunAsync(TestMachine test, string action, string? path = null, string? crashAt = null)
        {
            await test.Machine.DisposeAsync();
            var start = new ProcessStartInfo("dotnet")
            {
                ArgumentList =
                {
                    Path.Combine(AppContext.BaseDirectory, "Vireo.Machines.TestHost.dll"),
                    test.RunFolder, test.Configuration.Id.ToString(), test.DriveId.ToString(), test.DiskSocket, action,
                },
                RedirectStandardOutput = true,
                UseShellExecute = false,
            };
            if (path is not null)
            {
                start.ArgumentList.Add(path);
            }

            if (crashAt is not null)
            {
                start.Environment["VIREO_CRASH_AT"] = crashAt;
            }

            return new(Process.Start(start)!);
        }

        public async Task<string?> ReadLineAsync() => await _process.StandardOutput.ReadLineAsync(Until.Token);

        public void Kill()
        {
            _process.Kill();
            _process.WaitForExit();
        }

        public async Task WaitForEndAsync()
        {
            await _process.WaitForExitAsync(Until.Token);
            Assert.Equal(128 + 9, _process.ExitCode);
        }

        public void Dispose() => _process.Dispose();
    }
}
