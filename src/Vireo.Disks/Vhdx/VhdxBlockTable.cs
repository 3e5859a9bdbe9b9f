namespace Vireo.Disks.Vhdx;

/// <summary>
/// The block allocation table of an open file. Its pages are read when they are needed and checked then; those looked at lately are kept.
/// Looking up an entry takes no lock.
/// </summary>
internal sealed class VhdxBlockTable
{
    /// <summary>Entries in a page.</summary>
    public const int EntriesPerPage = VhdxPage.WordCount;

    private const int PageShift = 9;
    private readonly VhdxPageCache _cache;
    private readonly VhdxLayout _layout;
    private readonly VhdxEntryCheck _check;
    private readonly VhdxSpace _space;

    /// <summary>The table in a region that was checked to be long enough.</summary>
    public VhdxBlockTable(VhdxPageStore store, VhdxLayout layout, long regionOffset, VhdxEntryCheck check, VhdxSpace space)
    {
        Platform.Invariant.Check(1 << PageShift == EntriesPerPage);
        _layout = layout;
        _check = check;
        _space = space;
        RegionOffset = regionOffset;
        _cache = new VhdxPageCache(store, Correct, (layout.EntryCount + EntriesPerPage - 1) >> PageShift);
    }

    /// <summary>Place of the table in the file.</summary>
    public long RegionOffset { get; }

    /// <summary>Looks a payload block up.</summary>
    public BlockStatus Get(long block, out VhdxBatEntry entry) => GetAt(_layout.EntryOf(block), out entry);

    /// <summary>Looks the bitmap of a chunk up.</summary>
    public BlockStatus GetBitmap(long chunk, out VhdxBatEntry entry) => GetAt(_layout.BitmapEntryOf(chunk), out entry);

    /// <summary>Stages the entry at <paramref name="index"/> to become <paramref name="entry"/>. Inside the log's gate.</summary>
    public BlockStatus Stage(long index, VhdxBatEntry entry, VhdxChange change)
    {
        var status = _cache.Stage(PageAt(index), change, out var words);
        if (status == BlockStatus.Ok)
        {
            words[(int)(index & (EntriesPerPage - 1))] = entry.Value;
        }

        return status;
    }

    /// <summary>Place in the file of the page that holds an entry.</summary>
    public long PageAt(long index) => RegionOffset + ((index >> PageShift) * VhdxPage.LengthBytes);

    private BlockStatus GetAt(long index, out VhdxBatEntry entry)
    {
        var offset = PageAt(index);
        var page = _cache.Find(offset);
        if (page is null)
        {
            var status = _cache.Get(offset, out page);
            if (status != BlockStatus.Ok)
            {
                entry = default;
                return status;
            }
        }

        entry = new VhdxBatEntry(page![(int)(index & (EntriesPerPage - 1))]);
        return !page.IsDamaged || _check.FindProblem(index, entry) is null ? BlockStatus.Ok : BlockStatus.Corrupt;
    }

    // What is in the file is believed entry by entry. A place that a block without content keeps, but that is of no use, is taken out.
    private void Correct(VhdxPage page)
    {
        var first = (page.OffsetBytes - RegionOffset) / VhdxBatEntry.LengthBytes;
        var words = page.Words;
        var count = (int)Math.Min(EntriesPerPage, _layout.EntryCount - first);
        for (var i = 0; i < count; i++)
        {
            var entry = new VhdxBatEntry(words[i]);
            if (entry.Value == 0)
            {
                continue;
            }

            if (_check.FindProblem(first + i, entry) is not null)
            {
                page.IsDamaged = true;
            }
            else if (!entry.HasPlace && entry.RawOffsetBytes != 0 && !_space.IsKept(first + i, entry))
            {
                words[i] = new VhdxBatEntry(entry.State, 0).Value;
            }
        }
    }
}
