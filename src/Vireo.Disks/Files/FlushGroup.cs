namespace Vireo.Disks.Files;

/// <summary>
/// Flushes a file for many at once: who comes while a flush is running waits for the next one, together with all others who do. Nobody is
/// held up: the flush runs elsewhere.
/// </summary>
/// <param name="flush">The flush.</param>
/// <param name="background">Runs work later, somewhere else.</param>
internal sealed class FlushGroup(Func<BlockStatus> flush, Action<Action> background)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource<BlockStatus>? _running;
    private TaskCompletionSource<BlockStatus>? _next;

    /// <summary>Makes everything durable that completed before the call.</summary>
    public Task<BlockStatus> RunAsync()
    {
        TaskCompletionSource<BlockStatus> started;
        lock (_lock)
        {
            if (_running is not null)
            {
                _next ??= new TaskCompletionSource<BlockStatus>();
                return _next.Task;
            }

            _running = started = new TaskCompletionSource<BlockStatus>();
        }

        background(Run);
        return started.Task;
    }

    private void Run()
    {
        TaskCompletionSource<BlockStatus> done;
        bool isMore;
        var status = flush();
        lock (_lock)
        {
            done = _running!;
            _running = _next;
            _next = null;
            isMore = _running is not null;
        }

        if (isMore)
        {
            background(Run);
        }

        done.SetResult(status);
    }
}
