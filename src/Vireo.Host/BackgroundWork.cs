using Vireo.Host.History;

namespace Vireo.Host;

/// <summary>
/// Work that goes on as long as the host. Whatever goes wrong in it that it did not foresee is told, and it begins again after a pause: a host
/// neither goes on without it unnoticed nor ends for it.
/// </summary>
/// <param name="events">Where it is told.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where the stack goes.</param>
internal sealed partial class BackgroundWork(EventLog events, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(10);

    /// <summary>Runs <paramref name="work"/> until the host ends, or until it is done.</summary>
    /// <param name="name">What it does: "Sharing memory".</param>
    /// <param name="work">The work. It may end by cancellation when the host ends.</param>
    /// <param name="stopping">The host ends.</param>
    public async Task RunAsync(string name, Func<CancellationToken, Task> work, CancellationToken stopping)
    {
        var told = "";
        while (true)
        {
            try
            {
                await work(stopping);
                return;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                LogFailure(name, failure);
                if (told != failure.Message)
                {
                    told = failure.Message;
                    events.Write("BackgroundWorkFailed", $"{name} was interrupted by an error of Vireo's own and begins again: {failure.Message}", null);
                }
            }

            try
            {
                await Task.Delay(s_pause, time, stopping);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Work} failed and begins again")]
    private partial void LogFailure(string work, Exception failure);
}
