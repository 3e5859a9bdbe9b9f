namespace Vireo.Control.Storage;

/// <summary>What a host asks of its storage plane. Refusals are <see cref="ControlException"/>s.</summary>
public interface IStorageControl
{
    /// <summary>Every open disk.</summary>
    Task<IReadOnlyList<DiskStatus>> ListDisksAsync(CancellationToken cancellationToken = default);

    /// <summary>What every open disk has counted.</summary>
    Task<IReadOnlyList<DiskCounters>> ListCountersAsync(CancellationToken cancellationToken = default);

    /// <summary>Disks whose guests wait for the storage below; answers when the list is another one than the caller knows, or after half a minute.</summary>
    /// <param name="known">Generation of the list that the caller has; 0 for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<StalledDisks> ListStalledAsync(long known, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens a disk and serves it; asking for the same thing again changes nothing. The same without <see cref="DiskAttachment.Standby"/> gives a disk
    /// that was opened with it its image; while another program has the image, that is refused (<c>ObjectInUse</c>) and may be asked again. <see cref="DiskAttachment.TlsListen"/> is added and taken away in the same way.
    /// </summary>
    Task<DiskStatus> OpenDiskAsync(DiskAttachment attachment, CancellationToken cancellationToken = default);

    /// <summary>Closes a disk; one that is not open is closed already.</summary>
    Task CloseDiskAsync(Guid id, CancellationToken cancellationToken = default);

    /// <summary>Makes an image, complete or not at all. With the same <see cref="CreateImage.Operation"/> it may be asked for again.</summary>
    Task CreateImageAsync(CreateImage image, CancellationToken cancellationToken = default);

    /// <summary>Works on an image that nobody has open; cancelling leaves it as it was, or whole. What is reported may come from another thread.</summary>
    Task<ImageWorkResult> WorkOnImageAsync(ImageWork work, IProgress<ImageProgress>? progress, CancellationToken cancellationToken = default);

    /// <summary>
    /// Ends the work on an image that nobody has open, whoever asked for it, and returns when it has ended: the image is as it was, or the work
    /// is done. Where nothing is under way it has ended already.
    /// </summary>
    Task EndImageWorkAsync(string path, CancellationToken cancellationToken = default);

    /// <summary>Says where the parents of differencing images are; the plane remembers it, and looks there from now on.</summary>
    Task SetParentFoldersAsync(ParentFolders folders, CancellationToken cancellationToken = default);

    /// <summary>What an image says of itself; also of one that the plane has open.</summary>
    Task<ImageInfo> InspectImageAsync(string path, CancellationToken cancellationToken = default);

    /// <summary>Puts a new differencing image on top of a disk that is in use; what it holds at that moment stays in the old one.</summary>
    Task<DiskStatus> SnapshotAsync(Guid disk, TakeSnapshot request, CancellationToken cancellationToken = default);

    /// <summary>Starts to merge an image of a disk's chain into its parent while the disk is in use. It ends by itself.</summary>
    Task<CopyStatus> StartMergeAsync(Guid disk, StartMerge request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Starts to copy a disk that is in use onto another image. Not to be repeated when the answer is lost: what the first one wrote may be in the
    /// target already.
    /// </summary>
    Task<CopyStatus> StartMirrorAsync(Guid disk, StartMirror request, CancellationToken cancellationToken = default);

    /// <summary>
    /// Ends a mirror that is ready. Asking again after the answer was lost tells that it is done, also of a disk that was closed by it, until that is opened
    /// again.
    /// </summary>
    Task<DiskStatus> CompleteMirrorAsync(Guid disk, MirrorEnd end, CancellationToken cancellationToken = default);

    /// <summary>The mirror or merge of a disk, also the last one that has ended since the plane started, and that which a disk was closed with.</summary>
    Task<CopyStatus> GetCopyAsync(Guid disk, CopyKind kind, CancellationToken cancellationToken = default);

    /// <summary>Ends a mirror or merge without effect; one that is not there has ended already.</summary>
    Task CancelCopyAsync(Guid disk, CopyKind kind, CancellationToken cancellationToken = default);
}
