using System.Globalization;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;
using Vireo.Storage.Layers;
using Vireo.Storage.NbdClient;

namespace Vireo.Storage.Plane;

/// <summary>Checkpoints of the layers that track changes.</summary>
internal sealed partial class DiskRegistry
{
    /// <summary>Changes the checkpoints of a layer while no request is inside the disk's stack.</summary>
    /// <exception cref="ControlException">No such disk or layer of that kind, a name is taken, or the folder cannot be written.</exception>
    public Task ChangeCheckpointsAsync(Guid id, string name, Action<TrackingLayer> change) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        var layer = FindTracking(disk, name) ?? throw PlaneErrors.NotFound($"The disk {id} has no layer '{name}' that tracks changes.", name);
        try
        {
            await disk.Stack.RunQuietAsync(() =>
            {
                change(layer);
                return ValueTask.CompletedTask;
            }).ConfigureAwait(false);
        }
        catch (ArgumentException exception)
        {
            throw PlaneErrors.Invalid(exception.Message, name, exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw PlaneErrors.Failed($"The checkpoints of the layer '{name}' could not be changed: {exception.Message}", name, exception);
        }
    });

    private static TrackingLayer? FindTracking(OpenDisk disk, string name) =>
        disk.Stack.Layers.OfType<TrackingLayer>().FirstOrDefault(layer => string.Equals(layer.Name, name, StringComparison.Ordinal));

    // A name that is taken must not be written down as one to remove.
    private static void RefuseCheckpoints(OpenDisk disk, IReadOnlyList<LayerCheckpoint> checkpoints)
    {
        foreach (var checkpoint in checkpoints)
        {
            var layer = FindTracking(disk, checkpoint.Layer)
                ?? throw PlaneErrors.NotFound($"The disk {disk.Attachment.Id} has no layer '{checkpoint.Layer}' that tracks changes.", checkpoint.Layer);
            if (layer.Checkpoints.Contains(checkpoint.Name) || checkpoints.Count(other => other == checkpoint) > 1)
            {
                throw PlaneErrors.Invalid($"There is a checkpoint '{checkpoint.Name}' already; remove it or choose another name.", checkpoint.Name);
            }
        }
    }

    // Begins them and does the rest of it; all or nothing, as long as no request is inside. A killed plane undoes them at its next start.
    private static void WithCheckpoints(OpenDisk disk, IReadOnlyList<LayerCheckpoint> checkpoints, Action rest)
    {
        List<LayerCheckpoint> begun = [];
        try
        {
            foreach (var checkpoint in checkpoints)
            {
                FindTracking(disk, checkpoint.Layer)!.AddCheckpoint(checkpoint.Name);
                begun.Add(checkpoint);
                CrashPoint.Hit("storage.snapshot.checkpoint");
            }

            rest();
        }
        catch
        {
            foreach (var checkpoint in begun)
            {
                FindTracking(disk, checkpoint.Layer)!.RemoveCheckpoint(checkpoint.Name);
            }

            throw;
        }
    }

    // What is different after somebody else wrote to the image. Of a server, and of a raw image on a share, nothing is known: each look counts as another content.
    private static string FingerprintOf(IDiskImage image)
    {
        if (NbdAddress.IsNbd(image.Path))
        {
            return Guid.NewGuid().ToString("N");
        }

        if (UncPath.IsUnc(image.Path) && image.Identity == Guid.Empty)
        {
            return Guid.NewGuid().ToString("N");
        }

        var file = new FileInfo(image.Path);
        return image.Identity != Guid.Empty
            ? image.Identity.ToString("N")
            : string.Create(CultureInfo.InvariantCulture, $"{file.Length} {file.LastWriteTimeUtc.Ticks}");
    }
}
