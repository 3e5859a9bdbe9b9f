using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Disks.Vhd;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Testing;

namespace Vireo.Storage.Plane;

/// <summary>
/// Snapshots of a disk that is in use: a differencing child is made beside, and becomes the disk's image while no request is inside. The
/// record in the state file says which of both counts; a child that no record names is removed.
/// </summary>
internal sealed partial class DiskRegistry
{
    /// <summary>Puts a new differencing child on top of a disk; what the disk holds at that moment stays in the old image.</summary>
    /// <exception cref="ControlException">No such disk, another change is under way, or the child cannot be made.</exception>
    public Task<DiskStatus> SnapshotAsync(Guid id, TakeSnapshot request) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        RefuseBusy(disk);
        if (disk.Attachment.ReadOnly || disk.Image.Identity == Guid.Empty)
        {
            throw PlaneErrors.Invalid($"The disk {id} ('{disk.Attachment.Path}') cannot have a snapshot: it is {(disk.Attachment.ReadOnly ? "open for reading only" : "of a format that cannot be a parent; convert it to VHDX")}.", id.ToString());
        }

        if (ImageFiles.Exists(request.Path))
        {
            throw PlaneErrors.From(new ImageException(ImageErrorKind.AlreadyExists, request.Path, $"The file '{request.Path}' exists already; choose another path or remove it first."));
        }

        var checkpoints = request.Checkpoints ?? [];
        RefuseCheckpoints(disk, checkpoints);
        var (parent, attachment) = (disk.Image, disk.Attachment);
        Note(disk, new DiskChange(DiskChangeKind.Snapshot, request.Path, IsOurs: true, Checkpoints: request.Checkpoints));
        IDiskImage? child = null;
        try
        {
            CreateChild(parent, request);
            child = ImageFile.Open(request.Path, new ImageOpenOptions(Alone: true));
            child.Parent = parent;
            CrashPoint.Hit("storage.snapshot.created");
            await disk.Stack.ReplaceImageAsync(
                child,
                request.Path,
                async () =>
                {
                    var status = await parent.FlushAsync().ConfigureAwait(false);
                    if (status != BlockStatus.Ok)
                    {
                        throw ImageException.Failed(parent.Path, "flush", status);
                    }

                    // A first write since the child was made has given the parent a new identity.
                    if (child.ParentReference!.Identity != parent.Identity)
                    {
                        child.Maintenance!.SetParentReference(ReferenceTo(parent, child));
                    }

                    WithCheckpoints(disk, checkpoints, () =>
                    {
                        (disk.Attachment, disk.Change) = (attachment with { Path = request.Path }, null);
                        Publish(_disks, _failed);
                    });
                    CrashPoint.Hit("storage.snapshot.recorded");
                }).ConfigureAwait(false);
            disk.Image = child;
        }
        catch (Exception exception) when (disk.Image == parent)
        {
            disk.Attachment = attachment;
            disk.Change = new DiskChange(DiskChangeKind.Snapshot, request.Path, IsOurs: true);
            if (child is not null)
            {
                child.Parent = null;
                await CloseOldAsync(child, request.Path).ConfigureAwait(false);
            }

            ForgetTarget(disk);
            throw exception switch
            {
                ImageException image => PlaneErrors.From(image),
                ArgumentException argument => PlaneErrors.Invalid(argument.Message, request.Path, argument),
                IOException or UnauthorizedAccessException => PlaneErrors.Failed($"The snapshot of the disk {id} failed: {exception.Message}", id.ToString(), exception),
                _ => exception,
            };
        }

        // From now on nobody writes to the parent, and others may read it.
        await ReopenParentsAsync(disk).ConfigureAwait(false);
        return disk.Status;
    });

    private void CreateChild(IDiskImage parent, TakeSnapshot request)
    {
        if (parent.Properties.Format == DiskFormat.Vhd)
        {
            var now = time.GetUtcNow();
            ImageFile.Create(
                request.Path,
                new VhdCreate(parent.Geometry.SizeBytes, IsFixed: false, Parent: new VhdParent(parent.Identity, ParentPath.Of(request.Path, parent.Path), now), CreatedAt: now));
        }
        else
        {
            ImageFile.Create(request.Path, VhdxCreate.ForParent(parent, request.Path, request.BlockSizeBytes));
        }
    }

    private static ParentReference ReferenceTo(IDiskImage parent, IDiskImage child) => child.Properties.Format == DiskFormat.Vhdx
        ? VhdxParent.ReferenceTo(parent, child.Path)
        : new ParentReference(ParentPath.Of(child.Path, parent.Path), parent.Identity);

    // The chain below the disk's own image, for reading only. An image that others hold stays open as it was.
    private async Task ReopenParentsAsync(OpenDisk disk)
    {
        try
        {
            await disk.Stack.RunQuietAsync(() => ReopenParentAsync(disk.Image, writable: false)).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            LogNotClosed(_logger, disk.Image.Path, exception.Message);
        }
    }

    // Another opening of the same file takes over before the one that holds its lock goes, so that there is always one to read from.
    private async ValueTask ReopenParentAsync(IDiskImage holder, bool writable)
    {
        if (holder.Parent is not { } old)
        {
            return;
        }

        // The caller knows the chain; identities change while images of it are written.
        var search = _parents with { IgnoreIdMismatch = true };
        await old.FlushAsync().ConfigureAwait(false);
        var bridge = ImageFile.Open(old.Path, new ImageOpenOptions(ReadOnly: true, TakeLock: false, Parents: search));
        holder.Parent = bridge;
        await old.DisposeAsync().ConfigureAwait(false);
        try
        {
            holder.Parent = ImageFile.Open(old.Path, new ImageOpenOptions(ReadOnly: !writable, Parents: search));
        }
        catch (ImageException) when (writable)
        {
            holder.Parent = ImageFile.Open(old.Path, new ImageOpenOptions(ReadOnly: true, Parents: search));
            await bridge.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        await bridge.DisposeAsync().ConfigureAwait(false);
    }
}
