using System.Buffers.Binary;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// The block allocation table in memory, in pages of 4096 bytes as the log writes them; a page of zeros takes no memory. Looking up an
/// entry takes no lock. Changes are made one after the other, inside the log's gate, and their pages marked until they are written in place.
/// </summary>
internal sealed class VhdxBlockTable
{
    private const int PageBytes = VhdxLogEntryHeader.SectorBytes;
    private const int EntriesPerPage = PageBytes / VhdxBatEntry.LengthBytes;
    private const int PageShift = 9;
    private readonly ulong[]?[] _pages;
    private readonly long _regionOffset;
    private readonly HashSet<int> _unplaced = [];

    private VhdxBlockTable(ulong[]?[] pages, long regionOffset)
    {
        _pages = pages;
        _regionOffset = regionOffset;
    }

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

    /// <summary>Changes an entry that is in the log already, or will be before the change is told to anybody. Inside the log's gate.</summary>
    public void Set(long index, VhdxBatEntry entry)
    {
        Store(index, entry);
        _unplaced.Add((int)(index >> PageShift));
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

    /// <summary>The page of the table with the number <paramref name="page"/>, as it is in the file: place and content.</summary>
    public (long OffsetBytes, byte[] Content) Encode(int page)
    {
        var content = new byte[PageBytes];
        var entries = _pages[page];
        for (var i = 0; entries is not null && i < entries.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(content.AsSpan(i * VhdxBatEntry.LengthBytes), entries[i]);
        }

        return (_regionOffset + ((long)page * PageBytes), content);
    }

    /// <summary>The page that holds an entry, as it will be when the entry is changed.</summary>
    public (long OffsetBytes, byte[] Content) EncodeWith(long index, VhdxBatEntry entry)
    {
        var page = Encode((int)(index >> PageShift));
        BinaryPrimitives.WriteUInt64LittleEndian(page.Content.AsSpan((int)(index & (EntriesPerPage - 1)) * VhdxBatEntry.LengthBytes), entry.Value);
        return page;
    }

    /// <summary>Number of the page that holds an entry.</summary>
    public static int PageOf(long index) => (int)(index >> PageShift);

    /// <summary>Takes the pages that changed since they were last taken. Inside the log's gate.</summary>
    public List<(long OffsetBytes, byte[] Content)> TakeUnplaced()
    {
        var taken = new List<(long OffsetBytes, byte[] Content)>(_unplaced.Count);
        foreach (var page in _unplaced.Order())
        {
            taken.Add(Encode(page));
        }

        _unplaced.Clear();
        return taken;
    }

    /// <summary>Marks pages again that did not reach their place. Inside the log's gate.</summary>
    public void MarkUnplaced(List<(long OffsetBytes, byte[] Content)> pages)
    {
        foreach (var (offset, _) in pages)
        {
            _unplaced.Add((int)((offset - _regionOffset) / PageBytes));
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
}
