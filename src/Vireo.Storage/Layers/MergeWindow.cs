namespace Vireo.Storage.Layers;

/// <summary>
/// The range that a merge copies and lets go of at once, in pieces of <see cref="MirrorLayer.BlockBytes"/>, and how each of them stands. Knows about
/// copies and writes that overlap: a piece counts as copied only when the copy shows everything that was written.
/// </summary>
/// <param name="start">Where it begins, in bytes.</param>
/// <param name="end">Where it ends.</param>
internal sealed class MergeWindow(long start, long end)
{
    private readonly Lock _lock = new();
    private readonly Piece[] _pieces = new Piece[(end - start + MirrorLayer.BlockBytes - 1) / MirrorLayer.BlockBytes];

    private enum State : byte
    {
        /// <summary>To be copied.</summary>
        Changed,

        /// <summary>Being copied.</summary>
        UnderWay,

        /// <summary>The same on both sides, and so are writes to it.</summary>
        Copied,
    }

    /// <summary>Where it begins.</summary>
    public long Start => start;

    /// <summary>Where it ends.</summary>
    public long End => end;

    /// <summary>Whether the piece at <paramref name="at"/> is to be copied; its copying begins with that.</summary>
    public bool TryTake(long at)
    {
        lock (_lock)
        {
            ref var piece = ref _pieces[IndexOf(at)];
            if (piece.State != State.Changed)
            {
                return false;
            }

            piece.State = State.UnderWay;
            piece.Copies++;
            return true;
        }
    }

    /// <summary>The copy of the piece at <paramref name="at"/> has ended.</summary>
    public void NoteCopied(long at)
    {
        lock (_lock)
        {
            ref var piece = ref _pieces[IndexOf(at)];
            if (piece.State == State.UnderWay)
            {
                piece.State = State.Copied;
            }
        }
    }

    /// <summary>
    /// How often what lies in a range was copied, null unless all of it counts as copied: a write that went to both sides leaves it so when the answer
    /// is the same before and after. Otherwise a copy may have run beside the write, and show the old or the new.
    /// </summary>
    public long? CountCopies(long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < start || offsetBytes + lengthBytes > end)
        {
            return null;
        }

        lock (_lock)
        {
            var copies = 0L;
            for (var index = IndexOf(offsetBytes); index <= IndexOf(offsetBytes + lengthBytes - 1); index++)
            {
                if (_pieces[index].State != State.Copied)
                {
                    return null;
                }

                copies += _pieces[index].Copies;
            }

            return copies;
        }
    }

    /// <summary>The source was written, and the target perhaps not. Any range; only what lies inside counts.</summary>
    public void NoteChanged(long offsetBytes, long lengthBytes)
    {
        var (first, last) = (Math.Max(offsetBytes, start), Math.Min(offsetBytes + lengthBytes, end) - 1);
        lock (_lock)
        {
            for (var index = IndexOf(first); first <= last && index <= IndexOf(last); index++)
            {
                _pieces[index].State = State.Changed;
            }
        }
    }

    /// <summary>Whether all pieces of a range are copied.</summary>
    public bool IsCopied(long offsetBytes, long endBytes)
    {
        lock (_lock)
        {
            for (var index = IndexOf(offsetBytes); index <= IndexOf(endBytes - 1); index++)
            {
                if (_pieces[index].State != State.Copied)
                {
                    return false;
                }
            }

            return true;
        }
    }

    private int IndexOf(long at) => (int)((at - start) / MirrorLayer.BlockBytes);

    private struct Piece
    {
        public State State;
        public int Copies;
    }
}
