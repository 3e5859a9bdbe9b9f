using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>What of the metadata the reader need not look at: items over each other, items that nobody knows. [MS-VHDX] 2.6.1.2.</summary>
internal static class VhdxMetadataCheck
{
    /// <summary>Checks the items that the table lists.</summary>
    /// <exception cref="ImageException">The table breaks a rule of the format, or cannot be read.</exception>
    public static void Run(IImageFile file, VhdxRegion region, ImageReportBuilder report)
    {
        var table = new byte[VhdxMetadataTable.LengthBytes];
        var status = file.Read(region.OffsetBytes, table);
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "read the metadata of", status);
        }

        var items = VhdxMetadataTable.Read(table, file.Path, region.OffsetBytes, region.LengthBytes);
        VhdxMetadataEntry? last = null;
        foreach (var item in items.Where(static item => item.LengthBytes > 0).OrderBy(static item => item.OffsetBytes))
        {
            if (last is { } before && before.OffsetBytes + before.LengthBytes > item.OffsetBytes)
            {
                report.Add(
                    FindingSeverity.Error, region.OffsetBytes + item.OffsetBytes, $"the metadata items {before.Id} and {item.Id} lie over each other", "!metadata items that lie over each other");
            }

            last = item;
        }

        foreach (var item in items)
        {
            var isKnown = VhdxMetadata.NameOf(item) is not null;
            report.Line(2, $"Item {(item.IsUser ? "of a user " : "")}{VhdxMetadata.NameOf(item) ?? item.Id.ToString()}: {item.LengthBytes} bytes{(item.IsRequired ? ", required" : "")}");
            if (!isKnown && !item.IsUser)
            {
                report.Add(FindingSeverity.Information, region.OffsetBytes + item.OffsetBytes, $"the metadata item {item.Id} is not one of the standard", "unknown metadata items");
            }
        }
    }
}
