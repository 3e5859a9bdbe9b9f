using System.Buffers.Binary;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// The block allocation table in memory, in pages of 4096 bytes as the log writes them; a page of zeros takes no memory. Looking up an
/// entry takes no lock. Changes are made under the allocator's lock and marked, until the log takes the marked pages.
/// </summary>
internal sealed class VhdxBlockTable
{
    private const int PageBytes = VhdxLogEntryHeader.SectorBytes;
    private const int EntriesPerPage = PageBytes / VhdxBatEntry.LengthBytes;
    private const int PageShift = 9;
    private readonly ulong[]?[] _pages;
    private readonly long _regionOffset;
    private readonly HashSet<int> _dirty = [];
    private readonly Lock _changing = new();
    private long _version;

    private VhdxBlockTable(ulong[]?[] pages, long regionOffset)
    {
        _pages = pages;
        _regionOffset = regionOffset;
    }

    /// <summary>Number of changes so far.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>The entry at <paramref name="index"/> of the table.</summary>
    public VhdxBatEntry this[long index]
    {
        get
        {
            var page = Volatile.Read(ref _pages[index >> PageShift]);
            return page is null ? default : new VhdxBatEntry(Volatile.Read(ref page[index & (EntriesPerPage - 1)]));
        }
    }

    /// <summary>Reads the first <paramref name="entryCount"/> entries of the table.</summary>
    /// <exception cref="ImageException">The region cannot be read or is too short.</exception>
    public static VhdxBlockTable Read(IImageFile file, VhdxRegion region, long entryCount)
    {
        Platform.Invariant.Check(1 << PageShift == EntriesPerPage);
        if (entryCount * VhdxBatEntry.LengthBytes > region.LengthBytes)
        {
            throw ImageException.Corrupt(
                file.Path, region.OffsetBytes, $"the block allocation table needs {entryCount * VhdxBatEntry.LengthBytes} bytes, but its region has {region.LengthBytes}");
        }

        var pages = new ulong[]?[(int)((entryCount + EntriesPerPage - 1) / EntriesPerPage)];
        var chunk = new byte[VhdxLimits.Megabyte];
        for (var first = 0; first < pages.Length; first += chunk.Length / PageBytes)
        {
            var count = Math.Min(chunk.Length / PageBytes, pages.Length - first);
            var status = file.Read(region.OffsetBytes + ((long)first * PageBytes), chunk.AsSpan(0, count * PageBytes));
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(file.Path, "read the block allocation table of", status);
            }

            for (var i = 0; i < count; i++)
            {
                pages[first + i] = Decode(chunk.AsSpan(i * PageBytes, PageBytes));
            }
        }

        return new VhdxBlockTable(pages, region.OffsetBytes);
    }

    /// <summary>Changes an entry and marks its page for the log.</summary>
    public void Set(long index, VhdxBatEntry entry)
    {
        lock (_changing)
        {
            Store(index, entry);
            _dirty.Add((int)(index >> PageShift));
            _version++;
        }
    }

    /// <summary>Corrects an entry in memory alone, while the image is being opened.</summary>
    public void Store(long index, VhdxBatEntry entry)
    {
        ref var slot = ref _pages[index >> PageShift];
        var page = slot;
        if (page is null)
        {
            page = new ulong[EntriesPerPage];
            page[index & (EntriesPerPage - 1)] = entry.Value;
            Volatile.Write(ref slot, page);
        }
        else
        {
            Volatile.Write(ref page[index & (EntriesPerPage - 1)], entry.Value);
        }
    }

    /// <summary>Takes up to <paramref name="limit"/> marked pages as they are now and unmarks them. When none are left, <paramref name="version"/> is covered by what was taken.</summary>
    public List<(long OffsetBytes, byte[] Content)> TakeMarked(int limit, out long version, out bool isLast)
    {
        lock (_changing)
        {
            version = _version;
            isLast = _dirty.Count <= limit;
            var taken = new List<(long, byte[])>(Math.Min(limit, _dirty.Count));
            foreach (var index in _dirty.Order().Take(limit).ToList())
            {
                taken.Add((_regionOffset + ((long)index * PageBytes), Encode(_pages[index]!)));
                _dirty.Remove(index);
            }

            return taken;
        }
    }

    /// <summary>Marks pages again whose way to the log failed.</summary>
    public void MarkAgain(List<(long OffsetBytes, byte[] Content)> pages)
    {
        lock (_changing)
        {
            foreach (var (offset, _) in pages)
            {
                _dirty.Add((int)((offset - _regionOffset) / PageBytes));
            }
        }
    }

    private static ulong[]? Decode(ReadOnlySpan<byte> source)
    {
        if (source.IndexOfAnyExcept((byte)0) < 0)
        {
            return null;
        }

        var page = new ulong[EntriesPerPage];
        for (var i = 0; i < page.Length; i++)
        {
            page[i] = BinaryPrimitives.ReadUInt64LittleEndian(source[(i * VhdxBatEntry.LengthBytes)..]);
        }

        return page;
    }

    private static byte[] Encode(ulong[] page)
    {
        var content = new byte[PageBytes];
        for (var i = 0; i < page.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(i * VhdxBatEntry.LengthBytes), Volatile.Read(ref page[i]));
        }

        return content;
    }
}
