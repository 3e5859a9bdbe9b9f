using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Testing;
using Vireo.Storage.Layers;

namespace Vireo.Storage.Plane;

/// <summary>
/// Live merge: what a differencing image of a disk's chain holds goes into its parent while the guest runs; then the chain goes without it
/// and its file is removed.
/// </summary>
/// <remarks>
/// The disk's own image lets go of what was copied, once that is durable; a guest's write goes to one place, the child where the child holds the
/// range and the parent where it does not (<see cref="MirrorLayer"/>). Nothing is taken out of an image in the middle of a chain: what was copied
/// lies in the parent as well, hidden. So at any moment the chain with the child reads right, and a merge that was cut short goes on.
/// The parent's identity changes with the first write to it; the child accepts the old and the new one from then on.
/// </remarks>
internal sealed partial class DiskRegistry
{
    /// <summary>Merges an image of a disk's chain into its parent. The call returns when the merge has begun; it ends by itself.</summary>
    /// <exception cref="ControlException">No such disk or image, another change is under way, or the parent cannot be written.</exception>
    public Task<CopyStatus> StartMergeAsync(Guid id, StartMerge request) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        if (disk.Copy is not null || disk.Change is not { Kind: DiskChangeKind.Merge })
        {
            RefuseBusy(disk);
        }

        var chain = ImageChain.Of(disk.Image);
        var index = chain.ToList().FindIndex(image => IsSame(image.Path, request.Path));
        if (disk.Attachment.ReadOnly || index < 0 || index == chain.Count - 1)
        {
            throw PlaneErrors.Invalid(
                disk.Attachment.ReadOnly ? $"The disk {id} is open for reading only and cannot be merged."
                : index < 0 ? $"The image '{request.Path}' is not part of the disk {id}, which consists of {string.Join(", ", chain.Select(image => $"'{image.Path}'"))}."
                : $"The image '{request.Path}' has no parent that it could be merged into.",
                request.Path);
        }

        if (chain[index].Geometry.SizeBytes < chain[index + 1].Geometry.SizeBytes)
        {
            throw PlaneErrors.Invalid($"The image '{request.Path}' is smaller than its parent and cannot be merged into it while the disk is in use; grow it first.", request.Path);
        }

        Note(disk, new DiskChange(DiskChangeKind.Merge, chain[index].Path, IsOurs: false, Math.Max(0, request.BytesPerSecond)));
        try
        {
            return await BeginMergeAsync(disk, index, request.BytesPerSecond).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            await ReopenParentsAsync(disk).ConfigureAwait(false);
            Note(disk, IsWhole(disk.Image) ? null : disk.Change);
            throw exception is ImageException image ? PlaneErrors.From(image) : exception;
        }
    });

    /// <summary>Ends a merge; the chain stays as it is. One that is not there has ended already.</summary>
    /// <exception cref="ControlException">No such disk.</exception>
    public Task CancelMergeAsync(Guid id) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        if (disk.Copy is { Kind: CopyKind.Merge } copy)
        {
            await EndMergeAsync(disk, copy, copy.Status with { Phase = CopyPhase.Cancelled }).ConfigureAwait(false);
        }
    });

    private static bool IsSame(string one, string other) => ImageFiles.AreSame(one, other);

    // Whether the chain can be opened without knowing that a merge was under way.
    private static bool IsWhole(IDiskImage top)
    {
        for (var image = top; image.Parent is { } parent; image = parent)
        {
            if (!ImageChain.Answers(parent, image.ParentReference!))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<CopyStatus> BeginMergeAsync(OpenDisk disk, int index, long bytesPerSecond)
    {
        await disk.Stack.RunQuietAsync(() => MakeWritableAsync(disk.Image, index)).ConfigureAwait(false);
        var child = ImageChain.Of(disk.Image)[index];
        var parent = child.Parent!;
        CrashPoint.Hit("storage.merge.begun");
        var layer = new MirrorLayer(CopyLayerName, child, parent, index == 0 ? null : () => disk.Changes, bytesPerSecond, time);
        var copy = new LiveCopy(CopyKind.Merge, child.Path, layer, parent, child.Geometry.SizeBytes);
        if (index == 0)
        {
            await disk.Stack.InsertAsync(layer, 0).ConfigureAwait(false);
        }
        else
        {
            // Nobody writes to an image in the middle, so nothing needs to be in the way of the guest's requests.
            layer.Attach(child);
        }

        disk.Copy = copy;
        layer.Start();
        Watch(disk, copy, layer.Settled, () => layer.Phase == MirrorPhase.Ready ? FinishMergeAsync(disk, copy, index) : EndMergeAsync(disk, copy, copy.Status));
        return copy.Status;
    }

    // The child, whose reference changes, what is above it, and the parent. While no request is inside.
    private async ValueTask MakeWritableAsync(IDiskImage top, int index)
    {
        var holder = top;
        for (var depth = 1; depth <= index + 1; depth++)
        {
            if (depth >= index - 1)
            {
                await ReopenParentAsync(holder, writable: true).ConfigureAwait(false);
            }

            holder = holder.Parent!;
        }

        var child = ImageChain.Of(top)[index];
        var parent = child.Parent!;
        if (parent.Geometry.SizeBytes < child.Geometry.SizeBytes)
        {
            await parent.Maintenance!.ResizeAsync(child.Geometry.SizeBytes, null, CancellationToken.None).ConfigureAwait(false);
        }

        var before = child.ParentReference!.Identity;
        await TouchAsync(child, parent).ConfigureAwait(false);
        if (parent.Identity != before)
        {
            child.Maintenance!.SetParentReference(ReferenceTo(parent, child) with { AlternateIdentity = before });
        }

        if (child is VhdxImage { UserItems: var items } && parent is VhdxImage { UserItems: var merged })
        {
            merged.MergeFrom(items);
        }
    }

    // Writes one sector that the merge writes anyway, so that the parent has the identity that it keeps from now on.
    private static async ValueTask TouchAsync(IDiskImage child, IDiskImage parent)
    {
        var extents = new List<BlockExtent>();
        for (var at = 0L; at < child.Geometry.SizeBytes; at = extents[^1].OffsetBytes + extents[^1].LengthBytes)
        {
            extents.Clear();
            Require(await child.MapOwnExtentsAsync(at, child.Geometry.SizeBytes - at, extents).ConfigureAwait(false), child);
            if (extents.Find(extent => extent.Kind == ExtentKind.Data) is { LengthBytes: > 0 } own)
            {
                using var buffer = new Stacks.BufferPool.Buffer(child.Geometry.LogicalSectorBytes);
                Require(await child.ReadAsync(own.OffsetBytes, buffer.Vector(0, child.Geometry.LogicalSectorBytes)).ConfigureAwait(false), child);
                Require(await parent.WriteAsync(own.OffsetBytes, buffer.Vector(0, child.Geometry.LogicalSectorBytes), WriteOptions.None).ConfigureAwait(false), parent);
                Require(await parent.FlushAsync().ConfigureAwait(false), parent);
                return;
            }
        }

        static void Require(BlockStatus status, IDiskImage image)
        {
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(image.Path, "merge", status);
            }
        }
    }

    private async Task FinishMergeAsync(OpenDisk disk, LiveCopy copy, int index)
    {
        await copy.Layer.PrepareAsync().ConfigureAwait(false);
        CrashPoint.Hit("storage.merge.copied");
        try
        {
            await (index == 0 ? RelinkTopAsync(disk, copy) : RelinkMiddleAsync(disk, copy, index)).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is ControlException or ImageException or ArgumentException && disk.Copy == copy)
        {
            await EndMergeAsync(disk, copy, copy.Status with { Phase = CopyPhase.Failed, Failure = exception.Message }).ConfigureAwait(false);
            return;
        }

        disk.LastCopy = copy.Status with { Phase = CopyPhase.Completed };
        disk.Copy = null;
        ImageFiles.Delete(copy.Path);
        CrashPoint.Hit("storage.merge.removed");
        Note(disk, null);
        await ReopenParentsAsync(disk).ConfigureAwait(false);
    }

    // The parent becomes the disk's image.
    private async Task RelinkTopAsync(OpenDisk disk, LiveCopy copy)
    {
        var (attachment, change) = (disk.Attachment, disk.Change);
        var child = disk.Image;
        try
        {
            await disk.Stack.ReplaceImageAsync(
                copy.Target,
                copy.Target.Path,
                async () =>
                {
                    await RequireCompleteAsync(disk, copy).ConfigureAwait(false);
                    (disk.Attachment, disk.Change) = (attachment with { Path = copy.Target.Path }, new DiskChange(DiskChangeKind.Remove, copy.Path, IsOurs: true));
                    Publish(_disks, _failed);
                    CrashPoint.Hit("storage.merge.relinked");
                },
                CopyLayerName).ConfigureAwait(false);
        }
        catch
        {
            (disk.Attachment, disk.Change) = (attachment, change);
            throw;
        }

        disk.Image = copy.Target;
        child.Parent = null;
        await CloseOldAsync(child, child.Path).ConfigureAwait(false);
    }

    // What stands on the child stands on the parent from now on.
    private async Task RelinkMiddleAsync(OpenDisk disk, LiveCopy copy, int index)
    {
        var above = ImageChain.Of(disk.Image)[index - 1];
        var child = above.Parent!;
        await disk.Stack.RunQuietAsync(async () =>
        {
            await RequireCompleteAsync(disk, copy).ConfigureAwait(false);
            above.Maintenance!.SetParentReference(ReferenceTo(copy.Target, above));
            CrashPoint.Hit("storage.merge.relinked");
            above.Parent = copy.Target;
        }).ConfigureAwait(false);
        await copy.Layer.DisposeAsync().ConfigureAwait(false);
        child.Parent = null;
        await CloseOldAsync(child, child.Path).ConfigureAwait(false);
        Note(disk, new DiskChange(DiskChangeKind.Remove, copy.Path, IsOurs: true));
    }

    private static async ValueTask RequireCompleteAsync(OpenDisk disk, LiveCopy copy)
    {
        if (!await copy.Layer.CompleteAsync().ConfigureAwait(false))
        {
            throw PlaneErrors.Failed($"The image '{copy.Path}' of the disk {disk.Attachment.Id} could not be merged: {copy.Layer.Failure}. The chain stays as it is.", copy.Path);
        }
    }

    // What went to the parent alone is durable before flushes of the guest no longer reach it.
    private static async ValueTask RequireDurableAsync(LiveCopy copy)
    {
        if (!await copy.Layer.PrepareAsync().ConfigureAwait(false))
        {
            throw ImageException.Failed(copy.Target.Path, "flush", BlockStatus.IoError);
        }
    }

    private async Task EndMergeAsync(OpenDisk disk, LiveCopy copy, CopyStatus status)
    {
        if (disk.Stack.Layers.Contains(copy.Layer))
        {
            try
            {
                await disk.Stack.ReplaceImageAsync(disk.Image, disk.Image.Path, () => RequireDurableAsync(copy), CopyLayerName).ConfigureAwait(false);
            }
            catch (ImageException exception)
            {
                // What went to the parent alone may be lost, and the guest has to know: the layer stays, and lets its flushes fail.
                disk.Copy = null;
                disk.LastCopy = status with { Phase = CopyPhase.Failed, Failure = exception.Message };
                Note(disk, null);
                return;
            }
        }
        else
        {
            await copy.Layer.DisposeAsync().ConfigureAwait(false);
        }

        disk.Copy = null;
        disk.LastCopy = status;
        Note(disk, null);
        await ReopenParentsAsync(disk).ConfigureAwait(false);
    }

    /// <summary>
    /// What was under way when the plane ended, before the disk is opened: the record without it, and the image that a merge goes on with.
    /// </summary>
    private static (DiskRecord Record, CopyStatus? Ended) Settle(DiskRecord record)
    {
        if (record.Change is not { } change || change.Kind == DiskChangeKind.Merge)
        {
            return (record, null);
        }

        if (change.IsOurs)
        {
            ImageFiles.Delete(change.Path);
        }

        return (
            record with { Change = null },
            change.Kind == DiskChangeKind.Mirror
                ? new CopyStatus(CopyKind.Mirror, change.Path, CopyPhase.Failed, 0, 0, 0, 0, "the storage plane ended before the target took over")
                : null);
    }

    /// <summary>Goes on with a merge that was under way when the plane ended.</summary>
    private async Task ResumeMergeAsync(OpenDisk disk)
    {
        if (disk.Change is not { Kind: DiskChangeKind.Merge } change)
        {
            return;
        }

        var index = ImageChain.Of(disk.Image).ToList().FindIndex(image => IsSame(image.Path, change.Path));
        if (index < 0)
        {
            // The chain goes without it already.
            ImageFiles.Delete(change.Path);
            disk.Change = null;
            return;
        }

        try
        {
            await BeginMergeAsync(disk, index, change.BytesPerSecond).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is ImageException or ArgumentException)
        {
            // The merge can be asked for again.
            disk.LastCopy = new CopyStatus(CopyKind.Merge, change.Path, CopyPhase.Failed, 0, disk.Stack.Geometry.SizeBytes, 0, 0, exception.Message);
            disk.Change = IsWhole(disk.Image) ? null : disk.Change;
        }
    }
}
