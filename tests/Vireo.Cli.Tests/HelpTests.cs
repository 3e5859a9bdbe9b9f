using Vireo.Cli.Verbs;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>Help and completion work without a host.</summary>
[Requirement("PS-3")]
public class HelpTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly GlobalOptions Nowhere = new("/nonexistent", null, Json: false);

    private static Task<IReadOnlyList<string>> Complete(params string[] typed) => CompleteVerb.WordsAsync(Nowhere, typed, Patience, CancellationToken.None);

    [Fact]
    public async Task The_overview_lists_verbs_and_commands()
    {
        var run = await Run.Async(["help"]);
        Assert.Contains("  up ", run.Out, StringComparison.Ordinal);
        Assert.Contains("  New-VM ", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, run.Status);
    }

    [Fact]
    public async Task Every_command_explains_itself()
    {
        foreach (var name in CommandTable.Names)
        {
            var run = await Run.Async(["help", name]);
            Assert.Equal(0, run.Status);
            Assert.Contains("SYNTAX", run.Out, StringComparison.Ordinal);
            Assert.Contains("ERRORS", run.Out, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_syntax_is_written_as_in_powershell() =>
        Assert.Contains("[-NewName] <String> [-Passthru] [-WhatIf] [-Confirm]", (await Run.Async(["help", "Rename-VM"])).Out, StringComparison.Ordinal);

    [Fact]
    public async Task Completion_offers_commands_parameters_and_values()
    {
        Assert.Contains("Get-VM", await Complete("get-v"));
        Assert.Contains("-TurnOff", await Complete("Stop-VM", "web1", "-t"));
        Assert.Contains("-WhatIf", await Complete("Stop-VM", "-w"));
        Assert.Contains("StartIfRunning", await Complete("Set-VM", "-AutomaticStartAction", "start"));
        Assert.Contains("New-VHD", await Complete("help", "new-"));
        Assert.Empty(await Complete("Get-VM", "web"));
    }

    [Fact]
    public async Task Completion_offers_the_hosts_machines()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1"), FakeHost.Machine("db")]);
        var options = new GlobalOptions(host.Root, null, Json: false);
        Assert.Equal(["web1"], await CompleteVerb.WordsAsync(options, ["Start-VM", "w"], Patience, CancellationToken.None));
        Assert.Equal(["db"], await CompleteVerb.WordsAsync(options, ["Set-VMMemory", "-VMName", "d"], Patience, CancellationToken.None));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    public async Task The_shells_get_their_script(string shell) =>
        Assert.Contains("__complete", (await Run.Async(["complete", shell])).Out, StringComparison.Ordinal);

    [Fact]
    public async Task The_help_for_PowerShell_covers_every_command()
    {
        var document = System.Xml.Linq.XDocument.Parse((await Run.Async(["__maml"])).Out);
        var names = document.Root!.Elements().Select(static command => command.Elements().First().Elements().First().Value);
        Assert.Equal(CommandTable.Names, names);
    }
}
