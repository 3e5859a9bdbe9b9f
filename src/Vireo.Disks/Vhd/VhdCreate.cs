using System.Numerics;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>The parent that a new differencing VHD names.</summary>
/// <param name="Id">Its unique id.</param>
/// <param name="Paths">Where it is: see <see cref="ParentPath.Of"/>.</param>
/// <param name="ChangedAt">When it was last changed.</param>
public sealed record VhdParent(Guid Id, IReadOnlyList<string> Paths, DateTimeOffset ChangedAt);

/// <summary>
/// A new VHD file: footer's copy, dynamic header, block table, parent locators, footer; blocks come behind, their payload at multiples of
/// 4 KB. [VHD] is Microsoft's "Virtual Hard Disk Image Format Specification".
/// </summary>
/// <param name="SizeBytes">Size of the virtual disk: 3 MB to 2,040 GB, a multiple of 512.</param>
/// <param name="IsFixed">All storage is allocated now.</param>
/// <param name="BlockSizeBytes">0 for the default (2 MB), or a power of two from 512 KB to 256 MB.</param>
/// <param name="Parent">Of a differencing disk.</param>
/// <param name="CreatedAt">Written into the footer.</param>
public sealed record VhdCreate(long SizeBytes, bool IsFixed, int BlockSizeBytes = 0, VhdParent? Parent = null, DateTimeOffset CreatedAt = default)
{
    internal const int HeaderOffset = VhdFooter.LengthBytes;
    private const int TableOffset = HeaderOffset + VhdDynamicHeader.LengthBytes;
    private const int SmallestBlockBytes = 512 << 10;
    private static readonly DateTimeOffset s_epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes the image into the empty <paramref name="file"/>, durably.</summary>
    /// <exception cref="ImageException">A parameter is out of range, or the storage failed; the caller removes the file.</exception>
    public void Write(IImageFile file, Func<Guid> newId)
    {
        var blockBytes = BlockSizeBytes == 0 ? VhdLimits.DefaultBlockBytes : BlockSizeBytes;
        Check(file.Path, blockBytes);
        var footer = new VhdFooter(
            IsFixed ? VhdFooter.NoDataOffset : HeaderOffset,
            Seconds(CreatedAt),
            VhdFooter.CreatorWindows,
            CreatorVersion: 0x0006_0002,
            VhdFooter.HostWindows,
            SizeBytes,
            SizeBytes,
            VhdGeometry.Of(SizeBytes / VhdLimits.SectorBytes),
            IsFixed ? VhdDiskType.Fixed : Parent is null ? VhdDiskType.Dynamic : VhdDiskType.Differencing,
            newId(),
            IsSavedState: false);
        if (IsFixed)
        {
            Require(file.Reserve(0, SizeBytes + VhdFooter.LengthBytes), file.Path);
            Require(file.Write(SizeBytes, footer.ToBytes()), file.Path);
            Require(file.Flush(), file.Path);
            return;
        }

        var table = VhdBlockTable.Empty(VhdOpening.BlockCount(SizeBytes, blockBytes), TableOffset);
        var end = TableOffset + VhdLimits.RoundUp(table.BlockCount * sizeof(uint), VhdLimits.SectorBytes);
        var (locators, entries) = VhdParentLocators.Lay(Parent?.Paths ?? [], end);
        var header = new VhdDynamicHeader(
            TableOffset, (uint)table.BlockCount, (uint)blockBytes, Parent?.Id ?? Guid.Empty, Parent is null ? 0 : Seconds(Parent.ChangedAt), NameOf(Parent), entries);
        Require(file.Write(0, footer.ToBytes()), file.Path);
        Require(file.Write(HeaderOffset, header.ToBytes()), file.Path);
        Require(table.WriteAll(file, table.BlockCount), file.Path);
        Require(file.Write(end, locators), file.Path);
        Require(file.Write(end + locators.Length, footer.ToBytes()), file.Path);
        Require(file.Flush(), file.Path);
    }

    internal static string NameOf(VhdParent? parent) => parent is null || parent.Paths.Count == 0 ? string.Empty : Path.GetFileName(ParentPath.ToLocal(parent.Paths[0]));

    internal static uint Seconds(DateTimeOffset time) => (uint)Math.Clamp((time - s_epoch).TotalSeconds, 0, uint.MaxValue);

    private static void Require(BlockStatus status, string path)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, "make", status);
        }
    }

    private static ImageException Wrong(string path, string what) =>
        new(ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot be made: {what}.");

    private void Check(string path, int blockBytes)
    {
        if (SizeBytes is < VhdLimits.MinimumSizeBytes or > VhdLimits.MaximumSizeBytes || SizeBytes % VhdLimits.SectorBytes != 0)
        {
            throw Wrong(path, $"the size {SizeBytes} must be from 3 MB to 2040 GB and a multiple of 512");
        }

        if (IsFixed && Parent is not null)
        {
            throw Wrong(path, "a fixed disk has no parent");
        }

        if (IsFixed)
        {
            return;
        }

        if (!BitOperations.IsPow2(blockBytes) || blockBytes is < SmallestBlockBytes or > VhdLimits.MaximumBlockBytes)
        {
            throw Wrong(path, $"the block size {blockBytes} must be a power of two from 512 KB to 256 MB");
        }

        // A block table entry is a sector number of 32 bits, and small blocks cost a page each for their bitmaps.
        var spanBytes = VhdLimits.RoundUp(VhdLimits.BitmapBytes(blockBytes), VhdLimits.AlignmentBytes) + blockBytes;
        if (VhdOpening.BlockCount(SizeBytes, blockBytes) * (spanBytes + sizeof(uint)) / VhdLimits.SectorBytes >= VhdLimits.MaximumSector)
        {
            throw Wrong(path, $"a disk of {SizeBytes} bytes in blocks of {blockBytes} could not be filled; choose larger blocks");
        }
    }
}
