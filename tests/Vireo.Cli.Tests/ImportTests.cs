using System.Text.Json;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary><c>vireo import</c> leads through a report page by page, and says what else to use where nobody answers.</summary>
public sealed class ImportTests
{
    private const string Machine = """{"Id":"11111111-1111-1111-1111-111111111111","Name":"web"}""";

    [Fact]
    [Requirement("IM-3")]
    public async Task Each_answer_is_sent_as_the_command_it_stands_for_and_the_machine_imported()
    {
        var resolved = new HashSet<string>();
        await using var host = await FakeHost.StartAsync((command, request) =>
        {
            switch (command)
            {
                case "Compare-VM":
                    return [Report(resolved)];
                case "Get-VMSwitch":
                    return ["""{"record":"object","type":"Microsoft.HyperV.PowerShell.VMSwitch","value":{"Name":"LAN"}}"""];
                case "Connect-VMNetworkAdapter":
                    resolved.Add("SwitchNotFound");
                    return [];
                case "Set-VMProcessor":
                    resolved.Add("ProcessorCountHost");
                    return [];
                case "Import-VM":
                    return [$$"""{"record":"object","type":"Microsoft.HyperV.PowerShell.VirtualMachine","value":{{Machine}}}"""];
                default:
                    return [];
            }
        });

        // A number that is none is asked for again.
        var run = await Run.Async(["--root", host.Root, "import", "/backup/web"], "LAN\nmany\n2\ny\n", interactive: true);
        Assert.True(run.Status == 0, run.Error);
        Assert.Contains("network (page 1 of 2)", run.Error, StringComparison.Ordinal);
        Assert.Contains("33012", run.Error, StringComparison.Ordinal);
        Assert.Contains("'many' is no number", run.Error, StringComparison.Ordinal);
        Assert.Contains("was imported", run.Error, StringComparison.Ordinal);
        var sent = host.Requests.ToList();
        Assert.Equal("/backup/web", sent[0].Request.Parameters.GetProperty("Path").GetString());
        var connect = sent.Single(one => one.Command == "Connect-VMNetworkAdapter").Request.Parameters;
        Assert.Equal("LAN", connect.GetProperty("SwitchName").GetString());
        Assert.Equal("adapter", connect.GetProperty("VMNetworkAdapter").GetProperty("Id").GetString());
        Assert.Equal(2, sent.Single(one => one.Command == "Set-VMProcessor").Request.Parameters.GetProperty("Count").GetInt32());
        Assert.Equal("Import-VM", sent[^1].Command);
        Assert.Equal(JsonValueKind.Object, sent[^1].Request.Parameters.GetProperty("CompatibilityReport").ValueKind);
    }

    [Theory]
    [InlineData("quit\n")]
    [InlineData("")]
    [Requirement("IM-3")]
    public async Task Whoever_leaves_has_imported_nothing(string input)
    {
        await using var host = await FakeHost.StartAsync((command, _) => command == "Compare-VM" ? [Report([])] : []);
        var run = await Run.Async(["--root", host.Root, "import", "/backup/web", "--new-id"], input, interactive: true);
        Assert.NotEqual(0, run.Status);
        Assert.Contains("Nothing was imported", run.Error, StringComparison.Ordinal);
        Assert.Contains("Remove-VM", host.Requests.Select(one => one.Command));
        Assert.DoesNotContain("Import-VM", host.Requests.Select(one => one.Command));
        Assert.True(host.Requests.First().Request.Parameters.GetProperty("GenerateNewId").GetBoolean());
    }

    [Fact]
    [Requirement("IM-3")]
    public async Task Without_a_terminal_it_names_the_commands_to_use()
    {
        await using var host = await FakeHost.StartAsync((_, _) => []);
        var run = await Run.Async(host, "import", "/backup/web");
        Assert.NotEqual(0, run.Status);
        Assert.Contains("Compare-VM /backup/web", run.Error, StringComparison.Ordinal);
        Assert.Contains("Import-VM /backup/web", run.Error, StringComparison.Ordinal);
        Assert.Empty(host.Requests);
        Assert.NotEqual(0, (await Run.Async(host, "import", "/backup/web", "--sideways")).Status);
    }

    private static string Report(HashSet<string> resolved)
    {
        var all = new (string Name, string Json)[]
        {
            ("SwitchNotFound", """{"Message":"No switch.","MessageId":33012,"Name":"SwitchNotFound","Category":"network","Severity":"Error","Source":{"$type":"VMNetworkAdapter","Id":"adapter"}}"""),
            ("ProcessorCountHost", """{"Message":"Too many.","MessageId":50080,"Name":"ProcessorCountHost","Category":"processor","Severity":"Error"}"""),
        };
        var left = string.Join(",", all.Where(one => !resolved.Contains(one.Name)).Select(one => one.Json));
        return $$$"""{"record":"object","type":"Microsoft.HyperV.PowerShell.VMCompatibilityReport","value":{"VM":{{{Machine}}},"Path":"/backup/web","Incompatibilities":[{{{left}}}]}}""";
    }
}
