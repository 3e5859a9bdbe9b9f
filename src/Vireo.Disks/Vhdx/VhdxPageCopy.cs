using System.Buffers;

namespace Vireo.Disks.Vhdx;

/// <summary>A page as it was at a moment, on its way to its place.</summary>
internal readonly struct VhdxPageCopy
{
    private readonly VhdxPage _page;
    private readonly byte[] _bytes;
    private readonly int _version;

    private VhdxPageCopy(VhdxPage page, byte[] bytes)
    {
        _page = page;
        _bytes = bytes;
        _version = page.Version;
    }

    /// <summary>Place in the file.</summary>
    public long OffsetBytes => _page.OffsetBytes;

    /// <summary>What the page held.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, VhdxPage.LengthBytes);

    /// <summary>Whether the page still holds it.</summary>
    public bool IsNewest => _page.Version == _version;

    /// <summary>Copies <paramref name="page"/> into rented memory.</summary>
    public static VhdxPageCopy Of(VhdxPage page)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(VhdxPage.LengthBytes);
        page.Bytes.CopyTo(bytes);
        return new VhdxPageCopy(page, bytes);
    }

    /// <summary>Gives the memory back.</summary>
    public void Free() => ArrayPool<byte>.Shared.Return(_bytes);
}
