using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vireo.Storage.Layers;

/// <summary>A sum that many threads add to without fighting over a cache line. Reading it adds up the lanes; a sum read while others add may miss the newest.</summary>
public sealed class StripedCounter
{
    private const int LaneCount = 8;
    private readonly Lane[] _lanes = new Lane[LaneCount];

    /// <summary>The sum.</summary>
    public long Value
    {
        get
        {
            var sum = 0L;
            foreach (ref var lane in _lanes.AsSpan())
            {
                sum += Volatile.Read(ref lane.Sum);
            }

            return sum;
        }
    }

    /// <summary>Adds <paramref name="amount"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(long amount) => Interlocked.Add(ref _lanes[Environment.CurrentManagedThreadId & (LaneCount - 1)].Sum, amount);

    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Lane
    {
        [FieldOffset(0)]
        public long Sum;
    }
}
