using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>A region of the file. [MS-VHDX] 2.2.3.2 Region Table Entry.</summary>
/// <param name="Id">What the region holds.</param>
/// <param name="OffsetBytes">Multiple of 1 MB, at least 1 MB.</param>
/// <param name="LengthBytes">Multiple of 1 MB.</param>
/// <param name="IsRequired">A reader that does not know the region must not open the file.</param>
public readonly record struct VhdxRegion(Guid Id, long OffsetBytes, long LengthBytes, bool IsRequired);

/// <summary>Where the regions lie; written twice, one copy is enough. [MS-VHDX] 2.2.3 Region Table.</summary>
public static class VhdxRegionTable
{
    /// <summary>Length in the file, and of what the checksum covers.</summary>
    public const int LengthBytes = 64 << 10;

    private const int ChecksumOffset = 4;
    private const int HeaderBytes = 16;
    private const int EntryBytes = 32;
    private const int MaximumEntries = 2047;

    /// <summary>The block allocation table.</summary>
    public static Guid BlockTableRegion { get; } = new("2DC27766-F623-4200-9D64-115E9BFD4A08");

    /// <summary>The metadata table and its items.</summary>
    public static Guid MetadataRegion { get; } = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");

    private static ReadOnlySpan<byte> Signature => "regi"u8;

    /// <summary>Whether signature, checksum and entry count are right.</summary>
    public static bool IsValid(ReadOnlySpan<byte> source) =>
        source.StartsWith(Signature)
        && BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]) == Crc32C.ComputeWithout(source[..LengthBytes], ChecksumOffset)
        && BinaryPrimitives.ReadUInt32LittleEndian(source[8..]) <= MaximumEntries;

    /// <summary>Reads the entries of a valid table and checks each: aligned, not overlapping, every id once.</summary>
    /// <exception cref="ImageException">An entry breaks a rule of the format, or is required and unknown.</exception>
    public static List<VhdxRegion> Read(ReadOnlySpan<byte> source, string path, long tableOffset)
    {
        var count = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        var regions = new List<VhdxRegion>((int)count);
        for (var i = 0; i < count; i++)
        {
            var offset = HeaderBytes + (i * EntryBytes);
            var entry = source.Slice(offset, EntryBytes);
            var id = new Guid(entry[..16]);
            var start = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
            var isRequired = (BinaryPrimitives.ReadUInt32LittleEndian(entry[28..]) & 1) != 0;
            if (start % VhdxLimits.Megabyte != 0 || start < VhdxLimits.Megabyte || start > VhdxLimits.MaximumFileBytes
                || length % VhdxLimits.Megabyte != 0 || length == 0)
            {
                throw ImageException.Corrupt(path, tableOffset + offset, $"region {id} lies at {start}+{length}, which must be positive multiples of 1048576");
            }

            var region = new VhdxRegion(id, (long)start, length, isRequired);
            foreach (var other in regions)
            {
                if (other.Id == id)
                {
                    throw ImageException.Corrupt(path, tableOffset + offset, $"region {id} is listed twice");
                }

                if (region.OffsetBytes < other.OffsetBytes + other.LengthBytes && other.OffsetBytes < region.OffsetBytes + region.LengthBytes)
                {
                    throw ImageException.Corrupt(path, tableOffset + offset, $"region {id} at {start}+{length} overlaps region {other.Id} at {other.OffsetBytes}+{other.LengthBytes}");
                }
            }

            if (isRequired && id != BlockTableRegion && id != MetadataRegion)
            {
                throw new ImageException(ImageErrorKind.Unsupported, path, $"The image '{path}' requires the unknown region {id}; a newer program made it.");
            }

            regions.Add(region);
        }

        return regions;
    }

    /// <summary>Writes a table with its checksum.</summary>
    public static void Write(Span<byte> target, ReadOnlySpan<VhdxRegion> regions)
    {
        target = target[..LengthBytes];
        target.Clear();
        Signature.CopyTo(target);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], regions.Length);
        for (var i = 0; i < regions.Length; i++)
        {
            var entry = target.Slice(HeaderBytes + (i * EntryBytes), EntryBytes);
            regions[i].Id.TryWriteBytes(entry);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], regions[i].OffsetBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], checked((uint)regions[i].LengthBytes));
            BinaryPrimitives.WriteUInt32LittleEndian(entry[28..], regions[i].IsRequired ? 1u : 0u);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(target[ChecksumOffset..], Crc32C.ComputeWithout(target, ChecksumOffset));
    }
}
