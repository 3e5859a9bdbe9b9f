using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Plane;

/// <summary>A disk that is open and served: image, stack with its meter, front end.</summary>
internal sealed class OpenDisk(DiskAttachment attachment, IDiskImage image, DiskStack stack, MeterLayer meter, IFrontEnd frontEnd) : IAsyncDisposable
{
    /// <summary>Name of the layer that every disk has, right above the image.</summary>
    public const string MeterName = "meter";

    private readonly List<LayerSpecification> _layers = [];

    /// <summary>What was asked for.</summary>
    public DiskAttachment Attachment => attachment;

    /// <summary>The image at the bottom.</summary>
    public IDiskImage Image => image;

    /// <summary>What the front end serves.</summary>
    public DiskStack Stack => stack;

    /// <summary>Layers that were asked for.</summary>
    public List<LayerSpecification> Layers => _layers;

    /// <summary>What is written to the state file.</summary>
    public DiskRecord Record => new(attachment, [.. _layers]);

    /// <summary>The disk as a client sees it.</summary>
    public DiskStatus Status => new(
        attachment,
        stack.Geometry.SizeBytes,
        stack.Geometry.LogicalSectorBytes,
        stack.Geometry.PhysicalSectorBytes,
        [.. stack.Layers.Select(layer => layer.Name)],
        frontEnd.Connections,
        meter.Reads.Bytes.Value,
        meter.Writes.Bytes.Value,
        meter.Reads.Operations.Value,
        meter.Writes.Operations.Value);

    /// <summary>What the disk did since it was opened.</summary>
    public DiskMeter Meter => new(
        attachment.Id, Figures(meter.Reads), Figures(meter.Writes), Figures(meter.Flushes), Figures(meter.Discards), meter.Failures.Value);

    private static OperationFigures Figures(OperationCounters counters)
    {
        var latency = counters.Latency.Percentiles(50, 95, 99, 99.9, 100);
        return new OperationFigures(
            counters.Operations.Value, counters.Bytes.Value, counters.NormalizedOperations.Value, counters.LatencyUs.Value, latency[0], latency[1], latency[2], latency[3], latency[4]);
    }

    /// <summary>Front end first, so that no request meets a closed stack; then layers and image.</summary>
    public async ValueTask DisposeAsync()
    {
        await frontEnd.DisposeAsync().ConfigureAwait(false);
        await stack.DisposeAsync().ConfigureAwait(false);
    }
}
