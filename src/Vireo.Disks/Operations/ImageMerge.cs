using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Operations;

/// <summary>
/// Merges a differencing image, and those between, into one of its parents, and removes what was merged. Until everything is durable in that
/// parent the chain shows what it did before: what is copied down lies under the same content. A merge that was cut short is done again.
/// </summary>
public static class ImageMerge
{
    /// <summary>Merges <paramref name="path"/> into <paramref name="intoPath"/>.</summary>
    /// <param name="path">A differencing image that nobody has open.</param>
    /// <param name="intoPath">One of its parents; null for the nearest.</param>
    /// <param name="search">Where parents are.</param>
    /// <param name="progress">Told now and then.</param>
    /// <param name="cancellationToken">Ends the merge before anything is removed; the chain is as before.</param>
    /// <returns>The image that now holds everything, and how data came there.</returns>
    /// <exception cref="ImageException">Not a child of that parent, in use, damaged, no space.</exception>
    public static async Task<MergeResult> MergeAsync(
        string path, string? intoPath, ParentSearch? search, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var paths = await FindAsync(path, intoPath, search).ConfigureAwait(false);
        List<IDiskImage> levels = [];
        IDiskImage? target = null;
        CopyResult copied;
        try
        {
            // Those that go away are opened for writing, so that nobody else has them.
            foreach (var level in paths.Take(paths.Count - 1))
            {
                levels.Add(ImageFile.OpenAlone(level, new ImageOpenOptions()));
            }

            target = OpenTarget(paths[^1], levels[^1], search);
            if (levels[0].Geometry.SizeBytes > target.Geometry.SizeBytes)
            {
                await Writable(target).ResizeAsync(levels[0].Geometry.SizeBytes, null, cancellationToken).ConfigureAwait(false);
            }

            copied = await CopyAsync(levels, target, progress, cancellationToken).ConfigureAwait(false);
            if (levels[0] is VhdxImage { UserItems: var items } && target is VhdxImage { UserItems: var merged })
            {
                merged.MergeFrom(items);
            }

            Require(await target.FlushAsync().ConfigureAwait(false), target.Path, "write");
            await target.DisposeAsync().ConfigureAwait(false);
            target = null;
            CrashPoint.Hit("merge.copied");

            // From the parent upwards: what is left when this is cut short has no parent any more, and cannot be taken for the disk. Still locked:
            // nobody may begin to write into a file that is about to go.
            for (var i = paths.Count - 2; i >= 0; i--)
            {
                ImageFiles.Delete(paths[i]);
                CrashPoint.Hit("merge.removed");
            }
        }
        finally
        {
            foreach (var level in levels)
            {
                await level.DisposeAsync().ConfigureAwait(false);
            }

            if (target is not null)
            {
                await target.DisposeAsync().ConfigureAwait(false);
            }
        }

        return new MergeResult(paths[^1], copied);
    }

    private static async Task<List<string>> FindAsync(string path, string? intoPath, ParentSearch? search)
    {
        var chain = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true, Parents: search));
        await using (chain.ConfigureAwait(false))
        {
            var paths = ImageChain.Of(chain).Select(static image => image.Path).ToList();
            if (paths.Count == 1)
            {
                throw new ImageException(ImageErrorKind.InvalidParameter, path, $"The image '{path}' is not a differencing one; there is nothing to merge.");
            }

            var index = intoPath is null ? 1 : paths.FindIndex(1, candidate => ImageFiles.AreSame(candidate, intoPath));
            return index > 0
                ? paths[..(index + 1)]
                : throw new ImageException(
                    ImageErrorKind.InvalidParameter, path, $"'{intoPath}' is none of the parents of '{path}', which are {string.Join(", ", paths.Skip(1).Select(static name => $"'{name}'"))}.");
        }
    }

    // Writing changes the identity of a VHDX. The child accepts the new one before the first write, so that the chain opens after a power cut.
    private static IDiskImage OpenTarget(string path, IDiskImage child, ParentSearch? search)
    {
        var next = Guid.NewGuid();
        if (child.Properties.Format == DiskFormat.Vhdx)
        {
            var now = ImageFile.OpenAlone(path, new ImageOpenOptions(ReadOnly: true));
            var identity = now.Identity;
            now.DisposeAsync().AsTask().GetAwaiter().GetResult();
            Writable(child).SetParentReference(child.ParentReference! with { Identity = identity, AlternateIdentity = next });
            CrashPoint.Hit("merge.announced");
        }

        var file = ImageFiles.Open(path, readOnly: false);
        IDiskImage image;
        try
        {
            image = child.Properties.Format == DiskFormat.Vhdx ? VhdxImage.Open(file, () => next) : ImageFile.Open(file, ImageFile.FormatByName(path));
        }
        catch
        {
            file.Dispose();
            throw;
        }

        return image.ParentReference is null ? image : ImageChain.Complete(image, new ImageOpenOptions(Parents: search));
    }

    private static async Task<CopyResult> CopyAsync(List<IDiskImage> levels, IDiskImage target, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var size = levels[0].Geometry.SizeBytes;
        using var copier = new RangeCopier(target, skipsZeros: false);
        for (var offset = 0L; offset < size;)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // The topmost image that holds something here counts; the run is as long as all above it hold nothing.
            var length = size - offset;
            IDiskImage? holder = null;
            var kind = ExtentKind.Hole;
            foreach (var level in levels)
            {
                (kind, length) = await OwnAsync(level, offset, length).ConfigureAwait(false);
                if (kind != ExtentKind.Hole)
                {
                    holder = level;
                    break;
                }
            }

            if (holder is not null && (kind & ExtentKind.Zero) != 0)
            {
                Require(await target.WriteZeroesAsync(offset, length, WriteOptions.MayTrim).ConfigureAwait(false), target.Path, "write");
            }
            else if (holder is not null)
            {
                await copier.CopyAsync(holder, offset, length, done => progress?.Report(new CopyProgress(done, size)), cancellationToken).ConfigureAwait(false);
            }

            offset += length;
            progress?.Report(new CopyProgress(offset, size));
        }

        return copier.Result;
    }

    private static async Task<(ExtentKind Kind, long LengthBytes)> OwnAsync(IDiskImage level, long offset, long length)
    {
        if (offset >= level.Geometry.SizeBytes)
        {
            // A child may be larger than its parent; behind the parent's end are zeros.
            return (ExtentKind.Hole | ExtentKind.Zero, length);
        }

        List<BlockExtent> extents = [];
        Require(await level.MapOwnExtentsAsync(offset, Math.Min(length, level.Geometry.SizeBytes - offset), extents).ConfigureAwait(false), level.Path, "read");
        return (extents[0].Kind, extents[0].LengthBytes);
    }

    private static IImageMaintenance Writable(IDiskImage image) => image.Maintenance
        ?? throw new ImageException(ImageErrorKind.Unsupported, image.Path, $"The image '{image.Path}' cannot be changed as a whole.");

    private static void Require(BlockStatus status, string path, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, operation, status);
        }
    }
}

/// <summary>What came of a merge.</summary>
/// <param name="Path">The image that now holds everything.</param>
/// <param name="Copy">How data came there.</param>
public sealed record MergeResult(string Path, CopyResult Copy);
