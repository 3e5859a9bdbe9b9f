using System.Runtime.InteropServices;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Pages that change together: staged here, logged in one entry, then seen by everybody. Used again and again, inside the log's gate.
/// </summary>
internal sealed class VhdxChange
{
    private readonly List<VhdxPage> _pages = [];
    private readonly List<ulong[]> _staged = [];

    /// <summary>Pages staged so far.</summary>
    public int Count => _pages.Count;

    /// <summary>Begins anew.</summary>
    public void Clear() => _pages.Clear();

    /// <summary>What <paramref name="page"/> will hold; to be changed.</summary>
    public Span<ulong> Stage(VhdxPage page)
    {
        var index = _pages.LastIndexOf(page);
        if (index < 0)
        {
            index = _pages.Count;
            _pages.Add(page);
            if (_staged.Count == index)
            {
                _staged.Add(new ulong[VhdxPage.WordCount]);
            }

            page.Words.CopyTo(_staged[index]);
        }

        return _staged[index];
    }

    /// <summary>Place in the file of a staged page.</summary>
    public long OffsetOf(int index) => _pages[index].OffsetBytes;

    /// <summary>Bytes of a staged page.</summary>
    public ReadOnlySpan<byte> BytesOf(int index) => MemoryMarshal.AsBytes(_staged[index].AsSpan());

    /// <summary>Makes everybody see the change, which is in the log.</summary>
    public void Publish(VhdxPageStore store)
    {
        for (var i = 0; i < _pages.Count; i++)
        {
            store.Change(_pages[i], _staged[i]);
        }

        _pages.Clear();
    }
}
