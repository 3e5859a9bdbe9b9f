using System.Buffers.Binary;
using System.Text;

namespace Vireo.Disks.Vhdx;

/// <summary>Where a differencing file's parent is: keys and values in UTF-16. [MS-VHDX] 2.6.2.6 Parent Locator.</summary>
/// <param name="Entries">For example <c>relative_path</c>, <c>absolute_win32_path</c>, <c>parent_linkage</c>.</param>
public sealed record VhdxParentLocator(IReadOnlyDictionary<string, string> Entries)
{
    private const int HeaderBytes = 20;
    private const int EntryBytes = 12;

    /// <summary>The most telling path in it, or null.</summary>
    public string? Path =>
        Entries.GetValueOrDefault("absolute_win32_path") ?? Entries.GetValueOrDefault("relative_path") ?? Entries.GetValueOrDefault("volume_path");

    /// <summary>Reads the item; null when its offsets contradict its length.</summary>
    public static VhdxParentLocator? TryRead(ReadOnlySpan<byte> item)
    {
        if (item.Length < HeaderBytes)
        {
            return null;
        }

        var count = BinaryPrimitives.ReadUInt16LittleEndian(item[18..]);
        if (HeaderBytes + (count * EntryBytes) > item.Length)
        {
            return null;
        }

        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var entry = item.Slice(HeaderBytes + (i * EntryBytes), EntryBytes);
            var key = ReadText(item, BinaryPrimitives.ReadUInt32LittleEndian(entry), BinaryPrimitives.ReadUInt16LittleEndian(entry[8..]));
            var value = ReadText(item, BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]), BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]));
            if (key is null || value is null || !entries.TryAdd(key, value))
            {
                return null;
            }
        }

        return new VhdxParentLocator(entries);
    }

    private static string? ReadText(ReadOnlySpan<byte> item, uint offset, ushort lengthBytes) =>
        offset <= item.Length && lengthBytes <= item.Length - offset ? Encoding.Unicode.GetString(item.Slice((int)offset, lengthBytes)) : null;
}
