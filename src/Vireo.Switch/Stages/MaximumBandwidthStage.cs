using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// What is sent from the port is at most so many bits a second: a token bucket (RFC 2697 has the idea) with a queue behind it. A frame may pass
/// while the bucket is not empty and may leave it in debt, so the average is exact whatever the frames' lengths; frames that cannot pass wait in
/// a queue of a tenth of a second and are dropped when it is full.
/// </summary>
internal sealed class MaximumBandwidthStage : ITickingStage
{
    public const string StageName = "MaximumBandwidth";

    private const int QueueBytesMin = 192 << 10;
    private const int QueueBytesMax = 4 << 20;
    private static readonly DropReason s_exceeded = DropReason.Register("BandwidthExceeded");
    private readonly HoldQueue _queue;
    private readonly TimeProvider _clock;
    private readonly double _bytesPerTick;
    private readonly double _burstBytes;
    private readonly int _markAbove;
    private double _tokens;
    private long _filledAt;

    /// <summary>A full bucket.</summary>
    /// <param name="bitsPerSecond">The limit.</param>
    /// <param name="clock">The switch's.</param>
    /// <param name="markAbove">See <see cref="HoldQueue.TryAdd"/>.</param>
    public MaximumBandwidthStage(long bitsPerSecond, TimeProvider clock, int markAbove = 0)
    {
        _markAbove = markAbove;
        const int longestFrame = FrameBatch.FrameBytesMax;
        var bytesPerSecond = bitsPerSecond / 8.0;
        _clock = clock;
        _bytesPerTick = bytesPerSecond / clock.TimestampFrequency;

        // Ten milliseconds, so that a timer that comes a little late costs nothing.
        _burstBytes = Math.Max(longestFrame, bytesPerSecond / 100);
        _tokens = _burstBytes;
        _filledAt = clock.GetTimestamp();
        _queue = new HoldQueue((int)Math.Clamp(bytesPerSecond / 10, QueueBytesMin, QueueBytesMax));
    }

    public string Name => StageName;

    public long NextTick => _queue.IsEmpty ? long.MaxValue : _filledAt + (_tokens > 0 ? 0 : (long)Math.Ceiling((1 - _tokens) / _bytesPerTick));

    public void Process(FrameBatch batch, StageDirection direction)
    {
        if (direction == StageDirection.Egress)
        {
            return;
        }

        Fill();
        foreach (var index in batch.Live)
        {
            if (_queue.IsEmpty && _tokens > 0)
            {
                _tokens -= batch[index].Length;
            }
            else if (_queue.TryAdd(batch, index, _markAbove))
            {
                batch.Hold(index);
            }
            else
            {
                batch.Drop(index, s_exceeded);
            }
        }
    }

    public void Tick(long now, StageDirection direction, FrameBatch released)
    {
        if (direction == StageDirection.Egress)
        {
            return;
        }

        Fill();
        while (!_queue.IsEmpty && _tokens > 0)
        {
            var length = _queue.NextLength;
            if (!_queue.TryTake(released))
            {
                return;
            }

            _tokens -= length;
        }
    }

    private void Fill()
    {
        var now = _clock.GetTimestamp();
        _tokens = Math.Min(_burstBytes, _tokens + ((now - _filledAt) * _bytesPerTick));
        _filledAt = now;
    }
}
