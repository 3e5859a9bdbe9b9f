using System.Numerics;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Pages of one structure that were looked at lately, up to a bound; each place in the cache is shared by pages that lie a multiple of its
/// size apart. Looking up a page that is there takes no lock.
/// </summary>
/// <param name="store">Where pages come from.</param>
/// <param name="check">Sees each page that comes from the file before anybody else; may correct it in memory, or mark it as damaged.</param>
/// <param name="mostPages">Bound; the structure's own size when that is smaller.</param>
internal sealed class VhdxPageCache(VhdxPageStore store, Action<VhdxPage>? check, long mostPages)
{
    /// <summary>
    /// Half a megabyte of pages at most, so that an open disk takes less than a megabyte whatever was done with it: enough for a table of 16 TB in blocks
    /// of 256 MB, of 2 TB in blocks of 32 MB, or of 64 GB in blocks of 1 MB. What is not here is most often in the system's memory.
    /// </summary>
    public const int MaximumPages = 128;

    private readonly VhdxPage?[] _slots = new VhdxPage?[BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(mostPages, 1, MaximumPages))];

    /// <summary>The page at <paramref name="offsetBytes"/> if it is here.</summary>
    public VhdxPage? Find(long offsetBytes)
    {
        var slots = _slots;
        var page = Volatile.Read(ref slots[(offsetBytes >> 12) & (slots.Length - 1)]);
        return page is not null && page.OffsetBytes == offsetBytes ? page : null;
    }

    /// <summary>The page at <paramref name="offsetBytes"/>, from the file if need be; <see cref="VhdxStatus.WouldWait"/> on a reactor's thread.</summary>
    public BlockStatus Get(long offsetBytes, out VhdxPage? page)
    {
        page = Find(offsetBytes);
        return page is not null ? BlockStatus.Ok
            : store.MustNotWait ? VhdxStatus.WouldWait
            : store.Load(offsetBytes, ref SlotOf(offsetBytes), check, toChange: false, out page);
    }

    /// <summary>Stages the page at <paramref name="offsetBytes"/> for a change. Inside the log's gate.</summary>
    /// <param name="offsetBytes">Place in the file.</param>
    /// <param name="change">Collects what changes together.</param>
    /// <param name="words">What the page will hold; to be changed.</param>
    public BlockStatus Stage(long offsetBytes, VhdxChange change, out Span<ulong> words)
    {
        var status = store.Load(offsetBytes, ref SlotOf(offsetBytes), check, toChange: true, out var page);
        words = status == BlockStatus.Ok ? change.Stage(page!) : default;
        return status;
    }

    private ref VhdxPage? SlotOf(long offsetBytes) => ref _slots[(offsetBytes >> 12) & (_slots.Length - 1)];
}
