using System.Diagnostics;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>The built program, as a shell runs it.</summary>
[Requirement("PS-3")]
public class ProgramTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>The program that was built with these tests.</summary>
    internal static string Vireo { get; } = Path.Combine(
        Repository.Root, "src", "Vireo.Cli", "bin", Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!, "net8.0", "vireo");

    [Theory]
    [InlineData("-Json")]
    [InlineData("-Verbose")]
    public async Task A_command_without_end_ends_when_nobody_reads_it(string how)
    {
        await using var host = await FakeHost.StartAsync(Endless);
        using var process = Start("/bin/sh", "-c", "\"$0\" --root \"$1\" Get-VM $2 | head -n 1; echo over", Vireo, host.Root, how);
        try
        {
            Assert.NotNull(await process.StandardOutput.ReadLineAsync().WaitAsync(Patience));
            await process.WaitForExitAsync().WaitAsync(Patience);
            await host.Aborted.Task.WaitAsync(Patience);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }

        static async IAsyncEnumerable<string> Endless(string command, Surface.CommandRequest request, FakeHost self)
        {
            for (var i = 0; !self.Aborted.Task.IsCompleted; i++)
            {
                // Tables are printed when the type changes.
                yield return i % 2 == 0 ? FakeHost.Machine("web1") : """{"record":"object","type":"System.Boolean","value":true}""";
                await Task.Yield();
            }
        }
    }

    [Fact]
    [Requirement("MG-2")]
    public async Task Events_are_not_followed_when_their_reader_has_left()
    {
        await using var host = await FakeHost.StartAsync((_, _) => []);
        using var process = Start("/bin/sh", "-c", "\"$0\" --root \"$1\" events --follow | head -n 1; echo over", Vireo, host.Root);
        try
        {
            Assert.Contains("happened", await process.StandardOutput.ReadLineAsync().WaitAsync(Patience), StringComparison.Ordinal);
            await process.WaitForExitAsync().WaitAsync(Patience);
            await host.Aborted.Task.WaitAsync(Patience);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public async Task Programs_that_share_a_file_write_one_after_the_other()
    {
        using var folder = new TempFolder();
        using var process = Start("/bin/sh", "-c", "{ \"$0\" version; \"$0\" version; echo end; } >\"$1\"", Vireo, folder["out"]);
        await process.WaitForExitAsync().WaitAsync(Patience);
        var lines = await File.ReadAllLinesAsync(folder["out"]);
        Assert.Equal(3, lines.Length);
        Assert.Equal(lines[0], lines[1]);
        Assert.Equal("end", lines[2]);
    }

    [Fact]
    public async Task Output_that_cannot_be_written_is_said()
    {
        using var process = Start("/bin/sh", "-c", "\"$0\" version >/dev/full", Vireo);
        var error = await process.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await process.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("vireo cannot go on: ", error, StringComparison.Ordinal);
    }

    internal static Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
