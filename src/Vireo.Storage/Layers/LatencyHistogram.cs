using System.Numerics;
using System.Runtime.CompilerServices;

namespace Vireo.Storage.Layers;

/// <summary>
/// How long requests took, in buckets whose width grows with the time: exact below 16 µs, then 16 buckets for each doubling, so that a
/// percentile is at most one sixteenth too high. Adding is one interlocked addition in a lane of the calling thread's.
/// </summary>
/// <remarks>A lane is made when its first thread adds, so a disk that nobody uses keeps none; after that nothing is allocated.</remarks>
public sealed class LatencyHistogram
{
    private const int SubBucketBits = 4;
    private const int SubBuckets = 1 << SubBucketBits;
    private const int Buckets = SubBuckets * (32 - SubBucketBits + 1);
    private const int LaneCount = 4;
    private readonly long[]?[] _lanes = new long[]?[LaneCount];

    /// <summary>Adds a request that took <paramref name="microseconds"/>; longer than 2³² µs counts as that.</summary>
    public void Add(long microseconds)
    {
        ref var lane = ref _lanes[Environment.CurrentManagedThreadId & (LaneCount - 1)];
        var counts = Volatile.Read(ref lane) ?? MakeLane(ref lane);
        Interlocked.Increment(ref counts[BucketOf(microseconds)]);
    }

    /// <summary>
    /// For each of <paramref name="percentiles"/> (0 to 100, rising) the time in µs within which that share of the requests finished; all 0
    /// when there were none.
    /// </summary>
    public long[] Percentiles(params ReadOnlySpan<double> percentiles)
    {
        var sums = new long[Buckets];
        var total = 0L;
        foreach (var lane in _lanes)
        {
            for (var i = 0; lane is not null && i < Buckets; i++)
            {
                var count = Volatile.Read(ref lane[i]);
                sums[i] += count;
                total += count;
            }
        }

        var answers = new long[percentiles.Length];
        var bucket = -1;
        var seen = 0L;
        for (var i = 0; i < answers.Length && total > 0; i++)
        {
            var wanted = Math.Max(1, (long)Math.Ceiling(total * percentiles[i] / 100));
            while (seen < wanted)
            {
                seen += sums[++bucket];
            }

            answers[i] = HighestOf(bucket);
        }

        return answers;
    }

    /// <summary>The bucket of a time.</summary>
    internal static int BucketOf(long microseconds)
    {
        var value = (uint)Math.Clamp(microseconds, 0, uint.MaxValue);
        if (value < SubBuckets)
        {
            return (int)value;
        }

        var shift = BitOperations.Log2(value) - SubBucketBits;
        return (int)(((uint)shift << SubBucketBits) + (value >> shift));
    }

    /// <summary>The longest time that falls into a bucket.</summary>
    internal static long HighestOf(int bucket)
    {
        if (bucket < SubBuckets)
        {
            return bucket;
        }

        var shift = (bucket >> SubBucketBits) - 1;
        var mantissa = (long)(bucket & (SubBuckets - 1)) + SubBuckets;
        return ((mantissa + 1) << shift) - 1;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long[] MakeLane(ref long[]? lane) => Interlocked.CompareExchange(ref lane, new long[Buckets], null) ?? lane;
}
