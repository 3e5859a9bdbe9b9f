using System.Buffers.Binary;
using System.Text;

namespace Vireo.Disks.Vhd;

/// <summary>A parent locator entry of the dynamic header. [VHD] Dynamic Disk Header Format, Parent Locator Entries.</summary>
/// <param name="Code">Platform and form, for example <see cref="VhdParentLocators.RelativeWindows"/>; 0 when the entry is not used.</param>
/// <param name="SpaceBytes">Space that is reserved for it. The specification says sectors; programs write bytes.</param>
/// <param name="LengthBytes">Length of the locator.</param>
/// <param name="Offset">Where it is in the file.</param>
public readonly record struct VhdLocatorEntry(uint Code, uint SpaceBytes, int LengthBytes, long Offset);

/// <summary>Describes the blocks of a dynamic or differencing disk, and the parent of the latter. [VHD] Dynamic Disk Header Format.</summary>
/// <param name="TableOffset">Where the block table is.</param>
/// <param name="TableEntries">Entries in it; at least one for each block of the disk.</param>
/// <param name="BlockBytes">Payload of a block, without its bitmap.</param>
/// <param name="ParentId">Unique id of the parent.</param>
/// <param name="ParentTimeStamp">When the parent was last changed, in seconds since 2000-01-01 UTC.</param>
/// <param name="ParentName">Name of the parent, at most 256 characters.</param>
/// <param name="Locators">Eight entries.</param>
public sealed record VhdDynamicHeader(
    long TableOffset, uint TableEntries, uint BlockBytes, Guid ParentId, uint ParentTimeStamp, string ParentName, IReadOnlyList<VhdLocatorEntry> Locators)
{
    /// <summary>Length in the file.</summary>
    public const int LengthBytes = 1024;

    /// <summary>Entries for locators.</summary>
    public const int LocatorCount = 8;

    internal const int ChecksumOffset = 36;
    private const uint Version = 0x0001_0000;
    private const int NameOffset = 64;
    private const int NameBytes = 512;
    private const int LocatorOffset = 576;
    private const int LocatorBytes = 24;

    private static ReadOnlySpan<byte> Cookie => "cxsparse"u8;

    /// <summary>Whether the bytes begin as the header does.</summary>
    public static bool HasCookie(ReadOnlySpan<byte> source) => source.StartsWith(Cookie);

    /// <summary>The checksum that the bytes carry.</summary>
    public static uint StoredChecksum(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt32BigEndian(source[ChecksumOffset..]);

    /// <summary>The checksum that the bytes should carry.</summary>
    public static uint ComputeChecksum(ReadOnlySpan<byte> source) => VhdChecksum.Compute(source[..LengthBytes], ChecksumOffset);

    /// <summary>The values, whatever the checksum is.</summary>
    public static VhdDynamicHeader Decode(ReadOnlySpan<byte> source)
    {
        var name = Encoding.BigEndianUnicode.GetString(source.Slice(NameOffset, NameBytes));
        var end = name.IndexOf('\0', StringComparison.Ordinal);
        var locators = new VhdLocatorEntry[LocatorCount];
        for (var i = 0; i < LocatorCount; i++)
        {
            var entry = source.Slice(LocatorOffset + (i * LocatorBytes), LocatorBytes);
            locators[i] = new VhdLocatorEntry(
                BinaryPrimitives.ReadUInt32BigEndian(entry),
                BinaryPrimitives.ReadUInt32BigEndian(entry[4..]),
                BinaryPrimitives.ReadInt32BigEndian(entry[8..]),
                BinaryPrimitives.ReadInt64BigEndian(entry[16..]));
        }

        return new VhdDynamicHeader(
            BinaryPrimitives.ReadInt64BigEndian(source[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[28..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[32..]),
            new Guid(source.Slice(40, 16), bigEndian: true),
            BinaryPrimitives.ReadUInt32BigEndian(source[56..]),
            end < 0 ? name : name[..end],
            locators);
    }

    /// <summary>The version in the bytes.</summary>
    public static uint VersionOf(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt32BigEndian(source[24..]);

    /// <summary>The structure as bytes, with its checksum.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[LengthBytes];
        var target = bytes.AsSpan();
        Cookie.CopyTo(target);
        BinaryPrimitives.WriteInt64BigEndian(target[8..], -1);
        BinaryPrimitives.WriteInt64BigEndian(target[16..], TableOffset);
        BinaryPrimitives.WriteUInt32BigEndian(target[24..], Version);
        BinaryPrimitives.WriteUInt32BigEndian(target[28..], TableEntries);
        BinaryPrimitives.WriteUInt32BigEndian(target[32..], BlockBytes);
        ParentId.TryWriteBytes(target[40..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32BigEndian(target[56..], ParentTimeStamp);
        var name = ParentName.Length <= NameBytes / 2 ? ParentName : ParentName[..(NameBytes / 2)];
        Encoding.BigEndianUnicode.GetBytes(name, target.Slice(NameOffset, NameBytes));
        for (var i = 0; i < Math.Min(Locators.Count, LocatorCount); i++)
        {
            var entry = target.Slice(LocatorOffset + (i * LocatorBytes), LocatorBytes);
            BinaryPrimitives.WriteUInt32BigEndian(entry, Locators[i].Code);
            BinaryPrimitives.WriteUInt32BigEndian(entry[4..], Locators[i].SpaceBytes);
            BinaryPrimitives.WriteInt32BigEndian(entry[8..], Locators[i].LengthBytes);
            BinaryPrimitives.WriteInt64BigEndian(entry[16..], Locators[i].Offset);
        }

        BinaryPrimitives.WriteUInt32BigEndian(target[ChecksumOffset..], ComputeChecksum(target));
        return bytes;
    }
}
