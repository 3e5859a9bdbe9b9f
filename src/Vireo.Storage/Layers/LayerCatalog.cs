using System.Globalization;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Layers;

/// <summary>A kind of layer that can be asked for by name.</summary>
/// <param name="Kind">The name.</param>
/// <param name="Make">Makes a layer from its specification; throws <see cref="FormatException"/> naming the setting that is wrong.</param>
/// <param name="Report">What a layer of the kind tells about itself.</param>
public sealed record LayerKind(string Kind, Func<LayerSpecification, LayerSettings, ILayer> Make, Func<ILayer, Dictionary<string, string>> Report);

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
        catalog.Add(new("pass", (layer, _) => new PassThroughLayer(layer.Name), _ => []));
        catalog.Add(new("count", (layer, _) => new CountingLayer(layer.Name), layer => Report((CountingLayer)layer)));
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
        return catalog;
    }

    /// <summary>Registers a kind.</summary>
    public void Add(LayerKind kind) => _kinds.Add(kind.Kind, kind);

    /// <summary>The kind called <paramref name="kind"/>, or null.</summary>
    public LayerKind? Find(string kind) => _kinds.GetValueOrDefault(kind);

    private static Dictionary<string, string> Report(CountingLayer layer) => new()
    {
        ["readOperations"] = layer.ReadOperations.Value.ToString(CultureInfo.InvariantCulture),
        ["bytesRead"] = layer.BytesRead.Value.ToString(CultureInfo.InvariantCulture),
        ["writeOperations"] = layer.WriteOperations.Value.ToString(CultureInfo.InvariantCulture),
        ["bytesWritten"] = layer.BytesWritten.Value.ToString(CultureInfo.InvariantCulture),
        ["flushes"] = layer.Flushes.Value.ToString(CultureInfo.InvariantCulture),
        ["failures"] = layer.Failures.Value.ToString(CultureInfo.InvariantCulture),
    };

    private static Dictionary<string, string> Report(TraceLayer layer) => new()
    {
        ["requests"] = string.Join(
            '\n',
            layer.Requests.Select(request => string.Create(
                CultureInfo.InvariantCulture, $"{request.Operation} {request.OffsetBytes}+{request.LengthBytes} {request.Options} {request.Status}"))),
    };
}
