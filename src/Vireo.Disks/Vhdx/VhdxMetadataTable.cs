using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>A metadata item. [MS-VHDX] 2.6.1.2 Metadata Table Entry.</summary>
/// <param name="Id">What the item is.</param>
/// <param name="OffsetBytes">From the start of the metadata region; 0 when the item is empty.</param>
/// <param name="LengthBytes">At most 1 MB.</param>
/// <param name="IsUser">Kept for the user; not ours to interpret.</param>
/// <param name="IsVirtualDisk">About the virtual disk rather than the file.</param>
/// <param name="IsRequired">A reader that does not know the item must not open the file.</param>
public readonly record struct VhdxMetadataEntry(Guid Id, int OffsetBytes, int LengthBytes, bool IsUser, bool IsVirtualDisk, bool IsRequired);

/// <summary>The first 64 KB of the metadata region: which items there are. [MS-VHDX] 2.6.1 Metadata Table.</summary>
public static class VhdxMetadataTable
{
    /// <summary>Length in the file; items lie behind it.</summary>
    public const int LengthBytes = 64 << 10;

    /// <summary>Items at most.</summary>
    public const int MaximumEntries = 2047;

    /// <summary>User items at most.</summary>
    public const int MaximumUserEntries = 1024;

    /// <summary>Length of an item at most.</summary>
    public const int MaximumItemBytes = 1 << 20;

    private const int HeaderBytes = 32;
    private const int EntryBytes = 32;
    private const uint UserFlag = 1;
    private const uint VirtualDiskFlag = 2;
    private const uint RequiredFlag = 4;

    private static ReadOnlySpan<byte> Signature => "metadata"u8;

    /// <summary>Reads and checks the table that lies at <paramref name="regionOffset"/> in the file.</summary>
    /// <exception cref="ImageException">The table breaks a rule of the format.</exception>
    public static List<VhdxMetadataEntry> Read(ReadOnlySpan<byte> source, string path, long regionOffset, long regionLength)
    {
        if (!source.StartsWith(Signature))
        {
            throw ImageException.Corrupt(path, regionOffset, "the metadata table has no valid signature");
        }

        var count = BinaryPrimitives.ReadUInt16LittleEndian(source[10..]);
        if (count > MaximumEntries)
        {
            throw ImageException.Corrupt(path, regionOffset + 10, $"the metadata table claims {count} items, more than {MaximumEntries}");
        }

        var entries = new List<VhdxMetadataEntry>(count);
        var seen = new HashSet<(Guid, bool)>(count);
        var users = 0;
        for (var i = 0; i < count; i++)
        {
            var position = HeaderBytes + (i * EntryBytes);
            var entry = source.Slice(position, EntryBytes);
            var id = new Guid(entry[..16]);
            var offset = BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]);
            var flags = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
            var isUser = (flags & UserFlag) != 0;
            if (length > MaximumItemBytes
                || (length == 0 && offset != 0)
                || (length > 0 && (offset < LengthBytes || offset + (long)length > regionLength)))
            {
                throw ImageException.Corrupt(path, regionOffset + position, $"metadata item {id} lies at {offset}+{length}, outside the region of {regionLength} bytes");
            }

            if (!seen.Add((id, isUser)))
            {
                throw ImageException.Corrupt(path, regionOffset + position, $"metadata item {id} is listed twice");
            }

            users += isUser ? 1 : 0;
            entries.Add(new VhdxMetadataEntry(id, (int)offset, (int)length, isUser, (flags & VirtualDiskFlag) != 0, (flags & RequiredFlag) != 0));
        }

        return users <= MaximumUserEntries
            ? entries
            : throw ImageException.Corrupt(path, regionOffset + 10, $"the metadata table has {users} user items, more than {MaximumUserEntries}");
    }

    /// <summary>Writes a table.</summary>
    public static void Write(Span<byte> target, ReadOnlySpan<VhdxMetadataEntry> entries)
    {
        target[..LengthBytes].Clear();
        Signature.CopyTo(target);
        BinaryPrimitives.WriteUInt16LittleEndian(target[10..], checked((ushort)entries.Length));
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = target.Slice(HeaderBytes + (i * EntryBytes), EntryBytes);
            entries[i].Id.TryWriteBytes(entry);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], entries[i].OffsetBytes);
            BinaryPrimitives.WriteInt32LittleEndian(entry[20..], entries[i].LengthBytes);
            var flags = (entries[i].IsUser ? UserFlag : 0) | (entries[i].IsVirtualDisk ? VirtualDiskFlag : 0) | (entries[i].IsRequired ? RequiredFlag : 0);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], flags);
        }
    }
}
