using System.Diagnostics;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo down</c>: stops the planes; virtual machines keep running.</summary>
internal static class DownVerb
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(VerbContext context)
    {
        var folder = context.Options.RunFolder;
        if (ServeLock.Owner(folder) is not { } process)
        {
            context.Terminal.Out.Write("Vireo is not running.\n");
            return ExitStatus.Ok;
        }

        if (!Signals.Terminate(process))
        {
            throw new CliException("AccessDenied", $"You may not stop Vireo (process {process}); become root.", ExitStatus.Error);
        }

        var clock = Stopwatch.StartNew();
        while (ServeLock.IsHeld(folder))
        {
            if (clock.Elapsed > Patience)
            {
                throw new CliException("OperationTimeout", $"Vireo (process {process}) did not stop within {Patience.TotalSeconds} s.", ExitStatus.Error);
            }

            context.Terminal.ShowProgress(new ProgressRecord("vireo down", "waiting for the planes to stop", -1));
            await Task.Delay(Pace, context.Cancellation);
        }

        context.Terminal.ClearProgress();
        context.Terminal.Out.Write("Vireo is down; virtual machines keep running.\n");
        return ExitStatus.Ok;
    }
}
