using Microsoft.Extensions.Logging;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Testing;
using Vireo.Storage.Layers;
using Vireo.Storage.NbdClient;

namespace Vireo.Storage.Plane;

/// <summary>
/// Storage migration of a disk that is in use. The record in the state file says which image counts: the source until the exchange is
/// written there, the target from then on. A plane that is killed before comes back with the source and removes the target that it made.
/// </summary>
internal sealed partial class DiskRegistry
{
    /// <summary>Name of the layer that copies.</summary>
    private const string CopyLayerName = "mirror";

    /// <summary>Starts to copy a disk.</summary>
    /// <exception cref="ControlException">No such disk, another change is under way, or the target cannot be made or opened or does not fit.</exception>
    public Task<CopyStatus> StartMirrorAsync(Guid id, StartMirror request) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        RefuseBusy(disk);
        if (disk.Attachment.ReadOnly)
        {
            throw PlaneErrors.Invalid($"The disk {id} is open for reading only; nothing needs to be mirrored, copy '{disk.Attachment.Path}' instead.", id.ToString());
        }

        var isOurs = request.Create && !NbdAddress.IsNbd(request.Target);
        if (isOurs && ImageFiles.Exists(request.Target))
        {
            throw PlaneErrors.From(new ImageException(ImageErrorKind.AlreadyExists, request.Target, $"The file '{request.Target}' exists already; choose another path or remove it first."));
        }

        Note(disk, new DiskChange(DiskChangeKind.Mirror, request.Target, isOurs));
        IDiskImage? target = null;
        try
        {
            if (isOurs)
            {
                CreateTarget(disk, request);
            }

            CrashPoint.Hit("storage.mirror.created");
            target = await OpenTargetAsync(request.Target).ConfigureAwait(false);
            RefuseUnfit(disk, target);
            if (request.KeepsChain)
            {
                RefuseOtherParent(disk, target);
            }

            if (request.KeepsDiskId && disk.Image.Properties.DiskId is var identity && identity != Guid.Empty)
            {
                target.Maintenance?.SetDiskId(identity);
            }

            if ((isOurs || request.KeepsDiskId) && disk.Image is VhdxImage { UserItems: var items } && target is VhdxImage { UserItems: var kept })
            {
                kept.CopyFrom(items);
            }

            var layer = request.KeepsChain
                ? new MirrorLayer(CopyLayerName, disk.Image, target, request.BytesPerSecond, time)
                : new MirrorLayer(CopyLayerName, target, isOurs || request.TargetIsZero, request.BytesPerSecond, time);
            var copy = new LiveCopy(CopyKind.Mirror, request.Target, layer, target, disk.Stack.Geometry.SizeBytes);
            await disk.Stack.InsertAsync(layer, 0).ConfigureAwait(false);
            disk.Copy = copy;
            layer.Start();
            Watch(disk, copy, layer.Failed, () => EndMirrorAsync(disk, copy, copy.Status));
            return copy.Status;
        }
        catch (Exception exception)
        {
            if (target is not null)
            {
                await target.DisposeAsync().ConfigureAwait(false);
            }

            ForgetTarget(disk);
            throw exception is ImageException image ? PlaneErrors.From(image) : exception;
        }
    });

    /// <summary>The mirror or merge of a disk, also the last one that has ended.</summary>
    /// <exception cref="ControlException">No such disk, or there was none.</exception>
    public CopyStatus GetCopy(Guid id, CopyKind kind)
    {
        var status = FindHandedOver(id) is { } closed ? closed.Copy : Get(id) is var disk && disk.Copy is { } copy ? copy.Status : disk.LastCopy;
        return status is not null && status.Kind == kind ? status : throw PlaneErrors.NotFound($"No {kind} of the disk {id} is under way.", id.ToString());
    }

    /// <summary>Sets the limit of a copy that runs.</summary>
    /// <exception cref="ControlException">No such disk, or nothing is under way.</exception>
    public Task<CopyStatus> SetCopyRateAsync(Guid id, CopyKind kind, long bytesPerSecond) => InTurnAsync(() =>
    {
        var disk = Get(id);
        if (disk.Copy is not { } copy || copy.Kind != kind)
        {
            throw PlaneErrors.NotFound($"No {kind} of the disk {id} is under way.", id.ToString());
        }

        var rate = Math.Max(0, bytesPerSecond);
        Note(disk, disk.Change! with { BytesPerSecond = rate });
        copy.Layer.BytesPerSecond = rate;
        return Task.FromResult(copy.Status);
    });

    /// <summary>Ends a mirror whose target holds everything. The side that the disk does not go on with is closed and left as it is.</summary>
    /// <exception cref="ControlException">Nothing is under way, it is not ready yet, or it failed: then the source goes on.</exception>
    public Task<DiskStatus> CompleteMirrorAsync(Guid id, MirrorEnd end) => InTurnAsync(async () =>
    {
        if (end == MirrorEnd.Close && FindHandedOver(id) is { } closed)
        {
            // Asked again, because the answer was lost.
            return closed.Disk;
        }

        var disk = Get(id);
        if (disk.Copy is not { Kind: CopyKind.Mirror } copy)
        {
            // Asked again, because the answer was lost.
            if (disk.LastCopy is { Kind: CopyKind.Mirror, Phase: CopyPhase.Completed } last && end == (disk.Attachment.Path == last.Path ? MirrorEnd.Switch : MirrorEnd.Detach))
            {
                return disk.Status;
            }

            throw PlaneErrors.NotFound($"No mirror of the disk {id} is under way.", id.ToString());
        }

        if (copy.Layer.Phase == MirrorPhase.Copying)
        {
            throw PlaneErrors.Busy($"The mirror of the disk {id} is not ready: {copy.Layer.CursorBytes} of {copy.SizeBytes} bytes are done; wait until it is.", id.ToString());
        }

        var (attachment, change) = (disk.Attachment, disk.Change);
        await copy.Layer.PrepareAsync().ConfigureAwait(false);
        if (end != MirrorEnd.Switch)
        {
            return await HandOverAsync(disk, copy, end).ConfigureAwait(false);
        }

        try
        {
            // From here on nobody else has what the guest writes, so the server is waited for.
            (copy.Target as NbdImage)?.Device.ReconnectFor = NbdClientOptions.Default.ReconnectFor;
            var old = await disk.Stack.ReplaceImageAsync(
                copy.Target,
                copy.Path,
                async () =>
                {
                    await RequireDurableAsync(disk, copy).ConfigureAwait(false);
                    (disk.Attachment, disk.Change) = (attachment with { Path = copy.Path }, null);
                    Publish(_disks, _failed);
                    CrashPoint.Hit("storage.mirror.recorded");
                },
                CopyLayerName).ConfigureAwait(false);
            disk.Image = copy.Target;
            disk.LastCopy = copy.Status with { Phase = CopyPhase.Completed };
            disk.Copy = null;
            await CloseOldAsync(old, attachment.Path).ConfigureAwait(false);
            return disk.Status;
        }
        catch (Exception exception) when (disk.Copy is not null)
        {
            (disk.Attachment, disk.Change) = (attachment, change);
            throw exception is ArgumentException ? PlaneErrors.Invalid(exception.Message, copy.Path, exception) : exception;
        }
    });

    private HandedOverDisk? FindHandedOver(Guid id) => _disks.ContainsKey(id) ? null : _handedOver.FirstOrDefault(known => known.Disk.Attachment.Id == id);

    private static async ValueTask RequireDurableAsync(OpenDisk disk, LiveCopy copy)
    {
        if (!await copy.Layer.CompleteAsync().ConfigureAwait(false))
        {
            var id = disk.Attachment.Id;
            throw PlaneErrors.Failed($"The mirror of the disk {id} cannot take over: {copy.Layer.Failure}. The disk stays where it is.", id.ToString());
        }

        CrashPoint.Hit("storage.mirror.durable");
    }

    // Somebody else goes on with the target. What the state file says changes in the moment in which the target has everything.
    private async Task<DiskStatus> HandOverAsync(OpenDisk disk, LiveCopy copy, MirrorEnd end)
    {
        var (status, change) = (copy.Status with { Phase = CopyPhase.Completed }, disk.Change);
        try
        {
            if (end == MirrorEnd.Close)
            {
                var last = disk.Status;
                await disk.Stack.CloseAsync(async () =>
                {
                    await RequireDurableAsync(disk, copy).ConfigureAwait(false);
                    Publish(Without(disk), _failed, new HandedOverDisk(last, status));
                    CrashPoint.Hit("storage.mirror.recorded");
                }).ConfigureAwait(false);
                await CloseOldAsync(disk, disk.Attachment.Path).ConfigureAwait(false);
                return last;
            }

            await disk.Stack.ReplaceImageAsync(
                disk.Image,
                disk.Image.Path,
                async () =>
                {
                    await RequireDurableAsync(disk, copy).ConfigureAwait(false);
                    disk.Change = null;
                    Publish(_disks, _failed);
                    CrashPoint.Hit("storage.mirror.recorded");
                },
                CopyLayerName).ConfigureAwait(false);
        }
        catch
        {
            disk.Change = change;
            throw;
        }

        disk.LastCopy = status;
        disk.Copy = null;
        await CloseOldAsync(copy.Target, copy.Path).ConfigureAwait(false);
        return disk.Status;
    }

    /// <summary>Ends a mirror; the disk stays where it is, and a target that was made for it is removed. One that is not there has ended already.</summary>
    /// <exception cref="ControlException">No such disk.</exception>
    public Task CancelMirrorAsync(Guid id) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        if (disk.Copy is { Kind: CopyKind.Mirror } copy)
        {
            await EndMirrorAsync(disk, copy, copy.Status with { Phase = CopyPhase.Cancelled }).ConfigureAwait(false);
        }
    });

    private async Task EndMirrorAsync(OpenDisk disk, LiveCopy copy, CopyStatus status)
    {
        await disk.Stack.RemoveAsync(CopyLayerName).ConfigureAwait(false);
        disk.Copy = null;
        disk.LastCopy = status;
        await CloseOldAsync(copy.Target, copy.Path).ConfigureAwait(false);
        ForgetTarget(disk);
    }

    private void ForgetTarget(OpenDisk disk)
    {
        if (disk.Change is { IsOurs: true } change)
        {
            ImageFiles.Delete(change.Path);
        }

        Note(disk, null);
    }

    private static void CreateTarget(OpenDisk disk, StartMirror request)
    {
        var geometry = disk.Stack.Geometry;
        if (ImageFile.FormatByName(request.Target) == DiskFormat.Vhdx)
        {
            ImageFile.Create(
                request.Target,
                new VhdxCreate(geometry.SizeBytes, request.Type == ImageType.Fixed, request.BlockSizeBytes, disk.Image.Geometry.LogicalSectorBytes, disk.Image.Geometry.PhysicalSectorBytes));
        }
        else if (ImageFile.FormatByName(request.Target) == DiskFormat.Raw)
        {
            ImageFile.CreateRaw(request.Target, geometry.SizeBytes, reserve: request.Type == ImageType.Fixed);
        }
        else
        {
            throw new ImageException(ImageErrorKind.InvalidParameter, request.Target, $"The target '{request.Target}' must end in .vhdx, .avhdx, .img or .raw, or exist already.");
        }
    }

    private static void RefuseUnfit(OpenDisk disk, IDiskImage target)
    {
        var (geometry, capabilities) = (disk.Image.Geometry, disk.Image.Capabilities);
        if (target.Geometry.SizeBytes != geometry.SizeBytes || target.Geometry.LogicalSectorBytes != geometry.LogicalSectorBytes || target.Capabilities.ReadOnly
            || (capabilities.Trim != Capability.None && target.Capabilities.Trim == Capability.None))
        {
            throw PlaneErrors.Invalid(
                $"The target '{target.Path}' does not fit: it has {target.Geometry.SizeBytes} bytes in sectors of {target.Geometry.LogicalSectorBytes}, {target.Capabilities}; the disk has {geometry.SizeBytes} in sectors of {geometry.LogicalSectorBytes}, {capabilities}.",
                target.Path);
        }
    }

    // What the disk's image does not hold is not copied: the target must find it in its own parent. Of an export nobody sees the parent; whoever asks
    // answers for it.
    private static void RefuseOtherParent(OpenDisk disk, IDiskImage target)
    {
        if (disk.Image.Parent is not { } parent || (target is not NbdImage && (target.Parent is not { } other || parent.Identity != other.Identity || parent.Geometry.SizeBytes != other.Geometry.SizeBytes)))
        {
            throw PlaneErrors.Invalid(
                $"The target '{target.Path}' cannot take over what '{disk.Image.Path}' holds alone: it must stand on a copy of that image's parent{(disk.Image.Parent is { } one ? $" '{one.Path}'" : ", which it does not have")}.",
                target.Path);
        }
    }

    private void RefuseBusy(OpenDisk disk)
    {
        if (IsStandby(disk))
        {
            throw PlaneErrors.Busy($"The disk {disk.Attachment.Id} stands by without its image; put the image in place first.", disk.Attachment.Id.ToString());
        }

        if (disk.Copy is null && disk.Stack.Layers.Any(static layer => layer is MirrorLayer))
        {
            throw PlaneErrors.Busy($"The storage under a parent of the disk {disk.Attachment.Id} failed while it was merged; turn its virtual machine off and on, or detach and attach the disk, first.", disk.Attachment.Id.ToString());
        }

        if (disk.Change is { } change)
        {
            throw PlaneErrors.Busy($"The disk {disk.Attachment.Id} is being changed already ({change.Kind} '{change.Path}'); wait for its end or cancel it.", disk.Attachment.Id.ToString());
        }
    }

    // The step that comes next is in the state file before it is taken.
    private void Note(OpenDisk disk, DiskChange? change)
    {
        var before = disk.Change;
        disk.Change = change;
        try
        {
            Publish(_disks, _failed);
        }
        catch
        {
            disk.Change = before;
            throw;
        }
    }

    // What a copy does by itself when it fails or is ready; unless somebody else ended it before.
    private void Watch(OpenDisk disk, LiveCopy copy, Task moment, Func<Task> then)
    {
        _ = WatchAsync();

        async Task WatchAsync()
        {
            try
            {
                await Task.WhenAny(moment, disk.Closing.Task).ConfigureAwait(false);
                await InTurnAsync(async () =>
                {
                    if (disk.Copy == copy && !disk.Closing.Task.IsCompleted)
                    {
                        await then().ConfigureAwait(false);
                    }
                }).ConfigureAwait(false);
            }
            catch (ObjectDisposedException)
            {
                // The plane has stopped; the state file says where the next one goes on.
                return;
            }
            catch (Exception exception)
            {
                LogCopyNotEnded(_logger, exception, copy.Kind, disk.Attachment.Id);
            }
        }
    }

    private async Task CloseOldAsync(IAsyncDisposable image, string path)
    {
        try
        {
            await image.DisposeAsync().ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            LogNotClosed(_logger, path, exception.Message);
        }
    }

    // A server on another host that is lost may have lost what it had not made durable, and nobody could tell; and the guest must not wait for it. So
    // the mirror gives up.
    private async Task<IDiskImage> OpenTargetAsync(string path)
    {
        var target = await OpenImageAsync(path, new ImageOpenOptions()).ConfigureAwait(false);
        if (target is NbdImage { Device: var device } && NbdAddress.Parse(path).Host is not null)
        {
            device.ReconnectFor = TimeSpan.Zero;
        }

        return target;
    }

    private async Task<IDiskImage> OpenImageAsync(string path, ImageOpenOptions options) => NbdAddress.IsNbd(path)
        ? await NbdImage.OpenAsync(path, NbdClientOptions.Default, time).ConfigureAwait(false)
        : ImageFile.Open(path, options);

    [LoggerMessage(Level = LogLevel.Error, Message = "The {Kind} of the disk {Disk} could not be ended")]
    private static partial void LogCopyNotEnded(ILogger logger, Exception exception, CopyKind kind, Guid disk);
}
