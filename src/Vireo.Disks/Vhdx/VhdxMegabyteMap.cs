namespace Vireo.Disks.Vhdx;

/// <summary>One bit for each megabyte of a file: 16 MB of memory for the largest file there can be.</summary>
/// <param name="fileBytes">Length of the file; nothing behind it is taken.</param>
internal sealed class VhdxMegabyteMap(long fileBytes)
{
    private const int Shift = 20;
    private readonly ulong[] _bits = new ulong[((fileBytes >> Shift) / 64) + 1];

    /// <summary>Where the last taken megabyte ends.</summary>
    public long EndBytes { get; private set; }

    /// <summary>Megabytes that are taken.</summary>
    public long TakenCount { get; private set; }

    /// <summary>Takes a range of whole megabytes inside the file; false, and no change, when a part of it is taken already.</summary>
    public bool TryTake(long offsetBytes, long lengthBytes)
    {
        var first = offsetBytes >> Shift;
        var end = (offsetBytes + lengthBytes + VhdxLimits.Megabyte - 1) >> Shift;
        for (var i = first; i < end; i++)
        {
            if (IsTaken(i))
            {
                return false;
            }
        }

        for (var i = first; i < end && i >> 6 < _bits.Length; i++)
        {
            _bits[i >> 6] |= 1UL << (int)(i & 63);
        }

        TakenCount += end - first;
        EndBytes = Math.Max(EndBytes, end << Shift);
        return true;
    }

    /// <summary>Gives a taken range back. The end stays where it was.</summary>
    public void Free(long offsetBytes, long lengthBytes)
    {
        var first = offsetBytes >> Shift;
        var end = (offsetBytes + lengthBytes) >> Shift;
        for (var i = first; i < end; i++)
        {
            _bits[i >> 6] &= ~(1UL << (int)(i & 63));
        }

        TakenCount -= end - first;
    }

    /// <summary>Where the first run of free megabytes of that length begins, at or behind <paramref name="fromBytes"/>; -1 when there is none that ends before <paramref name="limitBytes"/>.</summary>
    public long FindFree(long fromBytes, long lengthBytes, long limitBytes)
    {
        var needed = lengthBytes >> Shift;
        var run = 0L;
        for (var i = fromBytes >> Shift; i < limitBytes >> Shift; i++)
        {
            if (run == 0 && (i & 63) == 0 && i >> 6 < _bits.Length && _bits[i >> 6] == ulong.MaxValue)
            {
                i += 63;
                continue;
            }

            run = IsTaken(i) ? 0 : run + 1;
            if (run == needed)
            {
                return (i - needed + 1) << Shift;
            }
        }

        return -1;
    }

    /// <summary>Where the last taken megabyte below <paramref name="limitBytes"/> ends; 0 when none is.</summary>
    public long FindEnd(long limitBytes)
    {
        for (var i = Math.Min(limitBytes >> Shift, (long)_bits.Length * 64) - 1; i >= 0; i--)
        {
            if ((i & 63) == 63 && _bits[i >> 6] == 0)
            {
                i -= 63;
            }
            else if (IsTaken(i))
            {
                return (i + 1) << Shift;
            }
        }

        return 0;
    }

    /// <summary>Appends the free runs between the first taken megabyte and the last.</summary>
    public void CollectFree(long fromBytes, List<(long OffsetBytes, long LengthBytes)> runs, int most)
    {
        var start = -1L;
        for (var i = fromBytes >> Shift; i < EndBytes >> Shift && runs.Count < most; i++)
        {
            if (start < 0 && (i & 63) == 0 && _bits[i >> 6] == ulong.MaxValue)
            {
                i += 63;
            }
            else if (!IsTaken(i))
            {
                start = start < 0 ? i : start;
            }
            else if (start >= 0)
            {
                runs.Add((start << Shift, (i - start) << Shift));
                start = -1;
            }
        }
    }

    private bool IsTaken(long megabyte) => megabyte >> 6 < _bits.Length && (_bits[megabyte >> 6] & (1UL << (int)(megabyte & 63))) != 0;
}
