using Vireo.Switch.Stages;

namespace Vireo.Switch.Scheduling;

/// <summary>
/// Queues for senders that have to wait, lent while something waits. There are many pairs of senders and receivers and few of them wait at a
/// time, so a queue for each would be memory for nothing. Belongs to a packet thread.
/// </summary>
/// <param name="queuesMax">Most queues at a time, waiting ones and spare ones.</param>
internal sealed class QueuePool(int queuesMax = 512)
{
    /// <summary>Room of one queue: a few of the longest frames, or a hundred and seventy standard ones.</summary>
    public const int QueueBytes = 256 << 10;

    private const int QueueFrames = 1024;
    private readonly Stack<HoldQueue> _spare = new();
    private int _made;

    /// <summary>An empty queue, or null when all are lent. Memory is allocated only when more wait than ever before.</summary>
    public HoldQueue? Lend()
    {
        if (_spare.TryPop(out var queue))
        {
            return queue;
        }

        if (_made >= queuesMax)
        {
            return null;
        }

        _made++;
        return new HoldQueue(QueueBytes, QueueFrames);
    }

    /// <summary>Queues that are lent will be given back to <paramref name="other"/>.</summary>
    public void GiveAway(int count, QueuePool other)
    {
        _made -= count;
        other._made += count;
    }

    /// <summary>Takes a queue back.</summary>
    public void Return(HoldQueue queue)
    {
        queue.Clear();
        _spare.Push(queue);
    }
}
