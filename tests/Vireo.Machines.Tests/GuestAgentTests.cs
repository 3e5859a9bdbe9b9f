using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Vireo.Machines.GuestAgents;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

public sealed class GuestAgentTests
{
    [Fact]
    [Requirement("VM-8")]
    public async Task The_real_agent_runs_programs_and_moves_files()
    {
        using var folder = new TempFolder();
        using var agent = await StartAgentAsync(folder);
        using var client = new GuestAgentClient(folder["agent"], TimeProvider.System);
        Assert.True(await client.PingAsync(Until.Deadline));
        Assert.Equal(Environment.MachineName, await client.GetHostNameAsync());
        Assert.NotEqual("", (await client.GetOperatingSystemAsync()).PrettyName);
        Assert.Contains(await client.GetInterfacesAsync(), found => found.Addresses.Any(address => address.Address.Equals(System.Net.IPAddress.Loopback) && address.PrefixLength == 8));

        var result = await client.ExecuteAsync(new("/bin/sh", "-c", "cat; echo \"$WORD\" >&2; exit 3") { Input = "in"u8.ToArray(), Environment = ["WORD=out"] });
        Assert.Equal((3, "in", "out\n"), (result.ExitCode, result.OutputText, result.ErrorText));
        result = await client.ExecuteAsync(new("/bin/sh", "-c", "kill -9 $$"));
        Assert.Equal((null, 9), (result.ExitCode, result.Signal));
        result = await client.ExecuteAsync(new("/usr/bin/head", "-c", "1000000", "/dev/zero"));
        Assert.Equal(1_000_000, result.Output.Length);

        var content = new byte[300_000];
        new Random(1).NextBytes(content);
        await client.WriteFileAsync(folder["file"], content);
        Assert.Equal(content, await File.ReadAllBytesAsync(folder["file"]));
        Assert.Equal(content, await client.ReadFileAsync(folder["file"]));
        await Assert.ThrowsAsync<MachineException>(() => client.ReadFileAsync(folder["file"], maximumBytes: 1000));
        var refusal = await Assert.ThrowsAsync<MachineException>(() => client.ReadFileAsync(folder["missing"]));
        Assert.Contains("guest-file-open", refusal.Message, StringComparison.Ordinal);
        Assert.True(await client.PingAsync(Until.Deadline));

        // Another client comes, after this one left in the middle of its question.
        client.Disconnect();
        Assert.True(await client.PingAsync(Until.Deadline));
        agent.Kill();
        await agent.WaitForExitAsync();
        Assert.False(await client.PingAsync(Until.Deadline));
    }

    [Fact]
    public async Task Answers_to_earlier_questions_are_not_taken_for_new_ones()
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        var ping = client.GetHostNameAsync();
        await peer.AcceptAsync();
        var id = Id(await peer.ReadLineAsync());
        await peer.SendAsync("{\"return\": {\"host-name\": \"old\"}}\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid JSON\"}}\n");
        await peer.SendAsync([0xFF, .. "{\"return\": 4}\n"u8]);
        await peer.SendAsync([0xFF, .. Encoding.UTF8.GetBytes($"{{\"return\": {id}}}\n")]);
        Assert.Contains("guest-get-host-name", await peer.ReadLineAsync(), StringComparison.Ordinal);
        await peer.SendAsync("{\"return\": {\"host-name\": \"new\\u001b[2J\"}}\n");
        Assert.Equal("new?[2J", await ping);
    }

    [Fact]
    public async Task A_silent_agent_costs_its_time_limit_and_the_next_question_begins_anew()
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        var silent = client.PingAsync(TimeSpan.FromMilliseconds(50));
        await peer.AcceptAsync();
        Assert.False(await silent);
        var next = client.PingAsync(Until.Deadline);
        await peer.AcceptAsync();
        await SynchroniseAsync(peer);
        await peer.ReadLineAsync();
        await peer.SendAsync("{\"return\": {}}\n");
        Assert.True(await next);
    }

    [Theory]
    [InlineData("{\"return\": []}")]
    [InlineData("{\"return\": {\"exited\": true, \"exitcode\": \"x\"}}")]
    [InlineData("{\"return\": {\"exited\": true, \"out-data\": \"***\"}}")]
    [InlineData("{\"return\": {\"exited\": true, \"out-data\": \"\\ud800\"}}")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    [InlineData("nonsense")]
    public async Task A_hostile_answer_is_an_error_and_nothing_else(string answer)
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        var command = client.ExecuteAsync(new("/bin/true"));
        await peer.AcceptAsync();
        await SynchroniseAsync(peer);
        await peer.ReadLineAsync();
        await peer.SendAsync("{\"return\": {\"pid\": 1}}\n");
        await peer.ReadLineAsync();
        await peer.SendAsync($"{answer}\n");
        Assert.Equal(MachineErrorKind.GuestAgent, (await Assert.ThrowsAsync<MachineException>(() => command)).Kind);
    }

    [Fact]
    public async Task An_endless_answer_is_cut_off()
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        var question = client.GetHostNameAsync();
        await peer.AcceptAsync();
        await SynchroniseAsync(peer);
        await peer.ReadLineAsync();
        var part = new byte[1 << 20];
        Array.Fill(part, (byte)'x');
        try
        {
            for (var i = 0; i < 8; i++)
            {
                await peer.SendAsync(part);
            }
        }
        catch (System.Net.Sockets.SocketException)
        {
            // It hung up, as it should.
        }

        var error = await Assert.ThrowsAsync<MachineException>(() => question);
        Assert.IsType<Qmp.LineTooLongException>(error.InnerException);
    }

    [Fact]
    public async Task A_file_that_never_ends_is_cut_off()
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        var reading = client.ReadFileAsync("/x", maximumBytes: 100_000);
        await peer.AcceptAsync();
        await SynchroniseAsync(peer);
        var chunk = Convert.ToBase64String(new byte[40_000]);
        while (await peer.ReadLineAsync() is { } question && !question.Contains("guest-file-close", StringComparison.Ordinal))
        {
            await peer.SendAsync(question.Contains("guest-file-open", StringComparison.Ordinal)
                ? "{\"return\": 5}\n"
                : $"{{\"return\": {{\"count\": 40000, \"buf-b64\": \"{chunk}\", \"eof\": false}}}}\n");
        }

        await peer.SendAsync("{\"return\": {}}\n");
        Assert.Contains("100000", (await Assert.ThrowsAsync<MachineException>(() => reading)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_never_ends_is_not_waited_for_without_end()
    {
        var clock = new SkippableClock();
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, clock);
        var command = client.ExecuteAsync(new("/bin/true") { Patience = TimeSpan.FromHours(1) });
        await peer.AcceptAsync();
        await SynchroniseAsync(peer);
        await peer.ReadLineAsync();
        await peer.SendAsync("{\"return\": {\"pid\": 1}}\n");
        for (var asked = 0; asked < 3; asked++)
        {
            await peer.ReadLineAsync();
            await peer.SendAsync("{\"return\": {\"exited\": false}}\n");
        }

        clock.Skip(TimeSpan.FromHours(1));
        var error = await Assert.ThrowsAsync<MachineException>(() => command.WaitAsync(Until.Deadline));
        Assert.Contains("/bin/true", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_output_than_is_wanted_is_not_taken()
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        var command = client.ExecuteAsync(new("/bin/true") { MaximumOutputBytes = 1000 });
        await peer.AcceptAsync();
        await SynchroniseAsync(peer);
        await peer.ReadLineAsync();
        await peer.SendAsync("{\"return\": {\"pid\": 1}}\n");
        await peer.ReadLineAsync();
        try
        {
            await peer.SendAsync($"{{\"return\": {{\"exited\": true, \"out-data\": \"{new string('A', 4 << 20)}\"}}}}\n");
        }
        catch (System.Net.Sockets.SocketException)
        {
            // It hung up, as it should.
        }

        Assert.IsType<Qmp.LineTooLongException>((await Assert.ThrowsAsync<MachineException>(() => command)).InnerException);
    }

    [Fact]
    public async Task Hanging_up_at_any_moment_only_fails_the_question()
    {
        using var peer = new ScriptedPeer();
        using var client = new GuestAgentClient(peer.Path, TimeProvider.System);
        using var end = new CancellationTokenSource();
        var hanging = Task.Run(() =>
        {
            while (!end.IsCancellationRequested)
            {
                client.Disconnect();
            }
        });
        try
        {
            for (var i = 0; i < 300; i++)
            {
                var ping = client.PingAsync(Until.Deadline);
                await peer.AcceptAsync();
                await SynchroniseAsync(peer);
                try
                {
                    if (await peer.ReadLineAsync() is not null)
                    {
                        await peer.SendAsync("{\"return\": {}}\n");
                    }
                }
                catch (Exception hungUp) when (hungUp is System.Net.Sockets.SocketException or IOException)
                {
                    // It hung up in the middle.
                }

                // Heard or not: anything but an answer or a failed question is thrown here.
                await ping;

                // Where nobody hung up, the next question would not connect again.
                client.Disconnect();
            }
        }
        finally
        {
            await end.CancelAsync();
            await hanging;
        }
    }

    private static async Task SynchroniseAsync(ScriptedPeer peer) =>
        await peer.SendAsync([0xFF, .. Encoding.UTF8.GetBytes($"{{\"return\": {Id(await peer.ReadLineAsync())}}}\n")]);

    private static long Id(string? question) => JsonDocument.Parse(question!).RootElement.GetProperty("arguments").GetProperty("id").GetInt64();

    private static async Task<AgentProcess> StartAgentAsync(TempFolder folder)
    {
        const string Program = "/usr/sbin/qemu-ga";
        Assert.True(File.Exists(Program), $"{Program} is missing: install the package qemu-guest-agent.");
        var process = Process.Start(new ProcessStartInfo(Program, ["-m", "unix-listen", "-p", folder["agent"], "-t", folder.Path]) { UseShellExecute = false })!;
        await Until.TrueAsync(() => File.Exists(folder["agent"]), "the agent listens");
        return new(process);
    }

    /// <summary>qemu-ga, ended with the test.</summary>
    private sealed class AgentProcess(Process process) : IDisposable
    {
        public void Kill() => process.Kill();

        public Task WaitForExitAsync() => process.WaitForExitAsync(Until.Token);

        public void Dispose()
        {
            if (!process.HasExited)
            {
                process.Kill();
                process.WaitForExit();
            }

            process.Dispose();
        }
    }
}
