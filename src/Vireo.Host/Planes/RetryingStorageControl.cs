using Vireo.Control;
using Vireo.Control.Storage;

namespace Vireo.Host.Planes;

/// <summary>The storage plane as the host sees it: a plane that is being restarted is waited for, a little while.</summary>
/// <param name="inner">The client.</param>
/// <param name="patience">How long.</param>
public sealed class RetryingStorageControl(IStorageControl inner, PlanePatience patience) : IStorageControl
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<DiskStatus>> ListDisksAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListDisksAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<StalledDisks> ListStalledAsync(long known, CancellationToken cancellationToken = default) => inner.ListStalledAsync(known, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<DiskCounters>> ListCountersAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListCountersAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<DiskStatus> OpenDiskAsync(DiskAttachment attachment, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.OpenDiskAsync(attachment, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task CloseDiskAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.CloseDiskAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task CreateImageAsync(CreateImage image, CancellationToken cancellationToken = default)
    {
        // The plane may have made it and died before it said so: the same operation finds what it made.
        ArgumentNullException.ThrowIfNull(image);
        var operation = image with { Operation = image.Operation ?? Guid.NewGuid() };
        return patience.RunAsync(() => inner.CreateImageAsync(operation, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ImageWorkResult> WorkOnImageAsync(ImageWork work, IProgress<ImageProgress>? progress, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.WorkOnImageAsync(work, progress, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task EndImageWorkAsync(string path, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.EndImageWorkAsync(path, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task SetParentFoldersAsync(ParentFolders folders, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.SetParentFoldersAsync(folders, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<ImageInfo> InspectImageAsync(string path, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.InspectImageAsync(path, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<DiskStatus> SnapshotAsync(Guid disk, TakeSnapshot request, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.SnapshotAsync(disk, request, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<CopyStatus> StartMergeAsync(Guid disk, StartMerge request, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.StartMergeAsync(disk, request, cancellationToken), cancellationToken);

    /// <summary>Not repeated: a target that a lost request wrote to is not what the next one takes it for.</summary>
    public Task<CopyStatus> StartMirrorAsync(Guid disk, StartMirror request, CancellationToken cancellationToken = default) =>
        inner.StartMirrorAsync(disk, request, cancellationToken);

    /// <inheritdoc/>
    public Task<DiskStatus> CompleteMirrorAsync(Guid disk, MirrorEnd end, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.CompleteMirrorAsync(disk, end, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<CopyStatus> GetCopyAsync(Guid disk, CopyKind kind, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.GetCopyAsync(disk, kind, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task CancelCopyAsync(Guid disk, CopyKind kind, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.CancelCopyAsync(disk, kind, cancellationToken), cancellationToken);
}

/// <summary>The switch plane as the host sees it, likewise.</summary>
/// <param name="inner">The client.</param>
/// <param name="patience">How long.</param>
public sealed class RetryingSwitchControl(Control.Switching.ISwitchControl inner, PlanePatience patience) : Control.Switching.ISwitchControl
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.SwitchStatus>> ListSwitchesAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListSwitchesAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task PutSwitchAsync(Control.Switching.SwitchSpecification specification, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.PutSwitchAsync(specification, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveSwitchAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.RemoveSwitchAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.PortStatus>> ListPortsAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListPortsAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task PutPortAsync(Control.Switching.PortSpecification specification, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.PutPortAsync(specification, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task RemovePortAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.RemovePortAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.NetworkInterfaceInfo>> ListInterfacesAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListInterfacesAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.InstalledExtension>> ListExtensionsAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListExtensionsAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<Control.Switching.InstalledExtension> InstallExtensionAsync(Control.Switching.InstallExtension request, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.InstallExtensionAsync(request, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveExtensionAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.RemoveExtensionAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.ExtensionDataItem>> GetSwitchDataAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.GetSwitchDataAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.ExtensionDataItem>> GetPortDataAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.GetPortDataAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task NotifyPortAsync(Guid id, Control.Switching.PortNoticeKind notice, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.NotifyPortAsync(id, notice, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.ExtensionPortState>> SavePortStateAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.SavePortStateAsync(id, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task RestorePortStateAsync(Guid id, IReadOnlyList<Control.Switching.ExtensionPortState> state, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.RestorePortStateAsync(id, state, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.ExtensionEvent>> ListExtensionEventsAsync(long sequence, CancellationToken cancellationToken = default) =>
        inner.ListExtensionEventsAsync(sequence, cancellationToken);

    /// <summary>Not repeated: frames that passed meanwhile are gone, and the reader should know.</summary>
    public Task TraceAsync(Control.Switching.TraceRequest request, Action<Control.Switching.FrameReport> take, CancellationToken cancellationToken = default) =>
        inner.TraceAsync(request, take, cancellationToken);

    /// <summary>Not repeated: a test tells of one request.</summary>
    public Task<Control.Switching.ProbeReport> ProbeAsync(Guid port, Control.Switching.ProbeRequest request, CancellationToken cancellationToken = default) =>
        inner.ProbeAsync(port, request, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Control.Switching.TraceStatus>> ListTracesAsync(CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.ListTracesAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task PutTraceAsync(Guid id, Control.Switching.TraceRequest request, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.PutTraceAsync(id, request, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task RemoveTraceAsync(Guid id, CancellationToken cancellationToken = default) =>
        patience.RunAsync(() => inner.RemoveTraceAsync(id, cancellationToken), cancellationToken);
}

/// <summary>
/// Repeats a request while its plane cannot be reached. Every request to a plane is idempotent, so one whose answer was lost may be
/// repeated.
/// </summary>
/// <param name="time">Clock.</param>
/// <param name="most">How long to repeat.</param>
public sealed class PlanePatience(TimeProvider time, TimeSpan most)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs <paramref name="request"/>, again and again while the plane is away.</summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        var begun = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await request();
            }
            catch (PlaneUnreachableException) when (time.GetElapsedTime(begun) < most)
            {
                await Task.Delay(s_pause, time, cancellation);
            }
        }
    }

    /// <summary>The same for a request without an answer.</summary>
    public Task RunAsync(Func<Task> request, CancellationToken cancellation) => RunAsync(
        async () =>
        {
            await request();
            return true;
        },
        cancellation);
}
