using System.Buffers.Binary;
using System.Text;

namespace Vireo.Disks.Vhdx;

/// <summary>Where a differencing file's parent is: keys and values in UTF-16. [MS-VHDX] 2.6.2.6 Parent Locator.</summary>
/// <param name="Type">What kind of parent the keys describe.</param>
/// <param name="Entries">For example <c>relative_path</c>, <c>absolute_win32_path</c>, <c>parent_linkage</c>.</param>
public sealed record VhdxParentLocator(Guid Type, IReadOnlyDictionary<string, string> Entries)
{
    private const int HeaderBytes = 20;
    private const int EntryBytes = 12;
    private const string LinkageKey = "parent_linkage";
    private const string AlternateLinkageKey = "parent_linkage2";
    private const string RelativePathKey = "relative_path";
    private const string VolumePathKey = "volume_path";
    private const string AbsolutePathKey = "absolute_win32_path";

    /// <summary>A parent in a VHDX file: 2.6.2.6.3 VHDX Parent Locator.</summary>
    public static Guid VhdxType { get; } = new("B04AEFB7-D19E-4A81-B789-25B8E9445913");

    // 2.6.2.6.3: paths are evaluated in this order.
    private static ReadOnlySpan<string> PathKeys => new[] { RelativePathKey, VolumePathKey, AbsolutePathKey };

    /// <summary>The locator that says what <paramref name="reference"/> says: the first path of each form counts.</summary>
    public static VhdxParentLocator Of(ParentReference reference)
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal) { [LinkageKey] = Format(reference.Identity) };
        if (reference.AlternateIdentity is { } alternate)
        {
            entries.Add(AlternateLinkageKey, Format(alternate));
        }

        foreach (var path in reference.Paths)
        {
            entries.TryAdd(KeyOf(path), path);
        }

        return new VhdxParentLocator(VhdxType, entries);
    }

    /// <summary>The parent, in the order in which its paths are tried; null when id or paths are missing.</summary>
    public ParentReference? TryGetReference()
    {
        List<string> paths = [];
        foreach (var key in PathKeys)
        {
            if (Entries.GetValueOrDefault(key) is { Length: > 0 } path)
            {
                paths.Add(path);
            }
        }

        return paths.Count > 0 && Guid.TryParse(Entries.GetValueOrDefault(LinkageKey), out var identity)
            ? new ParentReference(paths, identity, Guid.TryParse(Entries.GetValueOrDefault(AlternateLinkageKey), out var alternate) ? alternate : null)
            : null;
    }

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
        var textBytes = 0L;
        for (var i = 0; i < count; i++)
        {
            var entry = item.Slice(HeaderBytes + (i * EntryBytes), EntryBytes);
            var keyBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[8..]);
            var valueBytes = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]);

            // Texts that share their bytes could be far longer together than the item.
            textBytes += keyBytes + valueBytes;
            var key = textBytes > item.Length ? null : ReadText(item, BinaryPrimitives.ReadUInt32LittleEndian(entry), keyBytes);
            var value = ReadText(item, BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]), valueBytes);
            if (key is null || value is null || !entries.TryAdd(key, value))
            {
                return null;
            }
        }

        return new VhdxParentLocator(new Guid(item[..16]), entries);
    }

    /// <summary>The item as it is in the file.</summary>
    public byte[] ToBytes()
    {
        var texts = Entries.Select(static entry => (Key: Encoding.Unicode.GetBytes(entry.Key), Value: Encoding.Unicode.GetBytes(entry.Value))).ToList();
        var item = new byte[HeaderBytes + (texts.Count * EntryBytes) + texts.Sum(static text => text.Key.Length + text.Value.Length)];
        Type.TryWriteBytes(item);
        BinaryPrimitives.WriteUInt16LittleEndian(item.AsSpan(18), checked((ushort)texts.Count));
        var position = HeaderBytes + (texts.Count * EntryBytes);
        for (var i = 0; i < texts.Count; i++)
        {
            var entry = item.AsSpan(HeaderBytes + (i * EntryBytes), EntryBytes);
            BinaryPrimitives.WriteInt32LittleEndian(entry, position);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], position + texts[i].Key.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[8..], checked((ushort)texts[i].Key.Length));
            BinaryPrimitives.WriteUInt16LittleEndian(entry[10..], checked((ushort)texts[i].Value.Length));
            texts[i].Key.CopyTo(item, position);
            texts[i].Value.CopyTo(item, position + texts[i].Key.Length);
            position += texts[i].Key.Length + texts[i].Value.Length;
        }

        return item;
    }

    // Lower case with braces, as the standard's example: other programs compare text.
    private static string Format(Guid id) => id.ToString("B");

    private static string KeyOf(string path) =>
        path.StartsWith(@"\\?\Volume{", StringComparison.OrdinalIgnoreCase) ? VolumePathKey
        : path.StartsWith('/') || path.StartsWith('\\') || (path.Length > 1 && path[1] == ':') ? AbsolutePathKey
        : RelativePathKey;

    private static string? ReadText(ReadOnlySpan<byte> item, uint offset, ushort lengthBytes) =>
        offset <= item.Length && lengthBytes <= item.Length - offset ? Encoding.Unicode.GetString(item.Slice((int)offset, lengthBytes)) : null;
}
