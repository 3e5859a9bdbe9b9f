using System.Text.Json;
using Vireo.Surface;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>A command runs on the host; its records become tables, lines, questions and an exit status.</summary>
[Requirement("PS-3")]
[Requirement("PS-4")]
public class CommandRunTests
{
    [Fact]
    public async Task Objects_become_the_table_of_the_original()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1"), FakeHost.Machine("db", "Off")]);
        var run = await Run.Async(host, "Get-VM");
        Assert.Equal(
            """
            Name State   CPUUsage(%) MemoryAssigned(M) Uptime   Status             Version
            ---- -----   ----------- ----------------- ------   ------             -------
            web1 Running           7              1024 00:01:02 Operating normally 1.0
            db   Off               7              1024 00:01:02 Operating normally 1.0

            """,
            run.Out);
        Assert.Equal((0, ""), (run.Status, run.Error));
    }

    [Fact]
    public async Task Json_gives_one_object_a_line()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1"), FakeHost.Machine("db")]);
        var lines = (await Run.Async(host, "Get-VM", "-Json")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(["web1", "db"], lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("Name").GetString()));
    }

    [Fact]
    public async Task Json_is_a_parameter_of_every_stage_and_of_all_that_is_printed()
    {
        await using var host = await FakeHost.StartAsync((command, _) => command == "Get-VM"
            ? [FakeHost.Machine("web1")]
            : ["""{"record":"whatif","target":"web1","action":"Stop-VM"}""", """{"record":"job","id":"00000000-0000-0000-0000-000000000001"}"""]);
        var run = await Run.Async(host, "Get-VM web* | Stop-VM -Json -WhatIf");
        Assert.Equal((0, ""), (run.Status, run.Error));
        Assert.Equal(
            ["""{"record":"whatif","target":"web1","action":"Stop-VM"}""", """{"record":"job","id":"00000000-0000-0000-0000-000000000001"}"""],
            run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("{", (await Run.Async(host, "Get-VM", "-json")).Out, StringComparison.Ordinal);
        Assert.StartsWith("{", (await Run.Async(host, "--json", "Get-VM")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_nobody_can_answer_is_refused_with_advice_that_a_shell_leaves_alone()
    {
        const string error = """{"record":"error","errorId":"ConfirmationRequired","category":"OperationStopped","message":"Stop-VM must ask. Add -Confirm:$false to go on."}""";
        await using var host = await FakeHost.StartAsync((_, request) => request.Confirm == false ? [] : [error]);
        Assert.Contains("-Confirm:false", (await Run.Async(host, "Stop-VM", "web1")).Error, StringComparison.Ordinal);
        Assert.Equal(0, (await Run.Async(host, "Stop-VM", "web1", "-Confirm:false")).Status);
        var eaten = await Run.Async(host, "Stop-VM", "web1", "-Confirm:");
        Assert.Equal(2, eaten.Status);
        Assert.Contains("-Confirm:false", eaten.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipeline_hands_objects_on_in_one_request()
    {
        await using var host = await FakeHost.StartAsync((command, _) => command == "Get-VM" ? [FakeHost.Machine("web1"), FakeHost.Machine("web2")] : []);
        Assert.Equal(0, (await Run.Async(host, "Get-VM web* | Stop-VM -TurnOff")).Status);
        var stop = Assert.Single(host.Requests, request => request.Command == "Stop-VM").Request.Parameters;
        Assert.Equal(["web1", "web2"], stop.GetProperty("VM").EnumerateArray().Select(machine => machine.GetProperty("Name").GetString()));
        Assert.True(stop.GetProperty("TurnOff").GetBoolean());
    }

    [Fact]
    public async Task A_pipeline_binds_properties_by_name()
    {
        await using var host = await FakeHost.StartAsync((command, _) => command == "Get-VMHardDiskDrive"
            ? ["""{"record":"object","type":"Microsoft.HyperV.PowerShell.HardDiskDrive","value":{"Id":"x","Path":"/d/a.vhdx"}}"""]
            : []);
        Assert.Equal(0, (await Run.Async(host, "Get-VMHardDiskDrive web1 | Get-VHD")).Status);
        Assert.Equal("""["/d/a.vhdx"]""", Array(Assert.Single(host.Requests, request => request.Command == "Get-VHD").Request.Parameters.GetProperty("Path")));
    }

    [Fact]
    public async Task An_empty_pipeline_asks_for_nothing_more()
    {
        await using var host = await FakeHost.StartAsync((_, _) => []);
        Assert.Equal(0, (await Run.Async(host, "Get-VM web* | Stop-VM")).Status);
        Assert.Single(host.Requests);
    }

    [Fact]
    public async Task Errors_are_one_sentence_with_their_id_on_standard_error()
    {
        const string error = """{"record":"error","errorId":"InvalidParameter","category":"InvalidArgument","message":"There is none.","target":"x","fullyQualifiedErrorId":"InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM","terminating":false}""";
        await using var host = await FakeHost.StartAsync((_, _) => [error, FakeHost.Machine("y")]);
        var run = await Run.Async(host, "Get-VM", "x,y");
        Assert.Equal("Get-VM: There is none. [InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM]\n", run.Error);
        Assert.Equal(1, run.Status);
        Assert.Contains("y ", run.Out, StringComparison.Ordinal);
        Assert.Equal("", (await Run.Async(host, "Get-VM", "x,y", "-ErrorAction", "SilentlyContinue")).Error);
    }

    [Fact]
    public async Task Warnings_go_to_standard_error_and_what_if_to_standard_output()
    {
        await using var host = await FakeHost.StartAsync((_, _) =>
            ["""{"record":"warning","message":"Careful."}""", """{"record":"whatif","target":"web1","action":"Stop-VM"}""", """{"record":"from the future"}"""]);
        var run = await Run.Async(host, "Stop-VM", "web1", "-WhatIf");
        Assert.Equal("WARNING: Careful.\n", run.Error);
        Assert.Equal("What if: Performing the operation \"Stop-VM\" on target \"web1\".\n", run.Out);
        Assert.True(Assert.Single(host.Requests).Request.WhatIf);
    }

    [Theory]
    [InlineData("y\n", Answer.Yes)]
    [InlineData("\n", Answer.Yes)]
    [InlineData("what?\nL\n", Answer.NoToAll)]
    [InlineData("", Answer.No)]
    public async Task Questions_are_asked_and_answered(string typed, Answer answer)
    {
        var id = Guid.NewGuid();
        await using var host = await FakeHost.StartAsync(Ask);
        var run = await Run.Async(["--root", host.Root, "Remove-VM", "web1"], typed, interactive: true);
        Assert.Contains("Remove it?", run.Error, StringComparison.Ordinal);
        Assert.Equal(answer, await host.AnswerOf(id));
        Assert.True(Assert.Single(host.Requests).Request.Interactive);

        async IAsyncEnumerable<string> Ask(string command, CommandRequest request, FakeHost self)
        {
            yield return $$"""{"record":"question","id":"{{id}}","kind":"shouldContinue","caption":"Confirm","message":"Remove it?"}""";
            await self.AnswerOf(id);
            yield return FakeHost.End;
        }
    }

    [Theory]
    [InlineData("A\n", Answer.YesToAll)]
    [InlineData("L\n", Answer.NoToAll)]
    public async Task An_answer_to_all_is_asked_for_once(string typed, Answer answer)
    {
        Guid[] ids = [Guid.NewGuid(), Guid.NewGuid()];
        var asked = 0;
        await using var host = await FakeHost.StartAsync(Ask);
        var run = await Run.Async(["--root", host.Root, "Get-VMHardDiskDrive web1 | Get-VHD"], typed, interactive: true);
        Assert.Equal(2, run.Error.Split("Again?").Length);
        Assert.Equal([answer, answer], [await host.AnswerOf(ids[0]), await host.AnswerOf(ids[1])]);

        async IAsyncEnumerable<string> Ask(string command, CommandRequest request, FakeHost self)
        {
            if (command == "Get-VMHardDiskDrive")
            {
                yield return """{"record":"object","type":"Microsoft.HyperV.PowerShell.HardDiskDrive","value":{"Id":"x","Path":"/d/a.vhdx"}}""";
                yield return """{"record":"object","type":"Microsoft.HyperV.PowerShell.HardDiskDrive","value":{"Id":"y","Path":"/d/b.vhdx"}}""";
            }
            else
            {
                var id = ids[asked++];
                yield return $$"""{"record":"question","id":"{{id}}","kind":"shouldContinue","caption":"Confirm","message":"Again?"}""";
                await self.AnswerOf(id);
            }

            yield return FakeHost.End;
        }
    }

    [Fact]
    public async Task Interrupting_cancels_the_command_on_the_host()
    {
        using var cancel = new CancellationTokenSource();
        await using var host = await FakeHost.StartAsync(Wait);
        var run = await Run.Async(["--root", host.Root, "Wait-VM", "web1"], cancellation: cancel.Token);
        Assert.Equal(130, run.Status);
        await host.Aborted.Task.WaitAsync(TimeSpan.FromMinutes(2));

        async IAsyncEnumerable<string> Wait(string command, CommandRequest request, FakeHost self)
        {
            yield return """{"record":"progress","activity":"Waiting","status":"","percent":-1}""";
            await cancel.CancelAsync();
            await self.Aborted.Task.WaitAsync(TimeSpan.FromMinutes(2));
        }
    }

    [Fact]
    public async Task Without_a_host_it_says_what_to_do()
    {
        using var folder = new TempFolder();
        var run = await Run.Async(["--root", folder.Path, "Get-VM"]);
        Assert.Equal(3, run.Status);
        Assert.Contains("vireo up", run.Error, StringComparison.Ordinal);
        Assert.EndsWith("[ObjectNotFound]\n", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_breaks_off_is_an_error()
    {
        await using var host = await FakeHost.StartAsync(BreakOff);
        var run = await Run.Async(host, "Get-VM");
        Assert.Equal(3, run.Status);
        Assert.Contains("[ConnectionLost]", run.Error, StringComparison.Ordinal);

        static async IAsyncEnumerable<string> BreakOff(string command, CommandRequest request, FakeHost self)
        {
            yield return FakeHost.Machine("web1");
            await Task.CompletedTask;
        }
    }

    [Fact]
    public async Task A_name_with_control_characters_cannot_drive_the_terminal()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("a\\u001b[2Jb")]);
        Assert.DoesNotContain('\e', (await Run.Async(host, "Get-VM")).Out);
    }

    [Fact]
    public async Task A_mistyped_command_is_usage_and_a_near_one_is_proposed()
    {
        var run = await Run.Async(["Get-VN"]);
        Assert.Equal(2, run.Status);
        Assert.Contains("did you mean 'Get-VM'", run.Error, StringComparison.Ordinal);
    }

    private static string Array(JsonElement value) => value.ValueKind == JsonValueKind.Array ? value.GetRawText() : $"[{value.GetRawText()}]";
}
