namespace Vireo.Storage.Stacks;

/// <summary>
/// Serializes requests that overlap: a range is granted when every overlapping range that was asked for earlier has been released, so nobody
/// is overtaken and nobody starves. For layers that read, change and write, or write in two places.
/// </summary>
/// <remarks>One short lock guards the list of ranges; its length is the number of requests under way.</remarks>
internal sealed class RangeLock
{
    private readonly Lock _lock = new();
    private readonly Stack<Held> _spare = new();
    private Held? _first;
    private Held? _last;

    /// <summary>Asks for <c>[offsetBytes, offsetBytes + lengthBytes)</c>; <see cref="Release"/> gives it back.</summary>
    public ValueTask<Held> EnterAsync(long offsetBytes, long lengthBytes)
    {
        lock (_lock)
        {
            var range = _spare.TryPop(out var spare) ? spare : new Held();
            (range.Start, range.End) = (offsetBytes, offsetBytes + lengthBytes);
            for (var earlier = _first; earlier is not null; earlier = earlier.Next)
            {
                range.Obstacles += earlier.Overlaps(range) ? 1 : 0;
            }

            range.Previous = _last;
            if (_last is null)
            {
                _first = range;
            }
            else
            {
                _last.Next = range;
            }

            _last = range;
            if (range.Obstacles == 0)
            {
                return new(range);
            }

            range.Granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return new(range.Granted.Task);
        }
    }

    /// <summary>Gives a range back that was granted.</summary>
    public void Release(Held range)
    {
        lock (_lock)
        {
            for (var later = range.Next; later is not null; later = later.Next)
            {
                if (later.Overlaps(range) && --later.Obstacles == 0)
                {
                    later.Granted!.SetResult(later);
                    later.Granted = null;
                }
            }

            (range.Previous is null ? ref _first : ref range.Previous.Next) = range.Next;
            (range.Next is null ? ref _last : ref range.Next.Previous) = range.Previous;
            (range.Next, range.Previous) = (null, null);
            _spare.Push(range);
        }
    }

    /// <summary>A range that is held or waited for.</summary>
    internal sealed class Held
    {
        /// <summary>First byte.</summary>
        public long Start { get; set; }

        /// <summary>Behind the last byte.</summary>
        public long End { get; set; }

        // Guarded by the lock of the range lock.
        internal int Obstacles;
        internal TaskCompletionSource<Held>? Granted;
        internal Held? Next;
        internal Held? Previous;

        internal bool Overlaps(Held other) => Start < other.End && other.Start < End;
    }
}
