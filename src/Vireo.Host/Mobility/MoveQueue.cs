namespace Vireo.Host.Mobility;

/// <summary>Lets so many go at once; the others wait in the order in which they came. The limit may change at any time.</summary>
/// <param name="limit">How many may go now.</param>
internal sealed class MoveQueue(Func<int> limit)
{
    private readonly Lock _change = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private int _going;

    /// <summary>Waits for a turn; it ends when the result is disposed.</summary>
    /// <param name="waiting">Called when there is none yet.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<IDisposable> EnterAsync(Action waiting, CancellationToken cancellation)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_change)
        {
            _waiting.AddLast(turn);
        }

        Next();
        if (!turn.Task.IsCompleted)
        {
            waiting();
        }

        try
        {
            await turn.Task.WaitAsync(cancellation);
        }
        catch
        {
            var hasTurn = false;
            lock (_change)
            {
                hasTurn = !_waiting.Remove(turn);
            }

            if (hasTurn)
            {
                Leave();
            }

            throw;
        }

        return new Turn(this);
    }

    /// <summary>Called when the limit has changed.</summary>
    public void Next()
    {
        lock (_change)
        {
            while (_going < Math.Max(1, limit()) && _waiting.First is { } first)
            {
                _waiting.RemoveFirst();
                _going++;
                first.Value.SetResult();
            }
        }
    }

    private void Leave()
    {
        lock (_change)
        {
            _going--;
        }

        Next();
    }

    private sealed class Turn(MoveQueue queue) : IDisposable
    {
        private MoveQueue? _queue = queue;

        public void Dispose() => Interlocked.Exchange(ref _queue, null)?.Leave();
    }
}
