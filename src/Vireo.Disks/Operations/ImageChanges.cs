namespace Vireo.Disks.Operations;

/// <summary>Changes of closed images: each opens the image, changes it and closes it.</summary>
public static class ImageChanges
{
    /// <summary>Sets the size of the virtual disk; <see cref="long.MinValue"/> for the smallest without loss.</summary>
    /// <exception cref="ImageException">In use, damaged, out of range, or data would be lost.</exception>
    public static Task ResizeAsync(string path, long sizeBytes, ParentSearch? search, IProgress<CopyProgress>? progress, CancellationToken cancellationToken) =>
        ChangeAsync(path, new ImageOpenOptions(Parents: search), maintenance =>
            maintenance.ResizeAsync(sizeBytes == long.MinValue ? maintenance.MinimumSizeBytes : sizeBytes, progress, cancellationToken));

    /// <summary>Makes the file smaller, and says how what had to move was copied.</summary>
    /// <exception cref="ImageException">In use, damaged, or of a kind that has nothing to compact.</exception>
    public static Task<CopyResult> CompactAsync(string path, CompactMode mode, ParentSearch? search, IProgress<CopyProgress>? progress, CancellationToken cancellationToken) =>
        ChangeAsync(path, new ImageOpenOptions(Parents: search), maintenance => maintenance.CompactAsync(mode, progress, cancellationToken));

    /// <summary>Sets the physical sector size that the guest sees.</summary>
    /// <exception cref="ImageException">In use, damaged, or the format has one size only.</exception>
    public static Task SetPhysicalSectorBytesAsync(string path, int physicalSectorBytes) =>
        ChangeAsync(path, new ImageOpenOptions(Alone: true), maintenance =>
        {
            maintenance.SetPhysicalSectorBytes(physicalSectorBytes);
            return Task.CompletedTask;
        });

    /// <summary>Gives the disk another identity.</summary>
    /// <exception cref="ImageException">In use or damaged.</exception>
    public static Task SetDiskIdAsync(string path, Guid diskId) =>
        ChangeAsync(path, new ImageOpenOptions(Alone: true), maintenance =>
        {
            maintenance.SetDiskId(diskId);
            return Task.CompletedTask;
        });

    /// <summary>Tells a differencing image where its parent is.</summary>
    /// <param name="path">The child.</param>
    /// <param name="parentPath">The parent.</param>
    /// <param name="ignoreIdMismatch">Takes the parent although it is not the image that the child was made from, or was changed since.</param>
    /// <param name="search">Where the parent's own parents are.</param>
    /// <exception cref="ImageException">Not a differencing image, in use, damaged; or the parent cannot be opened or is another image.</exception>
    public static async Task SetParentAsync(string path, string parentPath, bool ignoreIdMismatch, ParentSearch? search)
    {
        var child = ImageFile.Open(path, new ImageOpenOptions(Alone: true));
        await using (child.ConfigureAwait(false))
        {
            var reference = child.ParentReference
                ?? throw new ImageException(ImageErrorKind.InvalidParameter, path, $"The image '{path}' is not a differencing one and has no parent.");
            var parent = ImageFile.Open(parentPath, new ImageOpenOptions(ReadOnly: true, Parents: search));
            await using (parent.ConfigureAwait(false))
            {
                CheckParent(child, parent, reference, ignoreIdMismatch);
                var paths = child.Properties.Format == DiskFormat.Vhdx ? Vhdx.VhdxParent.ReferenceTo(parent, path).Paths : ParentPath.Of(path, parent.Path);
                Writable(child).SetParentReference(new ParentReference(paths, parent.Identity));
            }
        }
    }

    /// <summary>Refuses a parent that <paramref name="child"/> cannot have.</summary>
    /// <param name="child">A differencing image.</param>
    /// <param name="parent">What is to be its parent.</param>
    /// <param name="reference">What the child says of the parent it has.</param>
    /// <param name="ignoreIdMismatch">Takes the parent although it is not the image that the child was made from, or was changed since.</param>
    /// <exception cref="ImageException">Another format, larger, or another image.</exception>
    public static void CheckParent(IDiskImage child, IDiskImage parent, ParentReference reference, bool ignoreIdMismatch)
    {
        if (child.Properties.Format != parent.Properties.Format || child.Geometry.LogicalSectorBytes != parent.Geometry.LogicalSectorBytes)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, child.Path, $"'{parent.Path}' cannot be the parent of '{child.Path}': both must be of one format and sector size.");
        }

        if (parent.Geometry.SizeBytes > child.Geometry.SizeBytes)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, child.Path, $"'{parent.Path}' cannot be the parent of '{child.Path}', because it is larger.");
        }

        if (!ignoreIdMismatch && !ImageChain.Answers(parent, reference))
        {
            throw new ImageException(
                ImageErrorKind.IdentityMismatch,
                child.Path,
                $"'{parent.Path}' is not the image that '{child.Path}' was made from, or was changed since: its identity is {parent.Identity:D}, expected was {reference.Identity:D}.");
        }
    }

    private static async Task ChangeAsync(string path, ImageOpenOptions options, Func<IImageMaintenance, Task> change) => await ChangeAsync(path, options, async maintenance =>
    {
        await change(maintenance).ConfigureAwait(false);
        return true;
    }).ConfigureAwait(false);

    private static async Task<T> ChangeAsync<T>(string path, ImageOpenOptions options, Func<IImageMaintenance, Task<T>> change)
    {
        var image = ImageFile.Open(path, options);
        await using (image.ConfigureAwait(false))
        {
            return await change(Writable(image)).ConfigureAwait(false);
        }
    }

    private static IImageMaintenance Writable(IDiskImage image) => image.Maintenance
        ?? throw new ImageException(ImageErrorKind.Unsupported, image.Path, $"The image '{image.Path}' is of a kind that this does not work on.");
}
