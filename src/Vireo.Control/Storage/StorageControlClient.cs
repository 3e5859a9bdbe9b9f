namespace Vireo.Control.Storage;

/// <summary>
/// Talks to a storage plane: <c>/v1/disks</c>, <c>/v1/disks/{id}</c> and its <c>layers</c>, <c>/v1/images</c>, <c>/v1/images/inspect</c>
/// and <c>/v1/health</c>.
/// </summary>
/// <param name="socketPath">Socket of the plane, <see cref="HostPaths.StorageSocket"/>.</param>
public sealed class StorageControlClient(string socketPath) : ControlClient("storage", socketPath), IStorageControl
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<DiskStatus>> ListDisksAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/disks", null, StorageJson.Default.IReadOnlyListDiskStatus, cancellationToken);

    /// <summary>One open disk.</summary>
    /// <exception cref="ControlException">It is not open, or the plane is not running.</exception>
    public Task<DiskStatus> GetDiskAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/disks/{id:D}", null, StorageJson.Default.DiskStatus, cancellationToken);

    /// <inheritdoc/>
    public Task<DiskStatus> OpenDiskAsync(DiskAttachment attachment, CancellationToken cancellationToken = default) =>
        OpenDiskAsync(attachment, replace: false, cancellationToken);

    /// <summary>Opens a disk; with <paramref name="replace"/> one that is open under the same id with another path or mode is closed first.</summary>
    /// <exception cref="ControlException">The image cannot be opened, or the id is taken by another attachment.</exception>
    public Task<DiskStatus> OpenDiskAsync(DiskAttachment attachment, bool replace, CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Put,
            $"v1/disks/{attachment.Id:D}{(replace ? "?replace=true" : string.Empty)}",
            Body(attachment, StorageJson.Default.DiskAttachment),
            StorageJson.Default.DiskStatus,
            cancellationToken);

    /// <inheritdoc/>
    public Task CloseDiskAsync(Guid id, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/disks/{id:D}", null, cancellationToken);

    /// <inheritdoc/>
    public Task CreateImageAsync(CreateImage image, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, "v1/images", Body(image, StorageJson.Default.CreateImage), cancellationToken);

    /// <inheritdoc/>
    public Task<ImageInfo> InspectImageAsync(string path, CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Post, "v1/images/inspect", Body(new ImagePath(path), StorageJson.Default.ImagePath), StorageJson.Default.ImageInfo, cancellationToken);

    /// <summary>Splices a layer into a disk that is open, under running I/O.</summary>
    /// <exception cref="ControlException">No such disk, kind or position, or the name is taken.</exception>
    public Task<DiskStatus> InsertLayerAsync(Guid disk, LayerSpecification layer, CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Post, $"v1/disks/{disk:D}/layers", Body(layer, StorageJson.Default.LayerSpecification), StorageJson.Default.DiskStatus, cancellationToken);

    /// <summary>What a layer tells about itself.</summary>
    /// <exception cref="ControlException">No such disk or layer.</exception>
    public Task<LayerStatus> GetLayerAsync(Guid disk, string name, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/disks/{disk:D}/layers/{Uri.EscapeDataString(name)}", null, StorageJson.Default.LayerStatus, cancellationToken);

    /// <summary>Gives a layer other settings while requests run, also those that wait in it.</summary>
    /// <exception cref="ControlException">No such disk or layer, a setting is wrong, or the kind cannot be changed in place.</exception>
    public Task<DiskStatus> ChangeLayerAsync(Guid disk, LayerSpecification layer, CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Put,
            $"v1/disks/{disk:D}/layers/{Uri.EscapeDataString(layer.Name)}",
            Body(layer, StorageJson.Default.LayerSpecification),
            StorageJson.Default.DiskStatus,
            cancellationToken);

    /// <summary>What a disk did since it was opened: operations, bytes, normalised operations, latencies.</summary>
    /// <exception cref="ControlException">It is not open, or the plane is not running.</exception>
    public Task<DiskMeter> GetMeterAsync(Guid disk, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, $"v1/disks/{disk:D}/meter", null, StorageJson.Default.DiskMeter, cancellationToken);

    /// <summary>Splices a layer out; one that is not there is out already.</summary>
    /// <exception cref="ControlException">No such disk.</exception>
    public Task RemoveLayerAsync(Guid disk, string name, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/disks/{disk:D}/layers/{Uri.EscapeDataString(name)}", null, cancellationToken);

    /// <summary>How the plane is.</summary>
    /// <exception cref="ControlException">The plane is not running.</exception>
    public Task<StorageHealth> GetHealthAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/health", null, StorageJson.Default.StorageHealth, cancellationToken);
}
