using Vireo.Disks.Files;
using Vireo.Disks.Operations;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhd;

/// <summary>
/// Changes to a dynamic or differencing VHD as a whole. A new block table or dynamic header is written behind everything else and made durable
/// before the one sector changes that names it, so that a power cut leaves the old structure or the new one.
/// </summary>
internal sealed class VhdSparseMaintenance(IImageFile file, VhdSparseImage image) : IImageMaintenance
{
    /// <inheritdoc/>
    public long MinimumSizeBytes
    {
        get
        {
            var size = image.Geometry.SizeBytes;
            if (image.IsDifferencing)
            {
                // What the parent shows is data too, and it is not ours to know which of it counts.
                return size;
            }

            for (var block = image.Table.BlockCount - 1; block >= 0; block--)
            {
                var start = block * image.BlockBytes;
                if (LastData(start, (int)Math.Min(image.BlockBytes, size - start)) is > 0 and var end)
                {
                    return Math.Max(VhdLimits.MinimumSizeBytes, start + end);
                }
            }

            return Math.Min(size, VhdLimits.MinimumSizeBytes);
        }
    }

    /// <inheritdoc/>
    public Task ResizeAsync(long sizeBytes, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        VhdSizes.Check(image.Path, sizeBytes, image.Geometry.SizeBytes, () => MinimumSizeBytes);
        cancellationToken.ThrowIfCancellationRequested();
        if (sizeBytes == image.Footer.CurrentSizeBytes)
        {
            return Task.CompletedTask;
        }

        var blockCount = VhdOpening.BlockCount(sizeBytes, image.BlockBytes);
        var footer = image.Footer.Resized(sizeBytes);
        if (sizeBytes < image.Footer.CurrentSizeBytes)
        {
            // The size first: blocks behind it are no longer looked at.
            WriteFooters(footer);
            CrashPoint.Hit("vhd.shrunk");
        }

        // Entries behind the disk's end may hold anything; a table of its own makes none of them part of the disk.
        var header = image.Header;
        var table = image.Table.Moved(image.Table.Offset, blockCount);
        if (blockCount != image.Table.BlockCount)
        {
            table = image.Table.Moved(VhdLimits.RoundUp(image.EndBytes, VhdLimits.SectorBytes), blockCount);
            header = header with { TableOffset = table.Offset, TableEntries = (uint)blockCount };
            var end = table.Offset + VhdLimits.RoundUp(blockCount * sizeof(uint), VhdLimits.SectorBytes);
            Require(table.WriteAll(file, blockCount));
            WriteFooterAt(end, image.Footer.CurrentSizeBytes < sizeBytes ? image.Footer : footer);
            CrashPoint.Hit("vhd.table.moved");

            // What changes lies in the first sector of the header.
            Require(file.Write(image.Footer.DataOffset, header.ToBytes()));
            Require(file.Flush());
        }

        WriteFooters(footer);
        Reopen();
        progress?.Report(new CopyProgress(sizeBytes, sizeBytes));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<CopyResult> CompactAsync(CompactMode mode, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        if (mode == CompactMode.Retrim)
        {
            // A trimmed range has given its storage back already; the format keeps no note of it.
            return default;
        }

        Require(image.Trim());
        var compaction = new VhdCompaction(file, image);
        try
        {
            if (mode != CompactMode.Pretrimmed)
            {
                await compaction.DropAsync(looksForZeros: mode != CompactMode.Quick, progress, cancellationToken).ConfigureAwait(false);
            }

            compaction.Move(progress, cancellationToken);
        }
        finally
        {
            // Whole after every step, also when it was cancelled.
            Reopen();
        }

        MoveTable();
        Reopen();
        Require(image.Trim());
        return compaction.Copied;
    }

    /// <inheritdoc/>
    public void SetParentReference(ParentReference parent)
    {
        if (!image.IsDifferencing)
        {
            throw new ImageException(ImageErrorKind.Unsupported, image.Path, $"The image '{image.Path}' is a dynamic disk and has no parent.");
        }

        // Locators and a new header behind everything; the footers, one sector each, then name the header.
        var offset = VhdLimits.RoundUp(image.EndBytes, VhdLimits.SectorBytes);
        var (locators, entries) = VhdParentLocators.Lay(parent.Paths, offset);
        var header = image.Header with
        {
            ParentId = parent.Identity,
            ParentName = VhdCreate.NameOf(new VhdParent(parent.Identity, parent.Paths, default)),
            Locators = entries,
        };
        Require(file.Write(offset, locators));
        var headerOffset = offset + locators.Length;
        Require(file.Write(headerOffset, header.ToBytes()));
        WriteFooterAt(headerOffset + VhdDynamicHeader.LengthBytes, image.Footer);
        CrashPoint.Hit("vhd.parent.written");
        WriteFooters(image.Footer with { DataOffset = headerOffset });

        // Other programs expect the header behind the footer's copy: the same bytes again, where no footer points now.
        if (image.Footer.DataOffset == VhdCreate.HeaderOffset)
        {
            Require(file.Write(VhdCreate.HeaderOffset, header.ToBytes()));
            Require(file.Flush());
            WriteFooters(image.Footer);
        }

        Reopen();
    }

    /// <inheritdoc/>
    public void SetPhysicalSectorBytes(int physicalSectorBytes) => throw VhdSizes.NoSectorSize(image.Path);

    /// <inheritdoc/>
    public void SetDiskId(Guid diskId)
    {
        WriteFooters(image.Footer with { UniqueId = diskId });
        Reopen();
    }

    private long LastData(long start, int lengthBytes)
    {
        List<BlockExtent> extents = [];
        var last = 0L;
        for (var offset = start; offset < start + lengthBytes;)
        {
            extents.Clear();
            var mapping = image.MapOwnExtentsAsync(offset, start + lengthBytes - offset, extents);
            Require(mapping.IsCompletedSuccessfully ? mapping.Result : BlockStatus.IoError);
            foreach (var extent in extents)
            {
                offset = extent.OffsetBytes + extent.LengthBytes;
                last = extent.Kind == ExtentKind.Data ? offset - start : last;
            }
        }

        return last;
    }

    // A table that lies behind the blocks keeps the file long.
    private void MoveTable()
    {
        var tableBytes = VhdLimits.RoundUp(image.Table.BlockCount * sizeof(uint), VhdLimits.SectorBytes);
        var offset = VhdCompaction.FindGap(image, tableBytes);
        if (offset < 0 || offset >= image.Table.Offset)
        {
            return;
        }

        var table = image.Table.Moved(offset, image.Table.BlockCount);
        Require(table.WriteAll(file, table.BlockCount));
        Require(file.Flush());
        Require(file.Write(image.Footer.DataOffset, (image.Header with { TableOffset = offset, TableEntries = (uint)table.BlockCount }).ToBytes()));
        Require(file.Flush());
    }

    private void WriteFooterAt(long offset, VhdFooter footer)
    {
        // The file may be longer, when places were prepared that no block took.
        offset = Math.Max(offset, file.LengthBytes - VhdFooter.LengthBytes);
        Require(file.Write(offset, footer.ToBytes()));
        Require(file.Flush());
    }

    private void WriteFooters(VhdFooter footer)
    {
        WriteFooterAt(0, footer);
        Require(file.Write(0, footer.ToBytes()));
        Require(file.Flush());
    }

    private void Reopen() => image.Use(VhdOpening.Read(file, acceptBadChecksums: false));

    private void Require(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(image.Path, "change", status);
        }
    }
}
