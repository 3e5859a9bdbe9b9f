using Vireo.Commands.Services;
using Vireo.Control.Storage;

namespace Vireo.Host.Images;

/// <summary>Disk images, through the storage plane.</summary>
/// <param name="storage">The storage plane.</param>
public sealed class ImageService(IStorageControl storage) : IImages
{
    /// <inheritdoc/>
    public Task CreateAsync(CreateImage image, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(image);
        return storage.CreateImageAsync(image, cancellation);
    }

    /// <inheritdoc/>
    public Task<ImageWorkResult> WorkAsync(ImageWork work, IProgress<ImageProgress>? progress, CancellationToken cancellation) =>
        storage.WorkOnImageAsync(work, progress, cancellation);

    /// <inheritdoc/>
    public Task SetParentFoldersAsync(IReadOnlyList<ParentFolder> folders, CancellationToken cancellation) => storage.SetParentFoldersAsync(new ParentFolders(folders), cancellation);

    /// <inheritdoc/>
    public Task<ImageInfo> InspectAsync(string path, CancellationToken cancellation) => storage.InspectImageAsync(path, cancellation);
}
