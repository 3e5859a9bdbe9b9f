using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo host</c>, <c>vireo storage</c>, <c>vireo switch</c>: one plane in the foreground, as systemd runs it.</summary>
internal static class PlaneVerb
{
    /// <summary>Runs the program and becomes its exit status; signals that ask to stop are handed on.</summary>
    public static Func<VerbContext, Task<int>> RunAsync(string program) => async context =>
    {
        var start = new ProcessStartInfo(PathOf(program)) { UseShellExecute = false };
        foreach (var argument in context.Options.RootArguments.Concat(context.Arguments))
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start) ?? throw new CliException("OperationFailed", $"{program} could not be started.", ExitStatus.Error);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            Signals.Terminate(process);
        });

        // Ctrl-C reaches the plane by itself: it is in the terminal's foreground group.
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    };

    /// <summary>Path of a program of Vireo: all of them lie in one folder.</summary>
    /// <exception cref="CliException">It is not there.</exception>
    public static string PathOf(string program)
    {
        var path = Path.Combine(AppContext.BaseDirectory, program);
        return File.Exists(path) ? path : throw new CliException(
            "ObjectNotFound", $"{path} is missing; build Vireo with './vireo version', or install it again.", ExitStatus.Error);
    }
}
