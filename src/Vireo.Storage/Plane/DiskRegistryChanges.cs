using System.Globalization;
using Vireo.Control;
using Vireo.Disks;
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
        var layer = disk.Stack.Layers.OfType<TrackingLayer>().FirstOrDefault(layer => string.Equals(layer.Name, name, StringComparison.Ordinal))
            ?? throw PlaneErrors.NotFound($"The disk {id} has no layer '{name}' that tracks changes.", name);
        try
        {
            await disk.Stack.RunQuietAsync(() =>
            {
                change(layer);
                return ValueTask.CompletedTask;
            }).ConfigureAwait(false);
            return true;
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

    // What is different after somebody else wrote to the image. Of a server nothing is known: each look counts as another content.
    private static string FingerprintOf(IDiskImage image)
    {
        if (NbdAddress.IsNbd(image.Path))
        {
            return Guid.NewGuid().ToString("N");
        }

        var file = new FileInfo(image.Path);
        return image.Identity != Guid.Empty
            ? image.Identity.ToString("N")
            : string.Create(CultureInfo.InvariantCulture, $"{file.Length} {file.LastWriteTimeUtc.Ticks}");
    }
}
