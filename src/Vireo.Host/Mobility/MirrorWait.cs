using Vireo.Commands.Framework;
using Vireo.Control.Storage;

namespace Vireo.Host.Mobility;

/// <summary>Waits for the mirror of a disk.</summary>
internal static class MirrorWait
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(5);

    /// <summary>The error of a mirror that came to nothing.</summary>
    /// <param name="status">How it ended; null when there is none any more.</param>
    /// <param name="message">What that means.</param>
    /// <param name="target">The object that it is about.</param>
    public static CommandException Failed(CopyStatus? status, string message, string target) => status is { IsTargetFull: true }
        ? new("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, message, target)
        : new("OperationFailed", ErrorCategory.NotSpecified, message, target);

    /// <summary>Returns when the copy is the same as the disk, and stays so.</summary>
    /// <param name="look">Says how far it is; throws when nothing comes of it any more.</param>
    /// <param name="told">Told how far it is.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellation">Ends the wait, not the mirror.</param>
    public static async Task ReadyAsync(Func<Task<CopyStatus>> look, Action<CopyStatus> told, TimeProvider time, CancellationToken cancellation)
    {
        var begin = time.GetTimestamp();
        while (true)
        {
            var status = await look();
            told(status);
            if (status.Phase == CopyPhase.Ready)
            {
                return;
            }

            await Task.Delay(Pause(status, time.GetElapsedTime(begin)), time, cancellation);
        }
    }

    // Half of the time that is left at this rate, so that the end is seen soon after it has come; a small disk's move is not much longer than its copy.
    private static TimeSpan Pause(CopyStatus status, TimeSpan elapsed)
    {
        var seconds = elapsed.TotalSeconds * (status.DoneBytes <= 0 ? 1 : Math.Max(0, status.SizeBytes - status.DoneBytes) / (2.0 * status.DoneBytes));
        return TimeSpan.FromSeconds(Math.Clamp(seconds, s_shortestPause.TotalSeconds, s_longestPause.TotalSeconds));
    }
}
