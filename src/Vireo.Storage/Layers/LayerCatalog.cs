using System.Globalization;
using System.Numerics;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Layers;

/// <summary>A kind of layer that can be asked for by name.</summary>
/// <param name="Kind">The name.</param>
/// <param name="Make">Makes a layer from its specification; throws <see cref="FormatException"/> naming the setting that is wrong.</param>
/// <param name="Report">What a layer of the kind tells about itself.</param>
/// <param name="Change">Gives a layer that is in a stack other settings; null when the kind must be taken out and put in again.</param>
public sealed record LayerKind(
    string Kind,
    Func<LayerSpecification, LayerSettings, ILayer> Make,
    Func<ILayer, Dictionary<string, string>> Report,
    Action<ILayer, LayerSettings>? Change = null);

/// <summary>The kinds of layers there are. Built-in ones are registered by the same call that any other would use.</summary>
public sealed class LayerCatalog
{
    private readonly Dictionary<string, LayerKind> _kinds = new(StringComparer.Ordinal);

    /// <summary>Names of the kinds.</summary>
    public IEnumerable<string> Kinds => _kinds.Keys.Order(StringComparer.Ordinal);

    /// <summary>A catalog of the built-in kinds.</summary>
    public static LayerCatalog BuiltIn(TimeProvider time)
    {
        var catalog = new LayerCatalog();
        var competing = new ThrottleGroup(time);
        catalog.Add(new("pass", (layer, _) => new PassThroughLayer(layer.Name), _ => []));
        catalog.Add(new("meter", (layer, _) => new MeterLayer(layer.Name, time), layer => Report((MeterLayer)layer)));
        catalog.Add(new("trace", (layer, settings) => new TraceLayer(layer.Name, settings.Integer("capacity", 4096, 1, 1 << 20)), layer => Report((TraceLayer)layer)));
        catalog.Add(new(
            "delay",
            (layer, settings) => new DelayLayer(
                layer.Name, TimeSpan.FromMilliseconds(settings.Number("milliseconds", 10, 0, 3_600_000)), settings.Choice("operations", BlockOperations.All), time),
            _ => []));
        catalog.Add(new(
            "fault",
            (layer, settings) => new FaultLayer(
                layer.Name,
                settings.Choice("operations", BlockOperations.All),
                settings.Choice("status", BlockStatus.IoError),
                settings.Number("percent", 100, 0, 100),
                new Random(settings.Integer("seed", 1, int.MinValue, int.MaxValue))),
            layer => new() { ["faults"] = ((FaultLayer)layer).Faults.Value.ToString(CultureInfo.InvariantCulture) }));
        catalog.Add(new(
            "throttle",
            (layer, settings) => new ThrottleLayer(layer.Name, ThrottleLimits.From(settings), competing),
            layer => Report((ThrottleLayer)layer),
            (layer, settings) =>
            {
                var limits = ThrottleLimits.From(settings);
                settings.RefuseUnknown();
                ((ThrottleLayer)layer).Change(limits);
            }));
        catalog.Add(new(
            "changes",
            (layer, settings) => new TrackingLayer(layer.Name, settings.Required("folder"), GranuleOf(settings), File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim()),
            layer => Report((TrackingLayer)layer)));
        return catalog;
    }

    /// <summary>Registers a kind.</summary>
    public void Add(LayerKind kind) => _kinds.Add(kind.Kind, kind);

    /// <summary>The kind called <paramref name="kind"/>, or null.</summary>
    public LayerKind? Find(string kind) => _kinds.GetValueOrDefault(kind);

    private static Dictionary<string, string> Report(MeterLayer layer) => new()
    {
        ["readOperations"] = Text(layer.Reads.Operations.Value),
        ["bytesRead"] = Text(layer.Reads.Bytes.Value),
        ["writeOperations"] = Text(layer.Writes.Operations.Value),
        ["bytesWritten"] = Text(layer.Writes.Bytes.Value),
        ["flushes"] = Text(layer.Flushes.Operations.Value),
        ["failures"] = Text(layer.Failures.Value),
    };

    private static Dictionary<string, string> Report(ThrottleLayer layer) => new()
    {
        ["minimumIops"] = Text(layer.Limits.MinimumIops),
        ["maximumIops"] = Text(layer.Limits.MaximumIops),
        ["maximumBytesPerSecond"] = Text(layer.Limits.MaximumBytesPerSecond),
        ["waiting"] = Text(layer.Waiting),
        ["delayed"] = Text(layer.Delayed.Value),
    };

    private static int GranuleOf(LayerSettings settings) =>
        settings.Integer("granuleBytes", 64 << 10, 4096, 64 << 20) is var bytes && BitOperations.IsPow2(bytes)
            ? bytes
            : throw new FormatException($"the setting 'granuleBytes' is {bytes}, which must be a power of two");

    private static Dictionary<string, string> Report(TrackingLayer layer)
    {
        var report = new Dictionary<string, string> { ["isConservative"] = layer.IsConservative ? "true" : "false" };
        foreach (var checkpoint in layer.Checkpoints)
        {
            report[$"changedBytes:{checkpoint}"] = Text(layer.ChangedBytes(checkpoint));
        }

        return report;
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static Dictionary<string, string> Report(TraceLayer layer) => new()
    {
        ["requests"] = string.Join(
            '\n',
            layer.Requests.Select(request => string.Create(
                CultureInfo.InvariantCulture, $"{request.Operation} {request.OffsetBytes}+{request.LengthBytes} {request.Options} {request.Status}"))),
    };
}
