namespace Vireo.Disks.Vhdx;

/// <summary>Metadata items and their content, on their way into a region. [MS-VHDX] 2.6 Metadata Region.</summary>
internal sealed class VhdxMetadataItems
{
    private readonly List<(VhdxMetadataEntry Entry, byte[] Content)> _items = [];

    /// <summary>Appends an item.</summary>
    public void Add(Guid id, byte[] content, bool isUser, bool isVirtualDisk, bool isRequired) =>
        _items.Add((new VhdxMetadataEntry(id, 0, content.Length, isUser, isVirtualDisk, isRequired), content));

    /// <summary>The table and, one behind the other, the items; null when they do not fit into <paramref name="regionBytes"/>.</summary>
    public byte[]? ToRegion(long regionBytes)
    {
        var lengthBytes = VhdxMetadataTable.LengthBytes + _items.Sum(static item => (long)item.Content.Length);
        if (lengthBytes > regionBytes || _items.Count > VhdxMetadataTable.MaximumEntries)
        {
            return null;
        }

        var region = new byte[lengthBytes];
        var position = VhdxMetadataTable.LengthBytes;
        var entries = new VhdxMetadataEntry[_items.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            // 2.6.1.2: an empty item lies nowhere.
            entries[i] = _items[i].Entry with { OffsetBytes = _items[i].Content.Length == 0 ? 0 : position };
            _items[i].Content.CopyTo(region, position);
            position += _items[i].Content.Length;
        }

        VhdxMetadataTable.Write(region, entries);
        return region;
    }
}
