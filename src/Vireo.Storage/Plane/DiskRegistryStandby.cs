using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Platform.Testing;

namespace Vireo.Storage.Plane;

/// <summary>
/// Disks that are served before their image may be opened, because another host still has it. The image is opened when the request to put it in place comes,
/// and the state file names the disk as one that has it before the first request reaches the image: a plane that is killed before comes back with the
/// stand-in and touches nothing, one that is killed later comes back with the image.
/// </summary>
internal sealed partial class DiskRegistry
{
    private static bool IsStandby(OpenDisk disk) => disk.Attachment.Standby is not null;

    // A disk that was given its image must not show zeros again, also not where the image could not be opened since.
    private static void RefuseStandby(DiskAttachment present, DiskAttachment wanted)
    {
        if (present.Standby is null && wanted.Standby is not null)
        {
            throw PlaneErrors.Busy($"The disk {wanted.Id} has its image '{present.Path}' already and cannot stand by; close it first.", wanted.Id.ToString());
        }
    }

    // Opens the image and puts it under the running front end.
    private async Task ActivateAsync(OpenDisk disk)
    {
        var standby = disk.Attachment;
        var active = standby with { Standby = null };
        IDiskImage image;
        try
        {
            image = await OpenImageAsync(active.Path, new ImageOpenOptions(active.ReadOnly, Parents: _parents, Direct: active.Direct, Device: active.IsDevice)).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }

        try
        {
            CrashPoint.Hit("storage.standby.opened");
            RefuseOtherThanPromised(standby, image);
            await disk.Stack.ReplaceImageAsync(
                image,
                active.Path,
                () =>
                {
                    disk.Attachment = active;
                    Publish(_disks, _failed);
                    CrashPoint.Hit("storage.standby.recorded");
                    return ValueTask.CompletedTask;
                },
                beneath: Foundation(active, image)).ConfigureAwait(false);
            disk.Image = image;
        }
        catch (Exception exception)
        {
            disk.Attachment = standby;
            await CloseOldAsync(image, active.Path).ConfigureAwait(false);
            throw exception is ArgumentException ? PlaneErrors.Invalid(exception.Message, active.Path, exception) : exception;
        }
    }

    private static void RefuseOtherThanPromised(DiskAttachment attachment, IDiskImage image)
    {
        var promised = attachment.Standby!;
        var offered = image.Geometry;
        if (attachment.EmulateSectors && offered.LogicalSectorBytes > Layers.SectorLayer.OfferedBytes)
        {
            offered = offered with { LogicalSectorBytes = Layers.SectorLayer.OfferedBytes };
        }

        var trims = image.Capabilities.Trim != Capability.None;
        if (offered != new BlockGeometry(promised.SizeBytes, promised.LogicalSectorBytes, promised.PhysicalSectorBytes) || (promised.Trims && !trims && !attachment.ReadOnly))
        {
            throw PlaneErrors.Invalid(
                $"The image '{image.Path}' is not what the disk {attachment.Id} promised: it has {offered.SizeBytes} bytes in sectors of {offered.LogicalSectorBytes} ({offered.PhysicalSectorBytes} physical){(trims ? string.Empty : " and cannot trim")}; promised were {promised.SizeBytes} in sectors of {promised.LogicalSectorBytes} ({promised.PhysicalSectorBytes} physical){(promised.Trims ? " with trim" : string.Empty)}. The disk stands by as before.",
                image.Path);
        }
    }
}
