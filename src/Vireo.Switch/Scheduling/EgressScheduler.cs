using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Scheduling;

/// <summary>
/// Shares what a receiver can take among those who send to it, in proportion to their shares, while there is more than it can take: start-time
/// fair queueing (Goyal, Vin, Cheng 1996). Each sender has a queue, and the one whose oldest frame has the least virtual start time is served
/// next; a frame moves its sender's time on by its length divided by the share. So nobody's turn is longer than a frame, whatever the shares,
/// and what one does not use the others have at once. As long as there is room for all nothing waits.
/// </summary>
/// <remarks>
/// There is less room than asked for when the receiver refuses frames, or when a link's speed is known and used up. Belongs to the packet thread.
/// </remarks>
/// <param name="pool">Lends queues.</param>
/// <param name="clock">The switch's.</param>
internal sealed class EgressScheduler(QueuePool pool, TimeProvider clock)
{
    /// <summary>What a frame takes on an Ethernet wire besides its bytes: preamble, check sequence, gap (IEEE 802.3 3.1.1, 4.4.2).</summary>
    private const int WireOverheadBytes = 24;

    private const int DefaultSender = 0;

    // A receiver that refused tells nobody when it has room again; it is asked again after this time, and whenever frames come for it.
    private readonly long _retryTicks = clock.TimestampFrequency / 10_000;
    private readonly SenderQueue[] _taken = new SenderQueue[FrameBatch.FramesMax];
    private readonly int[] _takenLength = new int[FrameBatch.FramesMax];
    private QueuePool _pool = pool;
    private SenderQueue?[] _senders = new SenderQueue?[16];
    private SenderQueue[] _waiting = new SenderQueue[16];
    private int _waitingCount;
    private int _takenCount;
    private double _virtualTime;
    private double _greatestEnd;
    private double _bytesPerTick;
    private double _burstBytes;
    private double _tokens;
    private long _filledAt;
    private bool _isRefused;

    /// <summary>Whether frames wait.</summary>
    public bool IsBacklogged => _waitingCount > 0;

    /// <summary>When frames that wait should be looked at again, in ticks of the clock; <see cref="long.MaxValue"/> when none wait.</summary>
    public long NextTick => _waitingCount == 0 ? long.MaxValue
        : _isRefused || _bytesPerTick == 0 ? _filledAt + _retryTicks
        : _filledAt + (_tokens > 0 ? 0 : (long)Math.Ceiling((1 - _tokens) / _bytesPerTick));

    /// <summary>Sets the speed of the link; zero is one that says itself when it is full.</summary>
    public void SetLink(long bitsPerSecond)
    {
        var bytesPerTick = bitsPerSecond / 8.0 / clock.TimestampFrequency;
        if (bytesPerTick == _bytesPerTick)
        {
            return;
        }

        // Two milliseconds, so that a timer that comes a little late costs nothing.
        _bytesPerTick = bytesPerTick;
        _burstBytes = Math.Max(FrameBatch.FrameBytesMax, bitsPerSecond / 8.0 / 500);
        _tokens = _burstBytes;
        _filledAt = clock.GetTimestamp();
    }

    /// <summary>Lets frames that came in pass as long as nobody waits and there is room, and has the others wait.</summary>
    /// <param name="batch">Frames for the receiver.</param>
    /// <param name="sender">Port that they came from, or null.</param>
    /// <param name="home">The switch, which knows the shares.</param>
    /// <param name="markAbove">See <see cref="Stages.HoldQueue.TryAdd"/>.</param>
    public void Admit(FrameBatch batch, PortState? sender, SwitchState home, int markAbove)
    {
        Fill();
        foreach (var index in batch.Live)
        {
            if (_waitingCount == 0 && HasRoom)
            {
                _tokens -= batch[index].Length + WireOverheadBytes;
            }
            else
            {
                Wait(batch, index, sender, home, markAbove);
            }
        }
    }

    /// <summary>Has those frames of a batch wait that the receiver refused for want of room.</summary>
    public void Refused(FrameBatch batch, PortState? sender, SwitchState home, int markAbove)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Verdict == DropReason.QueueFull)
            {
                // The tag is in the bytes by now.
                frame.VlanId = 0;
                frame.Priority = 0;
                _isRefused = true;
                _tokens += frame.Length + WireOverheadBytes;
                Wait(batch, index, sender, home, markAbove);
            }
        }
    }

    /// <summary>Fills an empty batch with the frames whose turn it is. <see cref="Settle"/> must follow before anything else.</summary>
    /// <returns>False when there are none, or no room for them.</returns>
    public bool Take(FrameBatch batch)
    {
        Fill();
        _isRefused = false;
        _takenCount = 0;
        while (_waitingCount > 0 && _takenCount < FrameBatch.FramesMax && HasRoom)
        {
            var next = _waiting[0];
            var length = next.Frames!.NextLength;
            if (!next.Frames.TryTake(batch))
            {
                break;
            }

            _taken[_takenCount] = next;
            _takenLength[_takenCount++] = length;
            _virtualTime = next.Start;
            next.Start += length * next.CostPerByte;
            _greatestEnd = Math.Max(_greatestEnd, next.Start);
            _tokens -= length + WireOverheadBytes;
            if (next.Frames.IsEmpty)
            {
                next.IsWaiting = false;
                _waiting[0] = _waiting[--_waitingCount];
            }

            SiftDown(0);
        }

        return _takenCount > 0;
    }

    /// <summary>Puts back, first in their queues, the frames that <see cref="Take"/> gave and the receiver refused for want of room.</summary>
    /// <param name="firstRefused">Position of the first refused one in the order of taking; all behind it count as refused.</param>
    public void Settle(int firstRefused)
    {
        for (var position = _takenCount - 1; position >= firstRefused; position--)
        {
            var sender = _taken[position];
            sender.Frames!.TakeBack();
            sender.Start -= _takenLength[position] * sender.CostPerByte;
            _tokens += _takenLength[position] + WireOverheadBytes;
            _isRefused = true;
            if (!sender.IsWaiting)
            {
                Join(sender);
            }
        }

        if (_isRefused)
        {
            // Those that got something back stand too deep in the heap.
            for (var place = (_waitingCount / 2) - 1; place >= 0; place--)
            {
                SiftDown(place);
            }
        }

        for (var position = 0; position < _takenCount; position++)
        {
            var sender = _taken[position];
            if (!sender.IsWaiting && sender.Frames is { } empty)
            {
                _pool.Return(empty);
                sender.Frames = null;
            }
        }

        _takenCount = 0;
        if (_waitingCount == 0)
        {
            EndBusyTime();
        }
    }

    /// <summary>The receiver is at another packet thread, whose <paramref name="other"/> lends the queues from now on, and gets back those that are lent.</summary>
    public void MoveTo(QueuePool other)
    {
        _pool.GiveAway(_waitingCount, other);
        _pool = other;
    }

    /// <summary>Forgets what waits; the receiver is gone.</summary>
    public void Clear()
    {
        for (var place = 0; place < _waitingCount; place++)
        {
            _pool.Return(_waiting[place].Frames!);
            _waiting[place].Frames = null;
            _waiting[place].IsWaiting = false;
        }

        _waitingCount = 0;
    }

    private bool HasRoom => _bytesPerTick == 0 || _tokens > 0;

    /// <summary>Nobody waits: whoever comes next begins where the last one ended.</summary>
    private void EndBusyTime()
    {
        const double precise = 1e15;
        _virtualTime = _greatestEnd;
        if (_virtualTime < precise)
        {
            return;
        }

        // Once in weeks, before a double could not tell frames apart.
        foreach (var sender in _senders)
        {
            if (sender is not null)
            {
                sender.Start = 0;
            }
        }

        _virtualTime = 0;
        _greatestEnd = 0;
    }

    private void Wait(FrameBatch batch, int index, PortState? sender, SwitchState home, int markAbove)
    {
        var queue = QueueOf(sender, home);
        queue.Frames ??= _pool.Lend();
        if (queue.Frames is null || !queue.Frames.TryAdd(batch, index, markAbove))
        {
            batch.Drop(index, DropReason.QueueFull);
            return;
        }

        batch.Hold(index);
        if (!queue.IsWaiting)
        {
            queue.Start = Math.Max(queue.Start, _virtualTime);
            Join(queue);
        }
    }

    private SenderQueue QueueOf(PortState? sender, SwitchState home)
    {
        var hasShare = sender is { Share: > 0 } && sender.Switch == home;
        var place = hasShare ? sender!.Slot + 1 : DefaultSender;
        if (place >= _senders.Length)
        {
            Array.Resize(ref _senders, Math.Max(place + 1, _senders.Length * 2));
        }

        // Happens once per pair of sender and receiver.
        var queue = _senders[place] ??= new SenderQueue();
        queue.CostPerByte = 1 / (hasShare ? sender!.Share : home.DefaultShare);
        return queue;
    }

    private void Join(SenderQueue queue)
    {
        if (_waitingCount == _waiting.Length)
        {
            Array.Resize(ref _waiting, _waitingCount * 2);
        }

        queue.IsWaiting = true;
        var place = _waitingCount++;
        while (place > 0 && _waiting[(place - 1) / 2].Start > queue.Start)
        {
            _waiting[place] = _waiting[(place - 1) / 2];
            place = (place - 1) / 2;
        }

        _waiting[place] = queue;
    }

    private void SiftDown(int place)
    {
        if (place >= _waitingCount)
        {
            return;
        }

        var queue = _waiting[place];
        while (true)
        {
            var child = (place * 2) + 1;
            if (child + 1 < _waitingCount && _waiting[child + 1].Start < _waiting[child].Start)
            {
                child++;
            }

            if (child >= _waitingCount || _waiting[child].Start >= queue.Start)
            {
                break;
            }

            _waiting[place] = _waiting[child];
            place = child;
        }

        _waiting[place] = queue;
    }

    private void Fill()
    {
        var now = clock.GetTimestamp();
        _tokens = Math.Min(_burstBytes, _tokens + ((now - _filledAt) * _bytesPerTick));
        _filledAt = now;
    }
}
