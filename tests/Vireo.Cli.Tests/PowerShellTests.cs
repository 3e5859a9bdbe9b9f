using System.Diagnostics;
using Vireo.Surface;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>
/// The module in a real PowerShell against a host of the test. PowerShell is no package of the distributions, so these tests run where
/// <c>pwsh</c> is on the path and are skipped elsewhere.
/// </summary>
[Requirement("PS-3")]
[Requirement("PS-4")]
public class PowerShellTests
{
    /// <summary>The module that was built with these tests, in the same configuration.</summary>
    private static string Module
    {
        get
        {
            var configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!;
            return Path.Combine(Repository.Root, "src", "Vireo.PowerShell", "bin", configuration, "net8.0", "Hyper-V.psd1");
        }
    }

    private static async Task<string[]> RunAsync(FakeHost host, string script, string? typed = null)
    {
        var start = new ProcessStartInfo(FactNeedsAttribute.FindPowerShell()!) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["VIREO_ROOT"] = host.Root;
        start.Environment["NO_COLOR"] = "1";
        foreach (var argument in (string[])["-NoProfile", .. typed is null ? ["-NonInteractive"] : Array.Empty<string>(), "-Command", $"$ErrorActionPreference = 'Stop'; Import-Module '{Module}'; {script}"])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(typed);
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output + await error);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    [FactNeeds(Need.PowerShell)]
    public async Task Objects_have_the_types_that_scripts_name()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1")]);
        Assert.Equal(
            ["Microsoft.HyperV.PowerShell.VirtualMachine", "True", "2", "1024"],
            await RunAsync(host, """
                $vm = Get-VM web1
                $vm.GetType().FullName
                $vm.State -eq [Microsoft.HyperV.PowerShell.VMState]::Running
                [int]$vm.State
                $vm.MemoryAssigned / 1MB
                """));
    }

    [FactNeeds(Need.PowerShell)]
    public async Task Errors_are_caught_by_type_id_and_category()
    {
        const string error = """{"record":"error","errorId":"InvalidParameter","category":"InvalidArgument","message":"There is none.","target":"x","fullyQualifiedErrorId":"","terminating":false}""";
        await using var host = await FakeHost.StartAsync((_, _) => [error]);
        Assert.Equal(
            ["InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM", "InvalidArgument", "InvalidParameter", "x", "went on"],
            await RunAsync(host, """
                try { Get-VM x } catch [Microsoft.HyperV.PowerShell.VirtualizationException] {
                    $_.FullyQualifiedErrorId; $_.CategoryInfo.Category; $_.Exception.ErrorIdentifier; $_.TargetObject
                }
                Get-VM x -ErrorAction SilentlyContinue
                'went on'
                """));
    }

    [FactNeeds(Need.PowerShell)]
    public async Task Pipelines_bind_by_value_and_by_property_name()
    {
        await using var host = await FakeHost.StartAsync((command, _) => command switch
        {
            "Get-VM" => [FakeHost.Machine("web1"), FakeHost.Machine("web2")],
            "Get-VMHardDiskDrive" => ["""{"record":"object","type":"Microsoft.HyperV.PowerShell.HardDiskDrive","value":{"Id":"x","Path":"/d/a.vhdx"}}"""],
            _ => [],
        });
        await RunAsync(host, "Get-VM web* | Stop-VM -TurnOff; Get-VMHardDiskDrive web1 | Get-VHD");
        var stops = host.Requests.Where(static request => request.Command == "Stop-VM").Select(static request => request.Request).ToList();
        Assert.Equal(["web1", "web2"], stops.Select(static stop => stop.Parameters.GetProperty("VM")[0].GetProperty("Name").GetString()));
        Assert.All(stops, static stop => Assert.Equal("VMObject", stop.ParameterSet));
        Assert.Equal("/d/a.vhdx", host.Requests.Last(static request => request.Command == "Get-VHD").Request.Parameters.GetProperty("Path")[0].GetString());
    }

    [FactNeeds(Need.PowerShell)]
    public async Task WhatIf_and_Confirm_are_answered_by_PowerShell()
    {
        var questions = new List<Guid>();
        await using var host = await FakeHost.StartAsync(Ask);
        var output = await RunAsync(host, "Stop-VM web1 -WhatIf; Stop-VM web1; Stop-VM web1 -Confirm:$false");
        Assert.Equal(["What if: Performing the operation \"Stop-VM\" on target \"web1\"."], output);
        Assert.Equal([true, null, false], host.Requests.Select(static request => request.Request.Confirm));
        Assert.Equal(Answer.No, await host.AnswerOf(Assert.Single(questions)));

        async IAsyncEnumerable<string> Ask(string command, CommandRequest request, FakeHost self)
        {
            if (request.Confirm == true)
            {
                var id = Guid.NewGuid();
                questions.Add(id);
                yield return $$"""{"record":"question","id":"{{id}}","kind":"shouldProcess","target":"web1","action":"Stop-VM"}""";
                await self.AnswerOf(id);
            }

            yield return FakeHost.End;
        }
    }

    [FactNeeds(Need.PowerShell)]
    public async Task AsJob_gives_a_job_and_live_properties_are_read_again()
    {
        var id = Guid.NewGuid();
        var state = "Off";
        await using var host = await FakeHost.StartAsync((command, _) =>
        {
            state = command == "Start-VM" ? "Running" : state;
            return command == "Get-VM" ? [FakeHost.Machine("web1", state).Replace("\"Id\":\"", $"\"Id\":\"{id}\",\"X\":\"", StringComparison.Ordinal)] : [];
        });
        Assert.Equal(
            ["Off", "VMJob", "Completed", "Running"],
            await RunAsync(host, """
                $vm = Get-VM web1
                "$($vm.State)"
                $job = Start-VM web1 -AsJob
                $job.PSJobTypeName
                "$(($job | Wait-Job).State)"
                "$($vm.State)"
                """));
    }

    [FactNeeds(Need.PowerShell)]
    public async Task Completion_offers_names_and_tables_have_the_columns_of_the_original()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1"), FakeHost.Machine("my vm")]);
        var output = await RunAsync(host, """
            (TabExpansion2 'Start-VM w' 10).CompletionMatches.CompletionText
            (TabExpansion2 'Start-VM my' 11).CompletionMatches.CompletionText
            Get-VM | Out-String -Width 200
            """);
        Assert.Equal(["web1", "'my vm'"], output[..2]);
        Assert.Equal("Name  State   CPUUsage(%) MemoryAssigned(M) Uptime           Status             Version", output[2]);
    }

    [FactNeeds(Need.PowerShell)]
    public async Task A_machine_that_is_read_again_is_new_in_every_property_and_gone_only_when_the_host_says_so()
    {
        var id = Guid.NewGuid();
        var notes = "one";
        string? error = null;
        await using var host = await FakeHost.StartAsync((command, request) =>
        {
            notes = command == "Set-VM" ? "two" : notes;
            error = command switch { "Stop-VM" => "AccessDenied", "Remove-VM" => "InvalidParameter", _ => error };
            return command != "Get-VM" ? []
                : error is not null ? [$$"""{"record":"error","errorId":"{{error}}","category":"InvalidArgument","message":"No.","target":"{{id}}"}"""]
                : [$$"""{"record":"object","type":"Microsoft.HyperV.PowerShell.VirtualMachine","value":{"Id":"{{id}}","Name":"web1","Notes":"{{notes}}"} }"""];
        });
        Assert.Equal(
            ["one", "two", "two", "False", "two", "True"],
            await RunAsync(host, """
                $vm = Get-VM web1
                $vm.Notes
                Set-VM web1 -Notes two
                $vm.Notes
                Stop-VM web1
                $vm.Notes
                $vm.IsDeleted
                Remove-VM web1 -Force
                $vm.Notes
                $vm.IsDeleted
                """));
    }

    [FactNeeds(Need.PowerShell)]
    public async Task Objects_and_what_is_in_them_go_back_to_the_host_they_came_from()
    {
        const string machine = """{"record":"object","type":"Microsoft.HyperV.PowerShell.VirtualMachine","value":{"Id":"00000000-0000-0000-0000-000000000001","Name":"NAME","NetworkAdapters":[{"Id":"x","Name":"net"}]}}""";
        await using var here = await FakeHost.StartAsync((command, _) => command == "Get-VM" ? [machine.Replace("NAME", "here", StringComparison.Ordinal)] : []);
        await using var there = await FakeHost.StartAsync((command, _) => command == "Get-VM" ? [machine.Replace("NAME", "there", StringComparison.Ordinal)] : []);
        await RunAsync(here, $$"""
            $vm = Get-VM -ComputerName unix:{{there.Root}}/run/host.sock there
            $vm.NetworkAdapters | Set-VMNetworkAdapter -MacAddressSpoofing On
            $vm.NetworkAdapters | Set-VMNetworkAdapter -MacAddressSpoofing Off # of the machine that was read again
            Stop-VM -VM (Get-VM here), $vm
            """);
        Assert.Equal(2, there.Requests.Count(static request => request.Command == "Set-VMNetworkAdapter"));
        Assert.DoesNotContain(here.Requests, static request => request.Command == "Set-VMNetworkAdapter");
        Assert.Equal("here", NamesOf(Assert.Single(here.Requests, static request => request.Command == "Stop-VM").Request));
        Assert.Equal("there", NamesOf(Assert.Single(there.Requests, static request => request.Command == "Stop-VM").Request));

        static string NamesOf(CommandRequest request) =>
            string.Join(',', request.Parameters.GetProperty("VM").EnumerateArray().Select(static machine => machine.GetProperty("Name").GetString()));
    }

    [FactNeeds(Need.PowerShell)]
    public async Task A_job_ends_whatever_the_host_answers()
    {
        await using var host = await FakeHost.StartAsync((_, _) => [FakeHost.Machine("web1", "Sideways")]);
        Assert.Equal(
            ["Failed", "OperationFailed,Microsoft.HyperV.PowerShell.Commands.StartVM", "stopped"],
            await RunAsync(host, """
                $job = Start-VM web1 -AsJob
                "$(($job | Wait-Job -Timeout 60).State)"
                $job.Error[0].FullyQualifiedErrorId
                $job.StopJob()
                'stopped'
                """));
    }

    [FactNeeds(Need.PowerShell)]
    public async Task A_job_says_what_it_would_do()
    {
        await using var host = await FakeHost.StartAsync((_, _) => ["""{"record":"whatif","target":"web1","action":"Start-VM"}"""]);
        Assert.Equal(
            ["Completed", "What if: Performing the operation \"Start-VM\" on target \"web1\"."],
            await RunAsync(host, """
                $job = Start-VM web1 -AsJob -WhatIf | Wait-Job
                "$($job.State)"
                $job | Receive-Job
                """));
        Assert.True(Assert.Single(host.Requests).Request.WhatIf);
    }

    [FactNeeds(Need.PowerShell)]
    public async Task Yes_to_all_answers_the_questions_about_later_objects()
    {
        var questions = new List<Guid>();
        await using var host = await FakeHost.StartAsync(Ask);
        await RunAsync(host, "Get-VM web* | Remove-VM", typed: "A\n");
        Assert.Equal(2, questions.Count);
        Assert.Equal([Answer.Yes, Answer.Yes], [await host.AnswerOf(questions[0]), await host.AnswerOf(questions[1])]);

        async IAsyncEnumerable<string> Ask(string command, CommandRequest request, FakeHost self)
        {
            if (command == "Get-VM")
            {
                yield return FakeHost.Machine("web1");
                yield return FakeHost.Machine("web2");
            }
            else
            {
                var id = Guid.NewGuid();
                questions.Add(id);
                yield return $$"""{"record":"question","id":"{{id}}","kind":"shouldContinue","caption":"Confirm","message":"Remove it?"}""";
                await self.AnswerOf(id);
            }

            yield return FakeHost.End;
        }
    }

    [FactNeeds(Need.PowerShell)]
    public async Task A_path_of_Windows_and_an_empty_host_are_refused()
    {
        await using var host = await FakeHost.StartAsync((_, _) => []);
        Assert.Equal(
            ["InvalidParameter,Microsoft.Vhd.PowerShell.Cmdlets.NewVhd", "True", "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM"],
            await RunAsync(host, """
                try { New-VHD 'C:\d\a.vhdx' -SizeBytes 1GB } catch { $_.FullyQualifiedErrorId; "$_".Contains('/srv/d/a.vhdx') }
                try { Get-VM -ComputerName ' ' } catch { $_.FullyQualifiedErrorId }
                """));
        Assert.Empty(host.Requests);
    }
}
