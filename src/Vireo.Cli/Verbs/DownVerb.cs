using System.Diagnostics;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary>
/// <c>vireo down</c>: stops the planes; virtual machines keep running. <c>vireo down --machines</c>, for a computer that is about to stop,
/// carries out each machine's stop action first.
/// </summary>
internal static class DownVerb
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(VerbContext context)
    {
        var machines = context.Arguments.Contains("--machines", StringComparer.Ordinal);
        if (context.Arguments.FirstOrDefault(static argument => argument != "--machines") is { } unknown)
        {
            throw new CliException("InvalidParameter", $"'vireo down' does not know '{unknown}'; it takes --machines.", ExitStatus.Usage);
        }

        var folder = context.Options.RunFolder;
        if (ServeLock.Owner(folder) is not { } process)
        {
            context.Terminal.Out.Write("Vireo is not running.\n");
            return ExitStatus.Ok;
        }

        if (machines)
        {
            context.Terminal.ShowProgress(new ProgressRecord("vireo down", "stopping the virtual machines", -1));
            using var host = new HostClient(HostAddress.Local(context.Options.Root));
            var failures = (await host.PostAsync("api/stop-actions", context.Cancellation)).EnumerateArray().Select(static failure => failure.GetString()).ToList();
            if (failures.Count > 0)
            {
                throw new CliException("OperationFailed", $"Vireo stays up, because not every virtual machine stopped: {string.Join(" ", failures)}", ExitStatus.Error);
            }
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
        context.Terminal.Out.Write(machines ? "Vireo is down, and so are its virtual machines.\n" : "Vireo is down; virtual machines keep running.\n");
        return ExitStatus.Ok;
    }
}
