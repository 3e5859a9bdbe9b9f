using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>What replaying a log would change in the file: pages of 4096 bytes over runs of zeros, later changes over earlier ones.</summary>
internal sealed class VhdxReplay(long lengthBytes)
{
    private const int PageBytes = VhdxLogEntryHeader.SectorBytes;
    private const int MaximumZeroRuns = 1 << 16;
    private readonly Dictionary<long, byte[]> _pages = [];
    private readonly List<(long Offset, long Length)> _zeros = [];

    /// <summary>Length of the file after replay.</summary>
    public long LengthBytes => lengthBytes;

    /// <summary>Pages that change.</summary>
    public int PageCount => _pages.Count;

    /// <summary>Runs of zeros that change.</summary>
    public int ZeroRunCount => _zeros.Count;

    /// <summary>Adds a page; it hides what was there.</summary>
    public void AddPage(long offsetBytes, byte[] page) => _pages[offsetBytes] = page;

    /// <summary>Adds a run of zeros; it hides the pages that lie in it. False when there are more runs than any honest log has.</summary>
    public bool TryAddZeros(long offsetBytes, long lengthOfRun)
    {
        if (lengthOfRun == 0)
        {
            return true;
        }

        if (_pages.Count < lengthOfRun / PageBytes)
        {
            foreach (var covered in _pages.Keys.Where(page => page >= offsetBytes && page < offsetBytes + lengthOfRun).ToList())
            {
                _pages.Remove(covered);
            }
        }
        else
        {
            for (var page = offsetBytes; page < offsetBytes + lengthOfRun; page += PageBytes)
            {
                _pages.Remove(page);
            }
        }

        _zeros.Add((offsetBytes, lengthOfRun));
        return _zeros.Count <= MaximumZeroRuns;
    }

    /// <summary>Corrects <paramref name="target"/>, which holds the file's bytes from <paramref name="offsetBytes"/> on.</summary>
    public void Correct(long offsetBytes, Span<byte> target)
    {
        var end = offsetBytes + target.Length;
        foreach (var (start, length) in _zeros)
        {
            var from = Math.Max(start, offsetBytes);
            var to = Math.Min(start + length, end);
            if (from < to)
            {
                target[(int)(from - offsetBytes)..(int)(to - offsetBytes)].Clear();
            }
        }

        // Whichever is shorter: the pages of the log, or the pages of the request.
        if (_pages.Count < target.Length / PageBytes)
        {
            foreach (var (start, page) in _pages)
            {
                Overlay(start, page, offsetBytes, target);
            }

            return;
        }

        for (var start = offsetBytes / PageBytes * PageBytes; start < end; start += PageBytes)
        {
            if (_pages.TryGetValue(start, out var page))
            {
                Overlay(start, page, offsetBytes, target);
            }
        }
    }

    /// <summary>Whether anything in the range is changed.</summary>
    public bool Touches(long offsetBytes, long lengthOfRange) =>
        _zeros.Exists(zero => zero.Offset < offsetBytes + lengthOfRange && zero.Offset + zero.Length > offsetBytes)
        || _pages.Keys.Any(page => page < offsetBytes + lengthOfRange && page + PageBytes > offsetBytes);

    /// <summary>Writes the changes into the file and makes them durable.</summary>
    public BlockStatus ApplyTo(IImageFile file)
    {
        var status = file.LengthBytes < LengthBytes ? file.SetLength(LengthBytes) : BlockStatus.Ok;
        foreach (var (offset, length) in _zeros)
        {
            status = status == BlockStatus.Ok ? file.Zero(offset, length) : status;
        }

        foreach (var (offset, page) in _pages)
        {
            status = status == BlockStatus.Ok ? file.Write(offset, page) : status;
        }

        return status == BlockStatus.Ok ? file.Flush() : status;
    }

    private static void Overlay(long start, byte[] page, long offsetBytes, Span<byte> target)
    {
        var from = Math.Max(start, offsetBytes);
        var to = Math.Min(start + PageBytes, offsetBytes + target.Length);
        if (from < to)
        {
            page.AsSpan((int)(from - start)..(int)(to - start)).CopyTo(target[(int)(from - offsetBytes)..]);
        }
    }
}
