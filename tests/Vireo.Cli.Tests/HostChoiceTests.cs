using Vireo.Client;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>Which host a command goes to, and what happens when one of several is not there.</summary>
[Requirement("PS-3")]
public class HostChoiceTests
{
    private static string SocketOf(FakeHost host) => "unix:" + Path.Combine(host.Root, "run", "host.sock");

    [Theory]
    [InlineData(".")]
    [InlineData("localhost")]
    [InlineData("MACHINE")]
    public async Task This_machine_is_the_host_that_the_root_chose(string name)
    {
        name = name == "MACHINE" ? Environment.MachineName : name;
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1")]);
        Assert.Equal(0, (await Run.Async(host, "Get-VM", "-ComputerName", name)).Status);
        Assert.Equal(0, (await Run.Async(["--root", host.Root, "--host", name, "Get-VM"])).Status);
        Assert.Equal(2, host.Requests.Count);
    }

    [Fact]
    public async Task A_host_that_is_not_there_does_not_take_the_others_answers_along()
    {
        await using var first = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1")]);
        await using var last = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web2")]);
        var gone = first.Root + "/gone.sock";
        var run = await Run.Async(first, "Get-VM", "-ComputerName", $".,unix:{gone},{SocketOf(last)}");
        Assert.Contains("web1 ", run.Out, StringComparison.Ordinal);
        Assert.Contains("web2 ", run.Out, StringComparison.Ordinal);
        Assert.Contains(gone, Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Equal(3, run.Status);

        var stopped = await Run.Async(first, "Get-VM", "-ComputerName", $".,unix:{gone},{SocketOf(last)}", "-ErrorAction", "Stop");
        Assert.Contains("web1 ", stopped.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("web2 ", stopped.Out, StringComparison.Ordinal);
        Assert.Equal(3, stopped.Status);
    }

    [Fact]
    public async Task Objects_go_back_to_the_host_they_came_from_past_one_that_is_gone()
    {
        await using var first = await FakeHost.StartAsync((command, _) => command == "Get-VM" ? [FakeHost.Machine("web1")] : []);
        await using var last = await FakeHost.StartAsync((command, _) => command == "Get-VM" ? [FakeHost.Machine("web2")] : []);
        Assert.Equal(3, (await Run.Async(first, $"Get-VM -ComputerName unix:/nowhere.sock,.,{SocketOf(last)} | Stop-VM")).Status);
        Assert.Single(first.Requests, static request => request.Command == "Stop-VM");
        Assert.Single(last.Requests, static request => request.Command == "Stop-VM");
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("$null")]
    [InlineData("unix:")]
    [InlineData("ftp://there")]
    public async Task A_name_that_is_none_is_a_sentence(string name)
    {
        var run = await Run.Async(["Get-VM", "-ComputerName", name]);
        Assert.Equal(2, run.Status);
        Assert.EndsWith("[InvalidParameter]\n", run.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await Run.Async(["--host", name == "$null" ? "" : name, "Get-VM"])).Status);
    }

    [Theory]
    [InlineData("there", 8446)]
    [InlineData("there:443", 443)]
    [InlineData("there:8000", 8000)]
    [InlineData("[fe80::1]", 8446)]
    [InlineData("[fe80::1]:443", 443)]
    [InlineData("https://there", 443)]
    public void A_port_that_is_named_is_kept(string text, int port) => Assert.Equal(port, HostAddress.Parse(text).Url!.Port);

    [Fact]
    public async Task Another_machine_is_said_to_be_out_of_reach()
    {
        var run = await Run.Async(["Get-VM", "-ComputerName", "127.0.0.1:1"]);
        Assert.Equal(3, run.Status);
        Assert.Contains("Unix socket only", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("this is no JSON")]
    [InlineData("""["no record"]""")]
    [InlineData("""{"record":"object","type":"x"}""")]
    public async Task An_answer_that_is_none_is_a_sentence(string line)
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1"), line]);
        var run = await Run.Async(host, "Get-VM");
        Assert.Equal(3, run.Status);
        Assert.Contains("[ProtocolError]", run.Error, StringComparison.Ordinal);
        Assert.Contains("web1 ", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_verb_takes_the_host_behind_its_name_and_answers_in_JSON()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1"), FakeHost.Machine("web2", "Off")]);
        await using var other = await FakeHost.StartAsync((_, _) => []);
        var run = await Run.Async(other, "status", "--host", $"unix:{host.Root}/run/host.sock", "-Json");
        Assert.Equal("", run.Error);
        Assert.Equal("""{"host":{"status":"ready","processId":7,"version":"1"},"planes":{},"machines":2,"running":1}""" + "\n", run.Out);
        Assert.Empty(other.Requests);
        run = await Run.Async(host, "doctor", "nonsense");
        Assert.Contains("'nonsense' is not understood", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_nobody_foresaw_is_a_sentence_too()
    {
        await using var host = await FakeHost.StartAsync((_, _) => []);
        var run = await Run.Async(host, "console", "web1");
        Assert.Equal(1, run.Status);
        Assert.StartsWith("vireo cannot go on: ", Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }
}
