using Vireo.Cli.Parsing;
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
    public void Every_example_is_a_call_that_can_be_made()
    {
        foreach (var line in Examples())
        {
            var stages = PipelineText.Parse(line);
            for (var i = 0; i < stages.Count; i++)
            {
                var words = stages[i];
                try
                {
                    new ArgumentBinder(CommandTable.Find(words[0].Text) ?? throw new CliException("CommandNotFoundException", words[0].Text), "/home/me")
                        .Bind([.. words.Skip(1)], hasPipelineInput: i > 0);
                }
                catch (CliException error)
                {
                    Assert.Fail($"'{line}' cannot be called: {error.Message} [{error.ErrorId}]");
                }
            }
        }
    }

    [Fact]
    public async Task Every_example_survives_the_shell_it_is_pasted_into()
    {
        // A folder in which a wildcard that the shell expands would find something.
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder["web.vhdx"], "");
        await File.WriteAllTextAsync(folder["before"], "");
        var examples = Examples();
        var script = "vireo() { printf '%s\\037' \"$@\"; printf '\\036'; }\n" + string.Join('\n', examples.Select(HelpVerb.ForShell));
        using var process = ProgramTests.Start("/bin/bash", "-c", $"cd '{folder.Path}'\n{script}");
        var seen = (await process.StandardOutput.ReadToEndAsync()).Split('\x1e')[..^1];
        Assert.Equal("", await process.StandardError.ReadToEndAsync());
        Assert.Equal(examples.Count, seen.Length);
        for (var i = 0; i < seen.Length; i++)
        {
            Assert.Equal(Words(PipelineText.Parse(examples[i])), Words(PipelineText.Split(seen[i].Split('\x1f')[..^1])));
        }

        static IEnumerable<string> Words(IReadOnlyList<IReadOnlyList<Word>> stages) => stages.Select(static words => string.Join('\n', words.Select(static word => word.Text)));
    }

    [Theory]
    [InlineData("Get-VM web1", "vireo Get-VM web1")]
    [InlineData("Set-VMDvdDrive web1 -Path $null", "vireo 'Set-VMDvdDrive web1 -Path $null'")]
    [InlineData("Get-VM 'my *'", "vireo 'Get-VM \"my *\"'")]
    [InlineData("Get-VM 'a\"*'", @"vireo 'Get-VM '\''a""*'\'''")]
    public void A_line_is_quoted_for_the_shell_where_it_must_be(string line, string shown) => Assert.Equal(shown, HelpVerb.ForShell(line));

    [Fact]
    public async Task Every_verb_explains_itself()
    {
        foreach (var verb in Verb.Names)
        {
            var run = await Run.Async(["--root", "/nonexistent", verb, "--help"]);
            Assert.Equal((0, ""), (run.Status, run.Error));
            Assert.StartsWith("vireo " + verb, run.Out, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Help_promises_no_host_on_the_network()
    {
        Assert.Contains("Unix socket only", (await Run.Async(["help"])).Out, StringComparison.Ordinal);
        Assert.Contains("Unix socket only", (await Run.Async(["help", "Get-VM"])).Out, StringComparison.Ordinal);
        Assert.Contains("Unix socket only", (await Run.Async(["__maml"])).Out, StringComparison.Ordinal);
    }

    private static List<string> Examples() => [.. CommandTable.Names.SelectMany(static name => CommandTable.Find(name)!.Examples).Select(static example => example.Line)];

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

    [Fact]
    public async Task Completion_sees_past_the_options_before_the_command()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1")]);
        Assert.Contains("Get-VM", await Complete("--root", "/x", "get-v"));
        Assert.Contains("Get-VM", await Complete("--root=/x", "--json", "get-v"));
        Assert.Equal(["web1"], await Complete("--root", host.Root, "Start-VM", "w"));
        Assert.Equal(["web1"], await Complete("--root", "=", host.Root, "Start-VM", "w"));
        Assert.Equal(["--root"], await Complete("--r"));
        Assert.Empty(await Complete("--root", "/"));
        Assert.Contains("-Json", await Complete("Get-VM", "-j"));
    }

    [Theory]
    [InlineData("Start-VM|my", "Start-VM|my", @"my\ vm|\$true")]
    [InlineData("Start-VM|'my", "Start-VM|my", "my vm|$true")]
    [InlineData(@"Start-VM|my\ v", "Start-VM|my v", @"my\ vm|\$true")]
    [InlineData("--root|/x|Start-VM|\"my vm\"|", "--root|/x|Start-VM|my vm|", @"my\ vm|\$true")]
    public async Task Bash_completes_words_that_stay_one_word(string typed, string asked, string offered)
    {
        // Not on the path: the program that is completed for is the one that is asked.
        using var folder = new TempFolder();
        var program = folder["vireo"];
        await File.WriteAllTextAsync(program, $"#!/bin/sh\n(IFS='|'; shift; echo \"$*\" >{program}.asked)\necho 'my vm'\necho '$true'\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var process = CompleteInBash(program, (await Run.Async(["complete", "bash"])).Out, typed);
        Assert.Equal(offered + "\n", await process.StandardOutput.ReadToEndAsync());
        Assert.Equal("", await process.StandardError.ReadToEndAsync());
        Assert.Equal(asked + "\n", await File.ReadAllTextAsync(program + ".asked"));
    }

    [Fact]
    public async Task Bash_completes_with_the_program_itself()
    {
        using var process = CompleteInBash(ProgramTests.Vireo, (await Run.Async(["complete", "bash"])).Out, "--root|/nonexistent|Set-VMMemory|web1|-DynamicMemoryEnabled|");
        Assert.Equal(@"\$true|\$false" + "\n", await process.StandardOutput.ReadToEndAsync());
    }

    private static System.Diagnostics.Process CompleteInBash(string program, string script, string typed) => ProgramTests.Start(
        "/bin/bash",
        [
            "-c",
            """
            eval "$0"
            compopt() { :; } # there is only within a real completion
            COMP_WORDS=("$@")
            COMP_CWORD=$(($# - 1))
            _vireo
            IFS='|'
            echo "${COMPREPLY[*]}"
            """,
            script, program, .. typed.Split('|'),
        ]);

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
