namespace Vireo.Disks.Vhdx;

/// <summary>Changes, adds and removes metadata items of a clean file. [MS-VHDX] 2.6 Metadata Region.</summary>
/// <param name="parts">The image as it was just read.</param>
/// <param name="rewrite">Changes the file; whoever calls commits.</param>
internal sealed class VhdxMetadataEditor(VhdxParts parts, VhdxRewrite rewrite)
{
    private readonly VhdxRegion _region = parts.Regions.Metadata;

    /// <summary>Overwrites the beginning of an item of the standard in place.</summary>
    public void Overwrite(Guid id, ReadOnlySpan<byte> content)
    {
        var item = parts.Metadata.Items.First(item => item.Id == id && !item.IsUser);
        Platform.Invariant.Check(content.Length <= item.LengthBytes);
        rewrite.Change(_region.OffsetBytes + item.OffsetBytes, content);
    }

    /// <summary>Puts an item in the place of the one with the same id, or beside the others; null content removes it.</summary>
    /// <exception cref="ImageException">There are as many items as there can be, or the storage failed.</exception>
    public void Put(VhdxMetadataEntry entry, byte[]? content)
    {
        List<VhdxMetadataEntry> items = [.. parts.Metadata.Items.Where(item => item.Id != entry.Id || item.IsUser != entry.IsUser)];
        if (content is null)
        {
            WriteTable(items);
            return;
        }

        if (items.Count == VhdxMetadataTable.MaximumEntries || (entry.IsUser && items.Count(static item => item.IsUser) == VhdxMetadataTable.MaximumUserEntries))
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter,
                rewrite.File.Path,
                $"The image '{rewrite.File.Path}' has {VhdxMetadataTable.MaximumUserEntries} user metadata items, which is as many as there can be; remove one first.");
        }

        // The item that is replaced keeps its content until the table refers to the new one.
        var place = content.Length == 0 ? 0 : FindFree(content.Length);
        entry = entry with { OffsetBytes = place, LengthBytes = content.Length };
        if (place < 0)
        {
            MoveRegion(items, entry, content);
            return;
        }

        rewrite.WriteUnused(_region.OffsetBytes + place, content);
        items.Add(entry);
        WriteTable(items);
    }

    private void WriteTable(List<VhdxMetadataEntry> items)
    {
        var table = new byte[VhdxMetadataTable.LengthBytes];
        VhdxMetadataTable.Write(table, items.ToArray());
        rewrite.Change(_region.OffsetBytes, table);
    }

    private int FindFree(int lengthBytes)
    {
        var end = VhdxMetadataTable.LengthBytes;
        foreach (var item in parts.Metadata.Items.Where(static item => item.LengthBytes > 0).OrderBy(static item => item.OffsetBytes))
        {
            if (item.OffsetBytes - end >= lengthBytes)
            {
                return end;
            }

            end = Math.Max(end, item.OffsetBytes + item.LengthBytes);
        }

        return _region.LengthBytes - end >= lengthBytes ? end : -1;
    }

    // No room between the items: all of them go to a region elsewhere, with as much room again.
    private void MoveRegion(List<VhdxMetadataEntry> items, VhdxMetadataEntry entry, byte[] content)
    {
        var neededBytes = VhdxMetadataTable.LengthBytes + items.Sum(static item => (long)item.LengthBytes) + content.Length;
        var lengthBytes = VhdxFreeSpace.RoundUp(Math.Max(neededBytes, 2 * _region.LengthBytes));
        if (lengthBytes > uint.MaxValue)
        {
            lengthBytes = VhdxFreeSpace.RoundUp(neededBytes);
        }

        var offset = VhdxFreeSpace.Take(parts, rewrite, lengthBytes);
        var position = VhdxMetadataTable.LengthBytes;
        List<VhdxMetadataEntry> moved = [];
        foreach (var item in items)
        {
            if (item.LengthBytes == 0)
            {
                moved.Add(item);
                continue;
            }

            var copy = new byte[item.LengthBytes];
            rewrite.Read(_region.OffsetBytes + item.OffsetBytes, copy);
            rewrite.WriteUnused(offset + position, copy);
            moved.Add(item with { OffsetBytes = position });
            position += item.LengthBytes;
        }

        rewrite.WriteUnused(offset + position, content);
        moved.Add(entry with { OffsetBytes = position });
        var table = new byte[VhdxMetadataTable.LengthBytes];
        VhdxMetadataTable.Write(table, moved.ToArray());
        rewrite.WriteUnused(offset, table);
        rewrite.ChangeRegions(parts.Regions.All.Select(region => region.Id == _region.Id ? region with { OffsetBytes = offset, LengthBytes = lengthBytes } : region));
    }
}
