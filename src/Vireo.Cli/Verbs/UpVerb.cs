using System.Diagnostics;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo up</c>: <c>serve</c> in the background, and back when the host answers.</summary>
internal static class UpVerb
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(VerbContext context)
    {
        var options = context.Options;
        if (await IsReadyAsync(options, context.Cancellation))
        {
            context.Terminal.Out.Write("Vireo is running.\n");
            return ExitStatus.Ok;
        }

        var log = Path.Combine(options.StateFolder, "log", "serve.log");
        Directory.CreateDirectory(Path.GetDirectoryName(log)!);
        if (!ServeLock.IsHeld(options.RunFolder))
        {
            StartInBackground(options, log);
        }

        var clock = Stopwatch.StartNew();
        while (!await IsReadyAsync(options, context.Cancellation))
        {
            if (clock.Elapsed > Patience)
            {
                throw new CliException("OperationTimeout", $"Vireo did not answer within {Patience.TotalSeconds} s; {log} says why.", ExitStatus.Error);
            }

            context.Terminal.ShowProgress(new ProgressRecord("vireo up", "waiting for the host to answer", -1));
            await Task.Delay(Pace, context.Cancellation);
        }

        context.Terminal.ClearProgress();
        context.Terminal.Out.Write("Vireo is up.\n");
        return ExitStatus.Ok;
    }

    /// <summary>Whether the host answers and has found its machines again.</summary>
    private static async Task<bool> IsReadyAsync(GlobalOptions options, CancellationToken cancellation)
    {
        try
        {
            using var host = new HostClient(HostAddress.Local(options.Root));
            var health = await host.GetAsync("api/health", cancellation);
            return health.TryGetProperty("status", out var status) && status.ValueEquals("ready");
        }
        catch (HostUnreachableException error) when (!error.IsRefusal && error.ErrorId != "AccessDenied")
        {
            return false;
        }
    }

    /// <summary>A session of its own, without a terminal: closing the terminal does not stop Vireo.</summary>
    private static void StartInBackground(GlobalOptions options, string log)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is unknown.");

        // Under 'dotnet vireo.dll' the program is the host of the assembly.
        string[] program = Path.GetFileNameWithoutExtension(self) == "dotnet" ? [self, Path.Combine(AppContext.BaseDirectory, "vireo.dll")] : [self];
        foreach (var argument in (string[])["-c", "log=$1; shift; exec setsid --fork \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", log, .. program, .. options.RootArguments, "serve"])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start) ?? throw new CliException("OperationFailed", "Vireo could not be started.", ExitStatus.Error);
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new CliException("OperationFailed", $"Vireo could not be started in the background; {log} says why.", ExitStatus.Error);
        }
    }
}
