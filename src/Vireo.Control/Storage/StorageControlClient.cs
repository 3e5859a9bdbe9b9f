namespace Vireo.Control.Storage;

/// <summary>
/// Talks to a storage plane: <c>/v1/disks</c>, <c>/v1/disks/{id}</c> and its <c>layers</c>, <c>/v1/counters</c>, <c>/v1/images</c>, <c>/v1/images/inspect</c>, <c>/v1/images/work</c>
/// and <c>/v1/health</c>.
/// </summary>
/// <param name="socketPath">Socket of the plane, <see cref="HostPaths.StorageSocket"/>.</param>
public sealed class StorageControlClient(string socketPath) : ControlClient("storage", socketPath), IStorageControl
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<DiskStatus>> ListDisksAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/disks", null, StorageJson.Default.IReadOnlyListDiskStatus, cancellationToken);

    /// <inheritdoc/>
    public Task<StalledDisks> ListStalledAsync(long known, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"v1/stalled?known={known}"), null, StorageJson.Default.StalledDisks, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DiskCounters>> ListCountersAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/counters", null, StorageJson.Default.IReadOnlyListDiskCounters, cancellationToken);

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
    public async Task<ImageWorkResult> WorkOnImageAsync(ImageWork work, IProgress<ImageProgress>? progress, CancellationToken cancellationToken = default)
    {
        ImageWorkResult? result = null;
        await SendForLinesAsync(
            HttpMethod.Post,
            "v1/images/work",
            Body(work, StorageJson.Default.ImageWork),
            StorageJson.Default.ImageWorkRecord,
            record =>
            {
                if (record.Error is not null)
                {
                    throw new ControlException(record.Error);
                }

                result = record.Result ?? result;
                if (record.Progress is not null)
                {
                    progress?.Report(record.Progress);
                }
            },
            cancellationToken).ConfigureAwait(false);
        return result ?? throw Interrupted();
    }

    /// <inheritdoc/>
    public Task SetParentFoldersAsync(ParentFolders folders, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Put, "v1/parents", Body(folders, StorageJson.Default.ParentFolders), cancellationToken);

    /// <summary>Where the plane looks for parents.</summary>
    /// <exception cref="ControlException">The plane is not running.</exception>
    public Task<ParentFolders> GetParentFoldersAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/parents", null, StorageJson.Default.ParentFolders, cancellationToken);

    /// <inheritdoc/>
    public Task EndImageWorkAsync(string path, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, "v1/images/end-work", Body(new ImagePath(path), StorageJson.Default.ImagePath), cancellationToken);

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

    /// <inheritdoc/>
    public Task<DiskStatus> SnapshotAsync(Guid disk, TakeSnapshot request, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, $"v1/disks/{disk:D}/snapshot", Body(request, StorageJson.Default.TakeSnapshot), StorageJson.Default.DiskStatus, cancellationToken);

    /// <inheritdoc/>
    public Task<CopyStatus> StartMirrorAsync(Guid disk, StartMirror request, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, $"v1/disks/{disk:D}/mirror", Body(request, StorageJson.Default.StartMirror), StorageJson.Default.CopyStatus, cancellationToken);

    /// <summary>Makes the target of a mirror that is ready the disk's image; the source is closed and stays as a file.</summary>
    /// <exception cref="ControlException">No mirror is under way, it is not ready, or it failed: then the source goes on.</exception>
    public Task<DiskStatus> CompleteMirrorAsync(Guid disk, CancellationToken cancellationToken = default) =>
        CompleteMirrorAsync(disk, MirrorEnd.Switch, cancellationToken);

    /// <inheritdoc/>
    public Task<DiskStatus> CompleteMirrorAsync(Guid disk, MirrorEnd end, CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Post, $"v1/disks/{disk:D}/mirror/complete", Body(new CompleteMirror(end), StorageJson.Default.CompleteMirror), StorageJson.Default.DiskStatus, cancellationToken);

    /// <inheritdoc/>
    public Task<CopyStatus> StartMergeAsync(Guid disk, StartMerge request, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Post, $"v1/disks/{disk:D}/merge", Body(request, StorageJson.Default.StartMerge), StorageJson.Default.CopyStatus, cancellationToken);

    /// <inheritdoc/>
    public Task<CopyStatus> GetCopyAsync(Guid disk, CopyKind kind, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, CopyPath(disk, kind), null, StorageJson.Default.CopyStatus, cancellationToken);

    /// <summary>Sets the limit of a copy that runs.</summary>
    /// <exception cref="ControlException">No such disk, or nothing is under way.</exception>
    public Task<CopyStatus> SetCopyRateAsync(Guid disk, CopyKind kind, long bytesPerSecond, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Patch, CopyPath(disk, kind), Body(new CopyRate(bytesPerSecond), StorageJson.Default.CopyRate), StorageJson.Default.CopyStatus, cancellationToken);

    /// <inheritdoc/>
    public Task CancelCopyAsync(Guid disk, CopyKind kind, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, CopyPath(disk, kind), null, cancellationToken);

    /// <summary>Begins a checkpoint in a layer of the kind <c>changes</c>, at one moment between requests.</summary>
    /// <exception cref="ControlException">No such disk or layer, the name is taken, or the layer's folder cannot be written.</exception>
    public Task AddCheckpointAsync(Guid disk, string layer, string checkpoint, CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Post, $"v1/disks/{disk:D}/layers/{Uri.EscapeDataString(layer)}/checkpoints",
            Body(new ChangeCheckpoint(checkpoint), StorageJson.Default.ChangeCheckpoint), cancellationToken);

    /// <summary>Forgets a checkpoint; one that is not there is forgotten already.</summary>
    /// <exception cref="ControlException">No such disk or layer, or the layer's folder cannot be written.</exception>
    public Task RemoveCheckpointAsync(Guid disk, string layer, string checkpoint, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/disks/{disk:D}/layers/{Uri.EscapeDataString(layer)}/checkpoints/{Uri.EscapeDataString(checkpoint)}", null, cancellationToken);

    /// <summary>Splices a layer out; one that is not there is out already.</summary>
    /// <exception cref="ControlException">No such disk.</exception>
    public Task RemoveLayerAsync(Guid disk, string name, CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Delete, $"v1/disks/{disk:D}/layers/{Uri.EscapeDataString(name)}", null, cancellationToken);

    private static string CopyPath(Guid disk, CopyKind kind) => $"v1/disks/{disk:D}/{(kind == CopyKind.Mirror ? "mirror" : "merge")}";

    /// <summary>How the plane is.</summary>
    /// <exception cref="ControlException">The plane is not running.</exception>
    public Task<StorageHealth> GetHealthAsync(CancellationToken cancellationToken = default) =>
        SendAsync(HttpMethod.Get, "v1/health", null, StorageJson.Default.StorageHealth, cancellationToken);
}
