using Vireo.Platform;

namespace Vireo.Switch.Ports;

/// <summary>
/// Where frames wait: a fixed number of places, each for a frame of up to a fixed length. A frame that finds no place is the caller's
/// to count; the ring never waits and never allocates. For one thread, or for one writer and one reader.
/// </summary>
internal sealed class FrameRing
{
    private readonly byte[] _memory;
    private readonly int[] _lengths;
    private readonly long[] _stamps;
    private readonly int _mask;
    private readonly int _frameBytesMax;
    private uint _head;
    private uint _tail;

    /// <summary>An empty ring.</summary>
    /// <param name="capacity">A power of two.</param>
    /// <param name="frameBytesMax">The longest frame that fits.</param>
    public FrameRing(int capacity, int frameBytesMax)
    {
        Invariant.Check(int.IsPow2(capacity));
        _memory = GC.AllocateUninitializedArray<byte>(capacity * frameBytesMax);
        _lengths = new int[capacity];
        _stamps = new long[capacity];
        _mask = capacity - 1;
        _frameBytesMax = frameBytesMax;
    }

    /// <summary>Whether no frame waits.</summary>
    public bool IsEmpty => Volatile.Read(ref _tail) == Volatile.Read(ref _head);

    /// <summary>Copies <paramref name="frame"/> into the ring.</summary>
    /// <returns>False when the ring is full or the frame too long.</returns>
    public bool TryEnqueue(ReadOnlySpan<byte> frame, long stamp = 0)
    {
        var tail = _tail;
        if (tail - Volatile.Read(ref _head) > (uint)_mask || frame.Length > _frameBytesMax)
        {
            return false;
        }

        var place = (int)(tail & (uint)_mask);
        frame.CopyTo(_memory.AsSpan(place * _frameBytesMax));
        _lengths[place] = frame.Length;
        _stamps[place] = stamp;
        Volatile.Write(ref _tail, tail + 1);
        return true;
    }

    /// <summary>The oldest frame, which stays; empty when none waits.</summary>
    public ReadOnlySpan<byte> Peek(out long stamp)
    {
        if (IsEmpty)
        {
            stamp = long.MaxValue;
            return [];
        }

        var place = (int)(_head & (uint)_mask);
        stamp = _stamps[place];
        return _memory.AsSpan(place * _frameBytesMax, _lengths[place]);
    }

    /// <summary>Removes the oldest frame.</summary>
    public void Dequeue() => Volatile.Write(ref _head, _head + 1);
}
