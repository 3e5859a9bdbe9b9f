using System.Buffers.Binary;
using System.Numerics;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>The known metadata items, checked. [MS-VHDX] 2.6.2 Known Metadata Items.</summary>
/// <param name="Geometry">Virtual disk size and sector sizes.</param>
/// <param name="BlockSizeBytes">1 MB to 256 MB, a power of two.</param>
/// <param name="LeaveBlocksAllocated">Set in a fixed file; means nothing in a differencing one.</param>
/// <param name="DiskId">Identity of the virtual disk (SCSI page 83).</param>
/// <param name="Parent">Of a differencing file.</param>
/// <param name="Items">All items that the table lists.</param>
public sealed record VhdxMetadata(
    BlockGeometry Geometry, int BlockSizeBytes, bool LeaveBlocksAllocated, Guid DiskId, VhdxParentLocator? Parent, IReadOnlyList<VhdxMetadataEntry> Items)
{
    /// <summary>File parameters: block size and flags (2.6.2.1).</summary>
    public static Guid FileParametersItem { get; } = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");

    /// <summary>Virtual disk size (2.6.2.2).</summary>
    public static Guid DiskSizeItem { get; } = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8");

    /// <summary>Virtual disk id (2.6.2.3).</summary>
    public static Guid DiskIdItem { get; } = new("BECA12AB-B2E6-4523-93EF-C309E000C746");

    /// <summary>Logical sector size (2.6.2.4).</summary>
    public static Guid LogicalSectorItem { get; } = new("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");

    /// <summary>Physical sector size (2.6.2.5).</summary>
    public static Guid PhysicalSectorItem { get; } = new("CDA348C7-445D-4471-9CC9-E9885251C556");

    /// <summary>Parent locator (2.6.2.6).</summary>
    public static Guid ParentLocatorItem { get; } = new("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C");

    /// <summary>Bit of the file parameters that marks a fixed file.</summary>
    public const uint LeaveBlocksAllocatedFlag = 1;

    /// <summary>Bit of the file parameters that marks a differencing file.</summary>
    public const uint HasParentFlag = 2;

    /// <summary>What the standard calls an item; null when it does not know it.</summary>
    public static string? NameOf(VhdxMetadataEntry item) =>
        item.IsUser ? null
        : item.Id == FileParametersItem ? "file parameters"
        : item.Id == DiskSizeItem ? "virtual disk size"
        : item.Id == DiskIdItem ? "virtual disk id"
        : item.Id == LogicalSectorItem ? "logical sector size"
        : item.Id == PhysicalSectorItem ? "physical sector size"
        : item.Id == ParentLocatorItem ? "parent locator"
        : null;

    /// <summary>Reads the metadata region.</summary>
    /// <exception cref="ImageException">An item is missing, outside its range, or required and unknown.</exception>
    public static VhdxMetadata Read(IImageFile file, VhdxRegion region)
    {
        var table = new byte[VhdxMetadataTable.LengthBytes];
        var status = file.Read(region.OffsetBytes, table);
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "read the metadata of", status);
        }

        var reader = new ItemReader(file, region, VhdxMetadataTable.Read(table, file.Path, region.OffsetBytes, region.LengthBytes));
        reader.RefuseUnknown();
        var parameters = reader.Read(FileParametersItem, "file parameters", 8);
        var blockSize = BinaryPrimitives.ReadUInt32LittleEndian(parameters);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(parameters.AsSpan(4));
        var hasParent = (flags & HasParentFlag) != 0;
        if (!BitOperations.IsPow2(blockSize) || blockSize is < VhdxLimits.MinimumBlockBytes or > VhdxLimits.MaximumBlockBytes)
        {
            throw reader.Wrong(FileParametersItem, $"the block size is {blockSize}, which must be a power of two from 1 MB to 256 MB");
        }

        var logical = reader.ReadSectorSize(LogicalSectorItem, "logical sector size");
        var physical = reader.ReadSectorSize(PhysicalSectorItem, "physical sector size");
        var size = BinaryPrimitives.ReadUInt64LittleEndian(reader.Read(DiskSizeItem, "virtual disk size", 8));
        if (size == 0 || size > VhdxLimits.MaximumSizeBytes || size % (uint)logical != 0)
        {
            throw reader.Wrong(DiskSizeItem, $"the virtual disk size is {size}, which must be a multiple of {logical} up to 64 TB");
        }

        return new VhdxMetadata(
            new BlockGeometry((long)size, logical, physical),
            (int)blockSize,
            (flags & LeaveBlocksAllocatedFlag) != 0 && !hasParent,
            new Guid(reader.Read(DiskIdItem, "virtual disk id", 16)),
            hasParent ? reader.ReadParent() : null,
            reader.Entries);
    }

    private sealed class ItemReader(IImageFile file, VhdxRegion region, List<VhdxMetadataEntry> entries)
    {
        public List<VhdxMetadataEntry> Entries => entries;

        public void RefuseUnknown()
        {
            foreach (var entry in entries)
            {
                if (entry.IsRequired && NameOf(entry) is null)
                {
                    throw new ImageException(
                        ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' requires the unknown metadata item {entry.Id}; a newer program made it.");
                }
            }
        }

        public byte[] Read(Guid id, string name, int lengthBytes)
        {
            var entry = Find(id);
            if (entry.LengthBytes < lengthBytes)
            {
                throw ImageException.Corrupt(file.Path, region.OffsetBytes, $"the metadata item '{name}' is missing or shorter than {lengthBytes} bytes");
            }

            return Read(entry, lengthBytes);
        }

        public VhdxParentLocator ReadParent()
        {
            var entry = Find(ParentLocatorItem);
            if (entry.LengthBytes == 0)
            {
                throw ImageException.Corrupt(file.Path, region.OffsetBytes, "the image is a differencing disk, but has no parent locator");
            }

            var item = Read(entry, entry.LengthBytes);
            var locator = VhdxParentLocator.TryRead(item)
                ?? throw Wrong(ParentLocatorItem, "the parent locator's keys and values lie outside of it, or a key is there twice");
            if (locator.Type != VhdxParentLocator.VhdxType)
            {
                throw new ImageException(
                    ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' has a parent of the unknown kind {locator.Type}; only parents in VHDX files are supported.");
            }

            return locator.TryGetReference() is null
                ? throw Wrong(ParentLocatorItem, "the parent locator names no parent: an id (parent_linkage) and at least one path are needed")
                : locator;
        }

        public int ReadSectorSize(Guid id, string name)
        {
            var size = BinaryPrimitives.ReadUInt32LittleEndian(Read(id, name, 4));
            return size is 512 or 4096 ? (int)size : throw Wrong(id, $"the {name} is {size}, which must be 512 or 4096");
        }

        public ImageException Wrong(Guid id, string what) => ImageException.Corrupt(file.Path, region.OffsetBytes + Find(id).OffsetBytes, what);

        private byte[] Read(VhdxMetadataEntry entry, int lengthBytes)
        {
            var item = new byte[lengthBytes];
            var status = file.Read(region.OffsetBytes + entry.OffsetBytes, item);
            return status == BlockStatus.Ok ? item : throw ImageException.Failed(file.Path, "read the metadata of", status);
        }

        private VhdxMetadataEntry Find(Guid id) => entries.Find(entry => entry.Id == id && !entry.IsUser);
    }
}
