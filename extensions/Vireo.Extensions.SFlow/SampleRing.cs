namespace Vireo.Extensions.SFlow;

/// <summary>
/// Samples on their way from the packet thread to the sender: a fixed number of places for one writer and one reader. A sample that finds no place is
/// counted by the caller; nothing waits and nothing is allocated.
/// </summary>
internal sealed class SampleRing
{
    /// <summary>Places.</summary>
    public const int Capacity = 1024;

    /// <summary>The most bytes of a frame.</summary>
    public const int HeaderBytesMax = 256;
    private readonly Sample[] _samples = new Sample[Capacity];
    private readonly byte[] _headers = new byte[Capacity * HeaderBytesMax];
    private uint _head;
    private uint _tail;

    /// <summary>Adds a sample with the beginning of its frame.</summary>
    /// <returns>False when there is no place.</returns>
    public bool TryAdd(in Sample sample, ReadOnlySpan<byte> header)
    {
        var tail = _tail;
        if (tail - Volatile.Read(ref _head) >= Capacity)
        {
            return false;
        }

        var place = (int)(tail % Capacity);
        header.CopyTo(_headers.AsSpan(place * HeaderBytesMax, HeaderBytesMax));
        _samples[place] = sample with { HeaderBytes = header.Length };
        Volatile.Write(ref _tail, tail + 1);
        return true;
    }

    /// <summary>The oldest sample, which stays until <see cref="Remove"/>.</summary>
    public bool TryPeek(out Sample sample, out ReadOnlySpan<byte> header)
    {
        if (_head == Volatile.Read(ref _tail))
        {
            sample = default;
            header = [];
            return false;
        }

        var place = (int)(_head % Capacity);
        sample = _samples[place];
        header = _headers.AsSpan(place * HeaderBytesMax, sample.HeaderBytes);
        return true;
    }

    /// <summary>Removes the oldest sample.</summary>
    public void Remove() => Volatile.Write(ref _head, _head + 1);
}

/// <summary>A frame that was chosen.</summary>
/// <param name="Port">Number of the port that it came from.</param>
/// <param name="Sequence">Number of the sample of that port.</param>
/// <param name="Rate">One of so many.</param>
/// <param name="Pool">Frames from that port so far.</param>
/// <param name="Drops">Samples lost so far.</param>
/// <param name="FrameBytes">Length of the frame.</param>
/// <param name="VlanId">VLAN, zero for none.</param>
/// <param name="Priority">Priority code point.</param>
/// <param name="HeaderBytes">Bytes of it that are at hand.</param>
internal readonly record struct Sample(int Port, uint Sequence, uint Rate, uint Pool, uint Drops, int FrameBytes, ushort VlanId, byte Priority, int HeaderBytes);
