using Vireo.Control.Switching;

namespace Vireo.Switch.Extensions;

/// <summary>The last events of extensions. Safe to use from several threads.</summary>
internal sealed class ExtensionEvents(TimeProvider clock)
{
    private const int EventsMax = 1000;
    private readonly Lock _lock = new();
    private readonly Queue<ExtensionEvent> _events = new();
    private TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _last;

    /// <summary>Adds one.</summary>
    public void Add(string kind, Guid? switchId, Guid extension, string message)
    {
        lock (_lock)
        {
            if (_events.Count == EventsMax)
            {
                _events.Dequeue();
            }

            _events.Enqueue(new ExtensionEvent(++_last, clock.GetUtcNow(), kind, switchId, extension, message));
            _arrived.SetResult();
            _arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Those after <paramref name="sequence"/>; waits for one, at most <paramref name="patience"/>.</summary>
    public async Task<IReadOnlyList<ExtensionEvent>> AfterAsync(long sequence, TimeSpan patience, CancellationToken cancellation)
    {
        while (true)
        {
            Task arrived;
            lock (_lock)
            {
                // A reader that was there before the plane started anew begins again.
                var found = _events.Where(one => one.Sequence > sequence || sequence > _last).ToList();
                if (found.Count > 0 || patience == TimeSpan.Zero)
                {
                    return found;
                }

                arrived = _arrived.Task;
            }

            try
            {
                await arrived.WaitAsync(patience, clock, cancellation);
            }
            catch (TimeoutException)
            {
                return [];
            }
        }
    }
}
