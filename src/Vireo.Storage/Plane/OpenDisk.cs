using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Plane;

/// <summary>A disk that is open and served: image, stack with its meter, front end. What can be set is set under the registry's lock of changes.</summary>
internal sealed class OpenDisk(DiskAttachment attachment, IDiskImage image, DiskStack stack, MeterLayer meter, IFrontEnd frontEnd) : IAsyncDisposable
{
    /// <summary>Name of the layer that every disk has, right above the image.</summary>
    public const string MeterName = "meter";

    private readonly List<LayerSpecification> _layers = [];
    private readonly Guid _generation = Guid.NewGuid();

    /// <summary>What was asked for; a mirror or snapshot gives it another path.</summary>
    public DiskAttachment Attachment { get; set; } = attachment;

    /// <summary>The image at the bottom.</summary>
    public IDiskImage Image { get; set; } = image;

    /// <summary>The server for other hosts, or null.</summary>
    public INetworkFrontEnd? Network { get; set; }

    /// <summary>What is being done to the disk, as the state file has it.</summary>
    public DiskChange? Change { get; set; }

    /// <summary>The mirror or merge that runs.</summary>
    public LiveCopy? Copy { get; set; }

    /// <summary>The last one that has ended.</summary>
    public CopyStatus? LastCopy { get; set; }

    /// <summary>Ends when the disk is being closed.</summary>
    public TaskCompletionSource Closing { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What the front end serves.</summary>
    public DiskStack Stack => stack;

    /// <summary>Layers that were asked for.</summary>
    public List<LayerSpecification> Layers => _layers;

    /// <summary>What is written to the state file.</summary>
    public DiskRecord Record => new(Attachment, [.. _layers], Change, Network?.Address);

    /// <summary>The disk as a client sees it.</summary>
    public DiskStatus Status => new(
        Attachment,
        stack.Geometry.SizeBytes,
        stack.Geometry.LogicalSectorBytes,
        stack.Geometry.PhysicalSectorBytes,
        [.. stack.Layers.Select(layer => layer.Name)],
        frontEnd.Connections + (Network?.Connections ?? 0),
        meter.Reads.Bytes.Value,
        meter.Writes.Bytes.Value,
        meter.Reads.Operations.Value,
        meter.Writes.Operations.Value,
        stack.Capabilities.Trim != Capability.None,
        Network?.Address);

    /// <summary>What the disk did since it was opened.</summary>
    public DiskMeter Meter => new(
        Attachment.Id, Figures(meter.Reads), Figures(meter.Writes), Figures(meter.Flushes), Figures(meter.Discards), meter.Failures.Value);

    /// <summary>The same in short, for whoever asks often.</summary>
    public DiskCounters Counters => new(
        Attachment.Id,
        _generation,
        Attachment.Path,
        stack.Geometry.SizeBytes,
        meter.Reads.Bytes.Value,
        meter.Writes.Bytes.Value,
        meter.Reads.Operations.Value + meter.Writes.Operations.Value,
        meter.Reads.NormalizedOperations.Value + meter.Writes.NormalizedOperations.Value,
        meter.Reads.LatencyUs.Value + meter.Writes.LatencyUs.Value);

    /// <summary>How often its content was changed.</summary>
    public long Changes => meter.Writes.Operations.Value + meter.Discards.Operations.Value;

    private static OperationFigures Figures(OperationCounters counters)
    {
        var latency = counters.Latency.Percentiles(50, 95, 99, 99.9, 100);
        return new OperationFigures(
            counters.Operations.Value, counters.Bytes.Value, counters.NormalizedOperations.Value, counters.LatencyUs.Value, latency[0], latency[1], latency[2], latency[3], latency[4]);
    }

    /// <summary>Front ends first, so that no request meets a closed stack; then layers and image.</summary>
    public async ValueTask DisposeAsync()
    {
        Closing.TrySetResult();
        if (Network is { } network)
        {
            await network.DisposeAsync().ConfigureAwait(false);
        }

        await frontEnd.DisposeAsync().ConfigureAwait(false);
        if (Copy is { } copy)
        {
            // A merge in the middle of the chain stands in no stack; the image it writes to belongs to the chain.
            await copy.Layer.DisposeAsync().ConfigureAwait(false);
        }

        await stack.DisposeAsync().ConfigureAwait(false);
        if (Copy is { Kind: CopyKind.Mirror, Target: var target })
        {
            await target.DisposeAsync().ConfigureAwait(false);
        }
    }
}
