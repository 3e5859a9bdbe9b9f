using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;

namespace Vireo.Disks.Files;

/// <summary>
/// Runs an image's flush without holding up the caller. A disk takes milliseconds to flush; a reactor that waited would keep every other
/// queue of the disk waiting too. On a pool thread, which is there to wait, the flush runs at once. Allocates nothing in the steady state.
/// </summary>
/// <param name="flush">The flush; safe to run several times at once.</param>
internal sealed class FlushRunner(Func<BlockStatus> flush)
{
    private readonly ConcurrentStack<Operation> _idle = new();

    /// <summary>Flushes.</summary>
    public ValueTask<BlockStatus> RunAsync()
    {
        if (Thread.CurrentThread.IsThreadPoolThread)
        {
            return new(flush());
        }

        if (!_idle.TryPop(out var operation))
        {
            operation = new Operation(this);
        }

        return operation.Start();
    }

    private sealed class Operation(FlushRunner owner) : IThreadPoolWorkItem, IValueTaskSource<BlockStatus>
    {
        private ManualResetValueTaskSourceCore<BlockStatus> _result;

        public ValueTask<BlockStatus> Start()
        {
            var task = new ValueTask<BlockStatus>(this, _result.Version);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return task;
        }

        public void Execute()
        {
            BlockStatus status;
            try
            {
                status = owner.Flush();
            }
            catch (Exception exception)
            {
                // Not swallowed: whoever awaits the flush gets it.
                _result.SetException(exception);
                return;
            }

            _result.SetResult(status);
        }

        public BlockStatus GetResult(short token)
        {
            try
            {
                return _result.GetResult(token);
            }
            finally
            {
                _result.Reset();
                owner._idle.Push(this);
            }
        }

        public ValueTaskSourceStatus GetStatus(short token) => _result.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _result.OnCompleted(continuation, state, token, flags);
    }

    private BlockStatus Flush() => flush();
}
