using System.Diagnostics;
using System.Net.Sockets;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Checks;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>What a host offers its machines.</summary>
public sealed class HostTests
{
    private const string Qemu = "/usr/bin/qemu-system-x86_64";

    [Fact]
    public async Task The_probe_runs_a_guest_and_remembers()
    {
        using var folder = new TempFolder();
        var cache = folder["accelerator.json"];
        var probe = new AcceleratorProbe(Qemu, cache, user: null, TimeProvider.System);
        Assert.Null(await probe.RunGuestAsync(AcceleratorKind.Tcg, Until.Deadline));
        var report = await probe.GetAsync();
        Assert.EndsWith(".", report.Reason, StringComparison.Ordinal);
        Assert.Equal(report, await probe.GetAsync());

        // Another boot, kernel, QEMU or user is another key.
        var text = await File.ReadAllTextAsync(cache);
        await File.WriteAllTextAsync(cache, text.Replace(report.QemuVersion, "0.0", StringComparison.Ordinal));
        Assert.NotEqual("0.0", (await probe.GetAsync()).QemuVersion);
        await File.WriteAllTextAsync(cache, "not json");
        Assert.Equal(report.Kind, (await probe.GetAsync()).Kind);
    }

    [Fact]
    public async Task A_probe_says_why_a_guest_did_not_run()
    {
        using var folder = new TempFolder();
        var probe = new AcceleratorProbe(Qemu, folder["cache"], user: null, TimeProvider.System);
        Assert.Contains("within 0 s", await probe.RunGuestAsync(AcceleratorKind.Tcg, TimeSpan.Zero), StringComparison.Ordinal);
        var missing = new AcceleratorProbe(folder["no-qemu"], folder["cache"], user: null, TimeProvider.System);
        var error = await Assert.ThrowsAsync<MachineException>(() => missing.GetAsync());
        Assert.Equal(MachineErrorKind.MissingResource, error.Kind);

        // Another program writes the script: a process that a test beside this one starts could hold our descriptor for a moment, and
        // the kernel runs no file that is open for writing.
        await File.WriteAllTextAsync(folder["script"], "#!/bin/sh\necho 'qemu: the processor is on holiday' >&2\nexit 1\n");
        Peer.Run("install", "-m", "500", folder["script"], folder["qemu"]);
        var failing = new AcceleratorProbe(folder["qemu"], folder["cache"], user: null, TimeProvider.System);
        Assert.Equal("QEMU ended with status 1: the processor is on holiday", await failing.RunGuestAsync(AcceleratorKind.Kvm, Until.Deadline));
    }

    [Fact]
    public async Task The_doctor_looks_at_everything()
    {
        using var folder = new TempFolder();
        var checks = await new MachineDriver(new() { StateFolder = folder.Path }, TimeProvider.System).Checks.RunAsync();
        Assert.Equal(
            ["QEMU", "UEFI firmware", "Accelerator", "Memory", "Huge pages", "Control groups", "User of guests", "nftables", "dnsmasq", "Free space"],
            checks.Select(check => check.Name));
        Assert.All(checks, check => Assert.True(check.Level == CheckLevel.Ok || check.Advice is not null, check.Name));
        Assert.Equal(CheckLevel.Warning, HostChecks.CheckMemory(["MemTotal:  1048576 kB", "MemAvailable:   1000 kB"]).Level);
    }

    [Fact]
    [Requirement("VM-8")]
    public async Task The_heartbeat_follows_the_agent()
    {
        using var folder = new TempFolder();
        using var client = new GuestAgentClient(folder["agent"], TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var status = HeartbeatStatus.NoContact;
        var monitor = new HeartbeatMonitor(client, TimeProvider.System, () => true, changed => status = changed);
        var running = monitor.RunAsync(cancel.Token);
        using (var agent = Process.Start(new ProcessStartInfo("/usr/sbin/qemu-ga", ["-m", "unix-listen", "-p", folder["agent"], "-t", folder.Path]) { UseShellExecute = false })!)
        {
            await Until.TrueAsync(() => Woken() == HeartbeatStatus.OkApplicationsUnknown, "the agent is heard");
            Assert.True(monitor.HasContact);
            agent.Kill();
            await agent.WaitForExitAsync();
        }

        await Until.TrueAsync(() => Woken() == HeartbeatStatus.LostCommunication, "the loss is noticed");
        Assert.False(monitor.HasContact);
        await cancel.CancelAsync();
        await running;

        HeartbeatStatus Woken()
        {
            monitor.Wake();
            return status;
        }
    }

    [Fact]
    [Requirement("VM-8")]
    public async Task The_heartbeat_is_woken_after_a_round_that_nobody_woke()
    {
        using var folder = new TempFolder();
        using var client = new GuestAgentClient(folder["agent"], TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var clock = new SkippableClock(stands: true);
        var rounds = 0;
        var monitor = new HeartbeatMonitor(client, clock, () => Interlocked.Increment(ref rounds) < 0, _ => { });
        var running = monitor.RunAsync(cancel.Token);
        await Until.TrueAsync(() => Volatile.Read(ref rounds) == 1, "the first round");
        while (Volatile.Read(ref rounds) == 1)
        {
            clock.Skip(TimeSpan.FromMinutes(1));
            await Task.Delay(1);
        }

        // From here on the clock stands: only who is woken goes on.
        var before = Volatile.Read(ref rounds);
        monitor.Wake();
        await Until.TrueAsync(() => Volatile.Read(ref rounds) > before, "the round after the call");
        await cancel.CancelAsync();
        await running;
    }

    [Theory]
    [Requirement("VM-8")]
    [InlineData(true, 12)]
    [InlineData(false, 8)]
    public async Task Who_does_not_answer_is_asked_more_and_more_seldom(bool runs, int roundsMax)
    {
        using var folder = new TempFolder();
        using var client = new GuestAgentClient(folder["nobody"], TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var clock = new SkippableClock(stands: true);
        var rounds = 0;
        var monitor = new HeartbeatMonitor(client, clock, () => Interlocked.Increment(ref rounds) > 0 && runs, _ => { });
        var running = monitor.RunAsync(cancel.Token);
        for (var second = 0; second < 200; second++)
        {
            clock.Skip(TimeSpan.FromSeconds(1));
            await Task.Delay(2);
        }

        // After 1, 2, 4, 8, 16, then every 30 seconds; every 30 seconds where there is nobody to ask.
        Assert.InRange(Volatile.Read(ref rounds), 2, roundsMax);
        await cancel.CancelAsync();
        await running;
    }

    [Fact]
    [Requirement("VM-8")]
    public async Task An_agent_whose_channel_is_closed_is_asked_when_it_opens()
    {
        using var folder = new TempFolder();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(folder["agent"]));
        socket.Listen();
        using var client = new GuestAgentClient(folder["agent"], TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var rounds = 0;
        var monitor = new HeartbeatMonitor(client, new SkippableClock(stands: true), () => Interlocked.Increment(ref rounds) > 0, _ => { });
        monitor.SetChannel(false);
        var running = monitor.RunAsync(cancel.Token);
        for (var round = 1; round <= 5; round++)
        {
            await Until.TrueAsync(() => Volatile.Read(ref rounds) >= round, "the next round");
            monitor.Wake();
        }

        Assert.False(socket.Poll(0, SelectMode.SelectRead));
        monitor.SetChannel(true);
        using var asked = await socket.AcceptAsync().WaitAsync(TimeSpan.FromMinutes(1));
        await cancel.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_machine_runs_as_an_unprivileged_user_in_its_own_session()
    {
        Assert.True(Environment.IsPrivilegedProcess, "This test changes to another user and needs root.");
        await using var test = await TestMachine.CreateAsync();
        const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        File.SetUnixFileMode(test[""], Everybody);
        File.SetUnixFileMode(test.DiskSocket, (UnixFileMode)0x1B6);
        test.Plan = test.Plan with { User = "nobody" };
        using var line = await test.StartAsync();
        var processId = test.Machine.Status.ProcessId!.Value;
        var status = await File.ReadAllLinesAsync($"/proc/{processId}/status");
        var (userId, groupId) = Privileges.FindIds("nobody")!.Value;
        Assert.Contains($"Uid:\t{userId}\t{userId}\t{userId}\t{userId}", status);
        Assert.Contains($"Gid:\t{groupId}\t{groupId}\t{groupId}\t{groupId}", status);
        Assert.Contains("NoNewPrivs:\t1", status);
        Assert.Contains("CapBnd:\t0000000000000000", status);
        Assert.Contains("Seccomp:\t2", status);
        var fields = (await File.ReadAllTextAsync($"/proc/{processId}/stat")).Split(' ');
        Assert.Equal(processId.ToString(), fields[5]);
        await test.Machine.SaveAsync(test["state"]);
        await test.Machine.StartAsync(test.Start with { SavedStatePath = test["state"] });
        Assert.Equal(MachineState.Running, test.Machine.Status.State);
    }
}
