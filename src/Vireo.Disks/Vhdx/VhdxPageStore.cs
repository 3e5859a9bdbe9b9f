using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// The pages of an open file that are changed but not yet in place, and the way to all others: what is not changed is read from the file.
/// A page is changed once in memory, whoever looks at it; so it may leave the caches at any time without anybody seeing an old one.
/// </summary>
/// <param name="file">Holds every page that is not changed.</param>
internal sealed class VhdxPageStore(IImageFile file)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, VhdxPage> _unplaced = [];

    /// <summary>How many pages are not in place.</summary>
    public int UnplacedCount
    {
        get
        {
            lock (_lock)
            {
                return _unplaced.Count;
            }
        }
    }

    /// <summary>Whether a page that is not at hand cannot be read now, because the thread is a reactor's.</summary>
    public bool MustNotWait => PoolThread.MustNotWait(file);

    /// <summary>Gets the page at <paramref name="offsetBytes"/> and puts it into <paramref name="slot"/>.</summary>
    /// <param name="offsetBytes">Place in the file.</param>
    /// <param name="slot">The only place in the cache where the page can be.</param>
    /// <param name="check">Sees what came from the file before anybody else.</param>
    /// <param name="toChange">The page is kept from now on until it was written in place. Inside the log's gate.</param>
    /// <param name="page">The one and only copy that others see changes of.</param>
    public BlockStatus Load(long offsetBytes, ref VhdxPage? slot, Action<VhdxPage>? check, bool toChange, out VhdxPage? page)
    {
        lock (_lock)
        {
            page = slot;
            if ((page is null || page.OffsetBytes != offsetBytes) && !_unplaced.TryGetValue(offsetBytes, out page))
            {
                page = new VhdxPage(offsetBytes);
                var status = file.Read(offsetBytes, page.Bytes);
                if (status != BlockStatus.Ok)
                {
                    page = null;
                    return status;
                }

                check?.Invoke(page);
            }

            Volatile.Write(ref slot, page);
            if (toChange && page.IsDamaged)
            {
                return BlockStatus.Corrupt;
            }

            if (toChange)
            {
                _unplaced[offsetBytes] = page;
            }

            return BlockStatus.Ok;
        }
    }

    /// <summary>Makes a page that was loaded to be changed hold <paramref name="words"/>. Inside the log's gate.</summary>
    public void Change(VhdxPage page, ReadOnlySpan<ulong> words)
    {
        lock (_lock)
        {
            Platform.Invariant.Check(_unplaced.GetValueOrDefault(page.OffsetBytes) == page);
            page.Store(words);
        }
    }

    /// <summary>Copies all pages that are not in place, in the order in which they lie in the file.</summary>
    public void CopyUnplaced(List<VhdxPageCopy> copies)
    {
        lock (_lock)
        {
            foreach (var page in _unplaced.Values)
            {
                copies.Add(VhdxPageCopy.Of(page));
            }
        }

        copies.Sort(static (one, other) => one.OffsetBytes.CompareTo(other.OffsetBytes));
    }

    /// <summary>Forgets pages whose copies were written in place, unless they changed since, and gives the copies' memory back.</summary>
    public void Placed(List<VhdxPageCopy> copies, bool isWritten)
    {
        lock (_lock)
        {
            foreach (var copy in copies)
            {
                if (isWritten && copy.IsNewest)
                {
                    _unplaced.Remove(copy.OffsetBytes);
                }

                copy.Free();
            }
        }

        copies.Clear();
    }
}
