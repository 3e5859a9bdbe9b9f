using System.Globalization;
using System.Text.RegularExpressions;
using Vireo.Machines.States;
using Vireo.Platform.Processes;

namespace Vireo.Machines.Running;

/// <summary>Finds out why a process ended, from what was asked of it, its exit status and its own last words. Pure.</summary>
internal static partial class ExitClassifier
{
    /// <summary>Judges.</summary>
    /// <param name="status">Exit status, perhaps unknown.</param>
    /// <param name="shutdownReason">QEMU's word from its SHUTDOWN event, if somebody heard it.</param>
    /// <param name="turnedOff">We asked it to end.</param>
    /// <param name="saved">Its state is complete in a file.</param>
    /// <param name="log">The end of its log.</param>
    public static MachineExit Classify(ExitStatus status, string? shutdownReason, bool turnedOff, bool saved, IReadOnlyList<string> log)
    {
        var reason = shutdownReason ?? ReasonFromLog(log);

        // The trace of shutdown requests is for us, not for people.
        var words = log.Where(line => !ShutdownRequest().IsMatch(line)).TakeLast(10).ToArray();
        MachineExit Exit(MachineExitKind kind, string sentence) => new(kind, sentence, status.ExitCode, status.Signal, words);

        if (saved)
        {
            return Exit(MachineExitKind.Saved, "The state of the virtual machine was saved.");
        }

        if (turnedOff)
        {
            return Exit(MachineExitKind.TurnedOff, "The virtual machine was turned off.");
        }

        if (status.Signal is not null)
        {
            return Exit(MachineExitKind.Killed, $"The virtual machine's process ended unexpectedly: {status}.{Quote(words)}");
        }

        return reason switch
        {
            "guest-shutdown" => Exit(MachineExitKind.GuestShutDown, "The guest shut down."),
            "host-signal" => Exit(MachineExitKind.Killed, $"The virtual machine's process was asked to end by a signal.{Quote(words)}"),
            "host-qmp-quit" or "host-ui" => Exit(MachineExitKind.TurnedOff, "The virtual machine was turned off from outside."),
            _ when status.ExitCode is { } code && (code != 0 || reason is null) =>
                Exit(MachineExitKind.Failed, string.Create(CultureInfo.InvariantCulture, $"The virtual machine's process ended with status {code}.{Quote(words)}")),
            _ => Exit(MachineExitKind.Unknown, $"The virtual machine's process ended and left no reason; it was probably killed.{Quote(words)}"),
        };
    }

    private static string Quote(IReadOnlyList<string> words) => words.Count == 0 ? "" : $" Its last words: {string.Join(" / ", words.TakeLast(3))}";

    /// <summary>The reason is a number of QEMU's enumeration ShutdownCause (qapi/run-state.json), written by the trace.</summary>
    private static string? ReasonFromLog(IReadOnlyList<string> log)
    {
        var match = log.Reverse().Select(line => ShutdownRequest().Match(line)).FirstOrDefault(candidate => candidate.Success);
        return match?.Groups["reason"].Value switch
        {
            "2" => "host-qmp-quit",
            "4" => "host-signal",
            "5" => "host-ui",
            "6" => "guest-shutdown",
            _ => null,
        };
    }

    [GeneratedRegex(@"qemu_system_shutdown_request reason=(?<reason>\d+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ShutdownRequest();
}
