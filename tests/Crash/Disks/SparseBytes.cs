namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// The bytes of a simulated disk in pages of 4096, 256 to a chunk: zeros take no memory, a copy costs a reference for each chunk, and shares
/// what neither side changes afterwards. Not for several threads at once, except that whoever only reads may copy.
/// </summary>
internal sealed class SparseBytes
{
    private const int PageBytes = 4096;
    private const int ChunkPages = 256;
    private const int ChunkBytes = PageBytes * ChunkPages;

    // Who may change a chunk or page in place: the disk that made it, until it is copied.
    private object _owner = new();
    private Chunk?[] _chunks = [];

    public SparseBytes()
    {
    }

    public SparseBytes(ReadOnlySpan<byte> content)
    {
        Write(0, content);
        Length = content.Length;
    }

    private SparseBytes(SparseBytes other)
    {
        _chunks = (Chunk?[])other._chunks.Clone();
        Length = other.Length;
        other._owner = new object();
    }

    public long Length { get; private set; }

    public SparseBytes Clone() => new(this);

    public void Read(long offset, Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var position = (int)(offset % PageBytes);
            var count = Math.Min(PageBytes - position, target.Length);
            if (Find(offset) is { } page)
            {
                page.Bytes.AsSpan(position, count).CopyTo(target);
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
            if (Find(offset) is not null || source[..count].IndexOfAnyExcept((byte)0) >= 0)
            {
                source[..count].CopyTo(Own(offset, isWhole: count == PageBytes).AsSpan(position));
            }

            offset += count;
            source = source[count..];
        }
    }

    /// <summary>Makes a range zeros.</summary>
    public void Clear(long offset, long length)
    {
        var end = Math.Min(offset + length, (long)_chunks.Length * ChunkBytes);
        while (offset < end)
        {
            if (offset % ChunkBytes == 0 && (end - offset >= ChunkBytes || _chunks[offset / ChunkBytes] is null))
            {
                _chunks[offset / ChunkBytes] = null;
                offset += ChunkBytes;
                continue;
            }

            var position = (int)(offset % PageBytes);
            var count = (int)Math.Min(PageBytes - position, end - offset);
            if (Find(offset) is not null)
            {
                if (count == PageBytes)
                {
                    OwnChunk(offset).Pages[offset / PageBytes % ChunkPages] = null;
                }
                else
                {
                    Own(offset, isWhole: false).AsSpan(position, count).Clear();
                }
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

    /// <summary>Writes a file with holes where no page is.</summary>
    public void Save(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.SetLength(file, Length);
        for (var offset = 0L; offset < Length; offset += PageBytes)
        {
            if (Find(offset) is { } page)
            {
                RandomAccess.Write(file, page.Bytes.AsSpan(0, (int)Math.Min(PageBytes, Length - offset)), offset);
            }
        }
    }

    private Page? Find(long offset)
    {
        var chunk = offset / ChunkBytes;
        return chunk < _chunks.Length ? _chunks[chunk]?.Pages[offset / PageBytes % ChunkPages] : null;
    }

    private Chunk OwnChunk(long offset)
    {
        var number = offset / ChunkBytes;
        if (number >= _chunks.Length)
        {
            Array.Resize(ref _chunks, (int)Math.Max(number + 1, _chunks.Length + (_chunks.Length / 2)));
        }

        var chunk = _chunks[number];
        if (chunk?.Owner != _owner)
        {
            chunk = new Chunk(_owner, chunk is null ? new Page?[ChunkPages] : (Page?[])chunk.Pages.Clone());
            _chunks[number] = chunk;
        }

        return chunk;
    }

    private byte[] Own(long offset, bool isWhole)
    {
        ref var page = ref OwnChunk(offset).Pages[offset / PageBytes % ChunkPages];
        if (page?.Owner != _owner)
        {
            page = new Page(_owner, page is null || isWhole ? new byte[PageBytes] : (byte[])page.Bytes.Clone());
        }

        return page.Bytes;
    }

    private sealed class Chunk(object owner, Page?[] pages)
    {
        public object Owner => owner;

        public Page?[] Pages => pages;
    }

    private sealed class Page(object owner, byte[] bytes)
    {
        public object Owner => owner;

        public byte[] Bytes => bytes;
    }
}
