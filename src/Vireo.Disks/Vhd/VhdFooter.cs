using System.Buffers.Binary;

namespace Vireo.Disks.Vhd;

/// <summary>Kind of a VHD file, as in the footer. [VHD] Hard Disk Footer Format, Disk Type.</summary>
public enum VhdDiskType
{
    /// <summary>Payload, then the footer.</summary>
    Fixed = 2,

    /// <summary>Blocks that are allocated as they are written.</summary>
    Dynamic = 3,

    /// <summary>Blocks and sectors that differ from a parent.</summary>
    Differencing = 4,
}

/// <summary>
/// The structure at the end of every VHD file; all but fixed disks have a copy at the beginning. Numbers are big-endian.
/// [VHD] Hard Disk Footer Format.
/// </summary>
/// <param name="DataOffset">Where the dynamic header is; all ones for a fixed disk.</param>
/// <param name="TimeStamp">Time of creation in seconds since 2000-01-01 UTC.</param>
/// <param name="CreatorApplication">Four characters that say who made it; other programs derive from it whether the size or the geometry counts.</param>
/// <param name="CreatorVersion">Major version in the upper half.</param>
/// <param name="CreatorHost">Four characters that say on what it was made.</param>
/// <param name="OriginalSizeBytes">Size of the virtual disk when it was made.</param>
/// <param name="CurrentSizeBytes">Size of the virtual disk now.</param>
/// <param name="Geometry">What an ATA controller reports.</param>
/// <param name="DiskType">Kind.</param>
/// <param name="UniqueId">What a child recognises its parent by.</param>
/// <param name="IsSavedState">Set while a machine that uses the disk is saved.</param>
public sealed record VhdFooter(
    long DataOffset, uint TimeStamp, uint CreatorApplication, uint CreatorVersion, uint CreatorHost, long OriginalSizeBytes, long CurrentSizeBytes,
    VhdGeometry Geometry, VhdDiskType DiskType, Guid UniqueId, bool IsSavedState)
{
    /// <summary>Length in the file.</summary>
    public const int LengthBytes = 512;

    /// <summary>Length that programs before Virtual PC 2004 wrote: the last byte is missing, which is reserved and zero.</summary>
    public const int OldLengthBytes = 511;

    /// <summary><see cref="DataOffset"/> of a fixed disk.</summary>
    public const long NoDataOffset = -1;

    /// <summary>
    /// "win ": for an image of this creator, and few others, programs take the size from the footer and not from the geometry, which
    /// cannot express every size.
    /// </summary>
    public const uint CreatorWindows = 0x77696E20;

    /// <summary>"Wi2k".</summary>
    public const uint HostWindows = 0x5769326B;

    internal const int ChecksumOffset = 64;
    private const uint Version = 0x0001_0000;
    private const uint ReservedFeature = 2;

    /// <summary>First bytes of footer and copy.</summary>
    public static ReadOnlySpan<byte> Cookie => "conectix"u8;

    /// <summary>Whether the bytes begin as a footer does.</summary>
    public static bool HasCookie(ReadOnlySpan<byte> source) => source.StartsWith(Cookie);

    /// <summary>The checksum that the bytes carry.</summary>
    public static uint StoredChecksum(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt32BigEndian(source[ChecksumOffset..]);

    /// <summary>The checksum that the bytes should carry.</summary>
    public static uint ComputeChecksum(ReadOnlySpan<byte> source) => VhdChecksum.Compute(source[..LengthBytes], ChecksumOffset);

    /// <summary>A footer with the right cookie and checksum; null otherwise. Values are not judged.</summary>
    public static VhdFooter? TryRead(ReadOnlySpan<byte> source) =>
        HasCookie(source) && StoredChecksum(source) == ComputeChecksum(source) ? Decode(source) : null;

    /// <summary>The values, whatever the checksum is.</summary>
    public static VhdFooter Decode(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadInt64BigEndian(source[16..]),
        BinaryPrimitives.ReadUInt32BigEndian(source[24..]),
        BinaryPrimitives.ReadUInt32BigEndian(source[28..]),
        BinaryPrimitives.ReadUInt32BigEndian(source[32..]),
        BinaryPrimitives.ReadUInt32BigEndian(source[36..]),
        BinaryPrimitives.ReadInt64BigEndian(source[40..]),
        BinaryPrimitives.ReadInt64BigEndian(source[48..]),
        new VhdGeometry(BinaryPrimitives.ReadUInt16BigEndian(source[56..]), source[58], source[59]),
        (VhdDiskType)BinaryPrimitives.ReadInt32BigEndian(source[60..]),
        new Guid(source.Slice(68, 16), bigEndian: true),
        source[84] != 0);

    /// <summary>The version in the bytes.</summary>
    public static uint VersionOf(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt32BigEndian(source[12..]);

    /// <summary>Whether the version is one that this code knows.</summary>
    public static bool IsKnownVersion(uint version) => version >> 16 == Version >> 16;

    /// <summary>The footer with another size.</summary>
    public VhdFooter Resized(long sizeBytes) => this with { CurrentSizeBytes = sizeBytes, Geometry = VhdGeometry.Of(sizeBytes / VhdLimits.SectorBytes) };

    /// <summary>Writes the structure with its checksum.</summary>
    public void Write(Span<byte> target)
    {
        target = target[..LengthBytes];
        target.Clear();
        Cookie.CopyTo(target);
        BinaryPrimitives.WriteUInt32BigEndian(target[8..], ReservedFeature);
        BinaryPrimitives.WriteUInt32BigEndian(target[12..], Version);
        BinaryPrimitives.WriteInt64BigEndian(target[16..], DataOffset);
        BinaryPrimitives.WriteUInt32BigEndian(target[24..], TimeStamp);
        BinaryPrimitives.WriteUInt32BigEndian(target[28..], CreatorApplication);
        BinaryPrimitives.WriteUInt32BigEndian(target[32..], CreatorVersion);
        BinaryPrimitives.WriteUInt32BigEndian(target[36..], CreatorHost);
        BinaryPrimitives.WriteInt64BigEndian(target[40..], OriginalSizeBytes);
        BinaryPrimitives.WriteInt64BigEndian(target[48..], CurrentSizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(target[56..], Geometry.Cylinders);
        target[58] = Geometry.Heads;
        target[59] = Geometry.SectorsPerTrack;
        BinaryPrimitives.WriteInt32BigEndian(target[60..], (int)DiskType);
        UniqueId.TryWriteBytes(target[68..], bigEndian: true, out _);
        target[84] = IsSavedState ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(target[ChecksumOffset..], ComputeChecksum(target));
    }

    /// <summary>The structure as bytes.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[LengthBytes];
        Write(bytes);
        return bytes;
    }
}
