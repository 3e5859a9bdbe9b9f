using Vireo.Disks.Files;
using Vireo.Disks.Operations;

namespace Vireo.Disks.Vhdx;

/// <summary>Changes to a VHDX as a whole; see <see cref="IImageMaintenance"/>.</summary>
internal sealed class VhdxMaintenance(VhdxImage image, IImageFile file, Func<Guid> newId) : IImageMaintenance
{
    /// <inheritdoc/>
    public long MinimumSizeBytes
    {
        get
        {
            var found = FindDataEndAsync();
            var end = found.IsCompletedSuccessfully ? found.Result : found.AsTask().GetAwaiter().GetResult();
            return Math.Min(image.Geometry.SizeBytes, Math.Max(end, VhdxLimits.MinimumSizeBytes));
        }
    }

    /// <inheritdoc/>
    public async Task ResizeAsync(long sizeBytes, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var geometry = image.Geometry;
        if (sizeBytes is < VhdxLimits.MinimumSizeBytes or > VhdxLimits.MaximumSizeBytes || sizeBytes % geometry.LogicalSectorBytes != 0)
        {
            throw Wrong($"the size {sizeBytes} must be from 3 MB to 64 TB and a multiple of the logical sector size {geometry.LogicalSectorBytes}");
        }

        if (sizeBytes == geometry.SizeBytes)
        {
            return;
        }

        if (image.Parts.Layout.HasParent && image.Parent is null)
        {
            throw Wrong("its size cannot be changed while its parent is not open, because what the parent holds there is not known");
        }

        if (sizeBytes < geometry.SizeBytes && MinimumSizeBytes is var minimum && sizeBytes < minimum)
        {
            throw Wrong($"at {sizeBytes} bytes it would lose data; it cannot be made smaller than {minimum} bytes");
        }

        await PresentLastBlockAsync(sizeBytes).ConfigureAwait(false);
        var oldEntryCount = image.Parts.Layout.EntryCount;
        await image.MaintainAsync((parts, headers) =>
        {
            var rewrite = new VhdxRewrite(file, headers, newId);
            new VhdxResize(parts, rewrite).Prepare(sizeBytes, image.Parent?.Geometry.SizeBytes ?? 0, progress, cancellationToken);
            rewrite.Commit(changesContent: true);
        }).ConfigureAwait(false);
        if (sizeBytes < geometry.SizeBytes)
        {
            await image.MaintainAsync((parts, headers) =>
            {
                var rewrite = new VhdxRewrite(file, headers, newId);
                VhdxResize.ClearRest(parts, rewrite, oldEntryCount);
                if (parts.Space.IsComplete && parts.Space.EndBytes < file.LengthBytes)
                {
                    rewrite.Require(file.SetLength(parts.Space.EndBytes), "shorten");
                    rewrite.Require(file.Flush(), "write");
                }
            }).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<CopyResult> CompactAsync(CompactMode mode, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        if (image.Parts.Metadata.LeaveBlocksAllocated)
        {
            throw Wrong("a fixed disk keeps all of its storage and cannot be compacted; convert it to a dynamic one");
        }

        var copied = default(CopyResult);
        await image.MaintainAsync((parts, headers) =>
        {
            var compact = new VhdxCompact(parts, new VhdxRewrite(file, headers, newId), progress, cancellationToken);
            compact.Drop(mode);
            if (mode != CompactMode.Retrim)
            {
                compact.Move();
                copied = compact.Copied;
            }
        }).ConfigureAwait(false);
        if (mode != CompactMode.Retrim)
        {
            await image.MaintainAsync((parts, headers) =>
                new VhdxCompact(parts, new VhdxRewrite(file, headers, newId), progress, cancellationToken).MoveRegions()).ConfigureAwait(false);
        }

        return copied;
    }

    /// <inheritdoc/>
    public void SetParentReference(ParentReference parent)
    {
        if (!image.Parts.Layout.HasParent)
        {
            throw Wrong("it is not a differencing disk and has no parent");
        }

        var locator = VhdxParentLocator.Of(parent);
        if (locator.TryGetReference() is null)
        {
            throw Wrong("a parent needs at least one path");
        }

        Edit(changesContent: false, (editor, _) =>
            editor.Put(new VhdxMetadataEntry(VhdxMetadata.ParentLocatorItem, 0, 0, IsUser: false, IsVirtualDisk: false, IsRequired: true), locator.ToBytes()));
    }

    /// <inheritdoc/>
    public void SetPhysicalSectorBytes(int physicalSectorBytes)
    {
        if (physicalSectorBytes is not (512 or 4096))
        {
            throw Wrong($"the physical sector size {physicalSectorBytes} must be 512 or 4096");
        }

        Edit(changesContent: true, (editor, _) => editor.Overwrite(VhdxMetadata.PhysicalSectorItem, BitConverter.GetBytes(physicalSectorBytes)));
    }

    /// <inheritdoc/>
    public void SetDiskId(Guid diskId) => Edit(changesContent: true, (editor, _) => editor.Overwrite(VhdxMetadata.DiskIdItem, diskId.ToByteArray()));

    /// <summary>Changes metadata in one step.</summary>
    internal void Edit(bool changesContent, Action<VhdxMetadataEditor, VhdxParts> change)
    {
        var maintained = image.MaintainAsync((parts, headers) =>
        {
            var rewrite = new VhdxRewrite(file, headers, newId);
            change(new VhdxMetadataEditor(parts, rewrite), parts);
            rewrite.Commit(changesContent);
        });
        maintained.GetAwaiter().GetResult();
    }

    private ImageException Wrong(string what) => new(ImageErrorKind.InvalidParameter, file.Path, $"The image '{file.Path}' cannot be changed: {what}.");

    // A last block that ends behind the disk becomes present before the disk grows over the rest of it, when the parent would show through
    // there or an old bitmap says something: neither must appear behind the old end.
    private async Task PresentLastBlockAsync(long sizeBytes)
    {
        var layout = image.Parts.Layout;
        var last = layout.BlockCount - 1;
        var usedBytes = layout.UsedBytesOf(last);
        if (sizeBytes < layout.SizeBytes || !layout.HasParent || usedBytes == layout.BlockSizeBytes)
        {
            return;
        }

        var state = image.FindBlock(last).State;
        if (state != VhdxBlockState.PartiallyPresent && (state != VhdxBlockState.NotPresent || image.Parent!.Geometry.SizeBytes <= layout.SizeBytes))
        {
            return;
        }

        using var buffer = new Platform.Memory.NativeBuffer(Math.Min(usedBytes, VhdxLimits.Megabyte));
        for (var position = 0; position < usedBytes; position += buffer.LengthBytes)
        {
            var count = Math.Min(buffer.LengthBytes, usedBytes - position);
            var vector = new IoVector(new[] { buffer.Segment.Slice(0, count) }, count);
            var status = await image.ReadAsync(layout.StartOf(last) + position, vector).ConfigureAwait(false);
            status = status == BlockStatus.Ok ? await image.WriteAsync(layout.StartOf(last) + position, vector, WriteOptions.None).ConfigureAwait(false) : status;
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(file.Path, "write", status);
            }
        }
    }

    private async ValueTask<long> FindDataEndAsync()
    {
        var end = 0L;
        var size = image.Geometry.SizeBytes;
        List<BlockExtent> extents = [];
        for (var offset = 0L; offset < size;)
        {
            extents.Clear();
            var status = await image.MapExtentsAsync(offset, size - offset, extents).ConfigureAwait(false);
            if (status != BlockStatus.Ok || extents.Count == 0)
            {
                throw ImageException.Failed(file.Path, "look through", status);
            }

            foreach (var extent in extents)
            {
                offset = extent.OffsetBytes + extent.LengthBytes;
                end = (extent.Kind & ExtentKind.Zero) != 0 ? end : offset;
            }
        }

        return end;
    }
}
