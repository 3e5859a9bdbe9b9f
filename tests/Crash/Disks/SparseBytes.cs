namespace Vireo.Crash.Tests.Disks;

/// <summary>The bytes of a simulated disk in pages of 4096: zeros take no memory, and a copy shares what neither side changes afterwards.</summary>
internal sealed class SparseBytes
{
    private const int PageBytes = 4096;
    private readonly Dictionary<long, byte[]> _pages;
    private readonly HashSet<long> _own = [];

    public SparseBytes()
    {
        _pages = [];
    }

    public SparseBytes(ReadOnlySpan<byte> content)
    {
        _pages = [];
        Length = content.Length;
        for (var offset = 0; offset < content.Length; offset += PageBytes)
        {
            var page = content[offset..Math.Min(offset + PageBytes, content.Length)];
            if (page.IndexOfAnyExcept((byte)0) >= 0)
            {
                Write(offset, page);
            }
        }
    }

    private SparseBytes(SparseBytes other)
    {
        _pages = new Dictionary<long, byte[]>(other._pages);
        Length = other.Length;
        other._own.Clear();
    }

    public long Length { get; private set; }

    public SparseBytes Clone() => new(this);

    public void Read(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var position = (int)(offset % PageBytes);
            var count = Math.Min(PageBytes - position, target.Length);
            if (_pages.TryGetValue(offset / PageBytes, out var page))
            {
                page.AsSpan(position, count).CopyTo(target);
            }
            else
            {
                target[..count].Clear();
            }

            offset += count;
            target = target[count..];
        }
    }

    /// <summary>Writes; the length grows when need be.</summary>
    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        Length = Math.Max(Length, offset + source.Length);
        while (!source.IsEmpty)
        {
            var position = (int)(offset % PageBytes);
            var count = Math.Min(PageBytes - position, source.Length);
            source[..count].CopyTo(Own(offset / PageBytes).AsSpan(position));
            offset += count;
            source = source[count..];
        }
    }

    /// <summary>Makes a range zeros.</summary>
    public void Clear(long offset, long length)
    {
        var end = offset + length;
        while (offset < end)
        {
            var position = (int)(offset % PageBytes);
            var count = (int)Math.Min(PageBytes - position, end - offset);
            if (count == PageBytes)
            {
                _pages.Remove(offset / PageBytes);
                _own.Remove(offset / PageBytes);
            }
            else if (_pages.ContainsKey(offset / PageBytes))
            {
                Own(offset / PageBytes).AsSpan(position, count).Clear();
            }

            offset += count;
        }
    }

    /// <summary>Sets the length; what is cut off is zeros when it comes back.</summary>
    public void SetLength(long length)
    {
        if (length < Length)
        {
            Clear(length, Length - length);
        }

        Length = length;
    }

    public byte[] ToArray()
    {
        var content = new byte[Length];
        Read(0, content);
        return content;
    }

    private byte[] Own(long number)
    {
        if (!_pages.TryGetValue(number, out var page))
        {
            page = new byte[PageBytes];
            _pages.Add(number, page);
            _own.Add(number);
        }
        else if (_own.Add(number))
        {
            page = (byte[])page.Clone();
            _pages[number] = page;
        }

        return page;
    }
}
