using System.Buffers.Binary;
using System.Numerics;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// A new VHDX file. The file is laid out as header section, log, metadata, block allocation table, payload, every part on its own
/// megabytes: [MS-VHDX] 2.1 File Structure.
/// </summary>
/// <param name="SizeBytes">Size of the virtual disk: 3 MB to 64 TB, a multiple of the logical sector.</param>
/// <param name="IsFixed">All storage is allocated now.</param>
/// <param name="BlockSizeBytes">0 for the default (32 MB), or a power of two from 1 MB to 256 MB.</param>
/// <param name="LogicalSectorBytes">0 for the default (512), or 512 or 4096.</param>
/// <param name="PhysicalSectorBytes">0 for the default (4096), or 512 or 4096.</param>
/// <param name="Creator">Name and version of the program, for people who look into the file.</param>
public sealed record VhdxCreate(
    long SizeBytes, bool IsFixed, int BlockSizeBytes = 0, int LogicalSectorBytes = 0, int PhysicalSectorBytes = 0, string Creator = "Vireo 0.1")
{
    // A child of a differencing disk has smaller blocks: the first write to one costs a bitmap, and many are written only in part.
    private const int DefaultBlockBytes = 32 << 20;
    private const int DefaultChildBlockBytes = 2 << 20;
    private const long LogOffset = VhdxLimits.Megabyte;
    private const long LogBytes = VhdxLimits.Megabyte;
    private const long MetadataOffset = LogOffset + LogBytes;
    private const long MetadataBytes = VhdxLimits.Megabyte;
    private const long TableOffset = MetadataOffset + MetadataBytes;

    /// <summary>What a differencing image takes over from its parent; null for one that stands alone.</summary>
    public VhdxParent? Parent { get; init; }

    /// <summary>The identity that guests see; null for the parent's, or a new one.</summary>
    public Guid? DiskId { get; init; }

    /// <summary>A differencing image on top of <paramref name="parent"/>: of its size, sectors and identity as the guest sees it.</summary>
    /// <param name="parent">The parent, open.</param>
    /// <param name="path">Where the child will be: the parent is found relative to it.</param>
    /// <param name="blockSizeBytes">0 for the parent's, or 2 MB when the parent has no blocks.</param>
    public static VhdxCreate ForParent(IDiskImage parent, string path, int blockSizeBytes = 0)
    {
        var geometry = parent.Geometry;
        var parentBlockBytes = parent.Properties.BlockSizeBytes;
        return new VhdxCreate(
            geometry.SizeBytes,
            IsFixed: false,
            blockSizeBytes != 0 ? blockSizeBytes : parentBlockBytes >= VhdxLimits.MinimumBlockBytes && BitOperations.IsPow2(parentBlockBytes) ? parentBlockBytes : DefaultChildBlockBytes,
            geometry.LogicalSectorBytes,
            geometry.PhysicalSectorBytes)
        {
            Parent = VhdxParent.Of(parent, path),
        };
    }

    /// <summary>Writes the image into the empty <paramref name="file"/>, durably.</summary>
    /// <exception cref="ImageException">A parameter is out of range, or the storage failed; the caller removes the file.</exception>
    public void Write(IImageFile file, Func<Guid> newId)
    {
        var blockBytes = BlockSizeBytes == 0 ? DefaultBlockBytes : BlockSizeBytes;
        var logicalBytes = LogicalSectorBytes == 0 ? 512 : LogicalSectorBytes;
        var physicalBytes = PhysicalSectorBytes == 0 ? 4096 : PhysicalSectorBytes;
        Check(file.Path, blockBytes, logicalBytes, physicalBytes);
        var layout = new VhdxLayout(SizeBytes, blockBytes, logicalBytes, Parent is not null);
        var tableBytes = RoundUp(layout.EntryCount * VhdxBatEntry.LengthBytes, VhdxLimits.Megabyte);
        var payloadOffset = TableOffset + tableBytes;
        var lengthBytes = payloadOffset + (IsFixed ? layout.BlockCount * blockBytes : 0);
        Require(file.SetLength(lengthBytes), file.Path);

        // The log has its storage from the start: when the file system is full, what is there can still be flushed.
        Require(file.Reserve(0, IsFixed ? lengthBytes : TableOffset), file.Path);
        if (IsFixed)
        {
            WriteFixedTable(file, layout, payloadOffset);
        }

        WriteMetadata(file, blockBytes, logicalBytes, physicalBytes, DiskId ?? Parent?.DiskId ?? newId());
        WriteRegions(file, tableBytes);
        WriteHeaders(file, newId);

        // The identifier comes last: until it is there the file is not a VHDX file at all.
        Require(file.Flush(), file.Path);
        var identifier = new byte[VhdxFileIdentifier.LengthBytes];
        VhdxFileIdentifier.Write(identifier, Creator);
        Require(file.Write(VhdxLimits.FileIdentifierOffset, identifier), file.Path);
        Require(file.Flush(), file.Path);
    }

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    private static void Require(BlockStatus status, string path)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, "make", status);
        }
    }

    private void Check(string path, int blockBytes, int logicalBytes, int physicalBytes)
    {
        if (logicalBytes is not (512 or 4096))
        {
            throw Wrong(path, $"the logical sector size {logicalBytes} must be 512 or 4096");
        }

        if (physicalBytes is not (512 or 4096))
        {
            throw Wrong(path, $"the physical sector size {physicalBytes} must be 512 or 4096");
        }

        if (!BitOperations.IsPow2(blockBytes) || blockBytes is < VhdxLimits.MinimumBlockBytes or > VhdxLimits.MaximumBlockBytes)
        {
            throw Wrong(path, $"the block size {blockBytes} must be a power of two from 1 MB to 256 MB");
        }

        if (Parent is not null && IsFixed)
        {
            throw Wrong(path, "a differencing disk cannot be fixed");
        }

        if (SizeBytes is < VhdxLimits.MinimumSizeBytes or > VhdxLimits.MaximumSizeBytes || SizeBytes % logicalBytes != 0)
        {
            throw Wrong(path, $"the size {SizeBytes} must be from 3 MB to 64 TB and a multiple of the logical sector size {logicalBytes}");
        }
    }

    private static ImageException Wrong(string path, string what) =>
        new(ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot be made: {what}.");

    private static void WriteFixedTable(IImageFile file, VhdxLayout layout, long payloadOffset)
    {
        // In pieces, because the table of a 64 TB disk with small blocks has 512 MB.
        var piece = new byte[VhdxLimits.Megabyte];
        var entriesPerPiece = piece.Length / VhdxBatEntry.LengthBytes;
        var block = 0L;
        for (var first = 0L; first < layout.EntryCount; first += entriesPerPiece)
        {
            Array.Clear(piece);
            var count = (int)Math.Min(entriesPerPiece, layout.EntryCount - first);
            for (; block < layout.BlockCount && layout.EntryOf(block) < first + count; block++)
            {
                var entry = new VhdxBatEntry(VhdxBlockState.FullyPresent, payloadOffset + (block * layout.BlockSizeBytes));
                BinaryPrimitives.WriteUInt64LittleEndian(piece.AsSpan((int)(layout.EntryOf(block) - first) * VhdxBatEntry.LengthBytes), entry.Value);
            }

            Require(file.Write(TableOffset + (first * VhdxBatEntry.LengthBytes), piece.AsSpan(0, count * VhdxBatEntry.LengthBytes)), file.Path);
        }
    }

    private void WriteMetadata(IImageFile file, int blockBytes, int logicalBytes, int physicalBytes, Guid diskId)
    {
        var items = new VhdxMetadataItems();
        var parameters = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(parameters, blockBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(
            parameters.AsSpan(4), (IsFixed ? VhdxMetadata.LeaveBlocksAllocatedFlag : 0) | (Parent is null ? 0 : VhdxMetadata.HasParentFlag));
        items.Add(VhdxMetadata.FileParametersItem, parameters, isUser: false, isVirtualDisk: false, isRequired: true);
        items.Add(VhdxMetadata.DiskSizeItem, BitConverter.GetBytes(SizeBytes), isUser: false, isVirtualDisk: true, isRequired: true);
        items.Add(VhdxMetadata.DiskIdItem, diskId.ToByteArray(), isUser: false, isVirtualDisk: true, isRequired: true);
        items.Add(VhdxMetadata.LogicalSectorItem, BitConverter.GetBytes(logicalBytes), isUser: false, isVirtualDisk: true, isRequired: true);
        items.Add(VhdxMetadata.PhysicalSectorItem, BitConverter.GetBytes(physicalBytes), isUser: false, isVirtualDisk: true, isRequired: true);
        if (Parent is not null)
        {
            items.Add(VhdxMetadata.ParentLocatorItem, VhdxParentLocator.Of(Parent.Reference).ToBytes(), isUser: false, isVirtualDisk: false, isRequired: true);
            foreach (var (id, content) in Parent.Items)
            {
                items.Add(id, content, isUser: true, isVirtualDisk: true, isRequired: false);
            }
        }

        var region = items.ToRegion(MetadataBytes)
            ?? throw Wrong(file.Path, "the metadata that the parent hands down do not fit; remove some of the parent's user metadata");
        Require(file.Write(MetadataOffset, region), file.Path);
    }

    private static void WriteRegions(IImageFile file, long tableBytes)
    {
        var table = new byte[VhdxRegionTable.LengthBytes];
        VhdxRegionTable.Write(
            table,
            [
                new(VhdxRegionTable.MetadataRegion, MetadataOffset, MetadataBytes, IsRequired: true),
                new(VhdxRegionTable.BlockTableRegion, TableOffset, tableBytes, IsRequired: true),
            ]);
        Require(file.Write(VhdxLimits.FirstRegionTableOffset, table), file.Path);
        Require(file.Write(VhdxLimits.SecondRegionTableOffset, table), file.Path);
    }

    private static void WriteHeaders(IImageFile file, Func<Guid> newId)
    {
        var header = new VhdxHeader(0, newId(), newId(), Guid.Empty, LogVersion: 0, Version: 1, (uint)LogBytes, (ulong)LogOffset);
        var buffer = new byte[VhdxHeader.LengthBytes];
        header.Write(buffer);
        Require(file.Write(VhdxLimits.FirstHeaderOffset, buffer), file.Path);
        (header with { SequenceNumber = 1 }).Write(buffer);
        Require(file.Write(VhdxLimits.SecondHeaderOffset, buffer), file.Path);
    }
}
