using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Vireo.Switch.Sdk;

/// <summary>Whom a feature is set for.</summary>
public enum FeatureScope : byte
{
    /// <summary>The switch.</summary>
    Switch,

    /// <summary>One port.</summary>
    Port,
}

/// <summary>
/// A group of settings that scripts read and change: a plain object whose properties become JSON. A new object of it is the default that is shown; nothing
/// is set until somebody adds it.
/// </summary>
public abstract class Feature
{
    private protected Feature(Guid id, string name, FeatureScope scope)
    {
        Id = id;
        Name = name;
        Scope = scope;
    }

    /// <summary>Key, never changed once it was published.</summary>
    public Guid Id { get; }

    /// <summary>Name for people.</summary>
    public string Name { get; }

    /// <summary>Whom it is set for.</summary>
    public FeatureScope Scope { get; }

    /// <summary>Place among the declared features.</summary>
    internal int Index { get; set; } = -1;

    /// <summary>The default, as JSON.</summary>
    internal abstract JsonElement Default();

    /// <summary>The object that <paramref name="json"/> describes.</summary>
    /// <exception cref="JsonException">It does not describe one.</exception>
    internal abstract object Read(JsonElement json);

    /// <summary>Puts a value of the switch in force; ports keep theirs.</summary>
    internal virtual void Set(object? value)
    {
    }
}

/// <summary>Settings of a type.</summary>
/// <typeparam name="T">A plain class. Its objects are shared with the packet thread, so do not change one.</typeparam>
public abstract class Feature<T> : Feature
    where T : class, new()
{
    private readonly JsonTypeInfo<T> _type;

    private protected Feature(Guid id, string name, FeatureScope scope, JsonTypeInfo<T> type)
        : base(id, name, scope)
    {
        ArgumentNullException.ThrowIfNull(type);
        _type = type;
    }

    /// <inheritdoc/>
    internal sealed override JsonElement Default() => JsonSerializer.SerializeToElement(new T(), _type);

    /// <inheritdoc/>
    internal sealed override object Read(JsonElement json) => json.Deserialize(_type) ?? throw new JsonException("The settings are null.");
}

/// <summary>Settings of the switch.</summary>
/// <typeparam name="T">A plain class.</typeparam>
/// <param name="id">Key, never changed once it was published.</param>
/// <param name="name">Name for people.</param>
/// <param name="type">How it becomes JSON: a property of a <c>JsonSerializerContext</c> of yours.</param>
public sealed class SwitchFeature<T>(Guid id, string name, JsonTypeInfo<T> type) : Feature<T>(id, name, FeatureScope.Switch, type)
    where T : class, new()
{
    private T? _value;

    /// <summary>What is set now, or null.</summary>
    public T? Value => Volatile.Read(ref _value);

    internal override void Set(object? value) => Volatile.Write(ref _value, (T?)value);
}

/// <summary>Settings of a port.</summary>
/// <typeparam name="T">A plain class.</typeparam>
/// <param name="id">Key, never changed once it was published.</param>
/// <param name="name">Name for people.</param>
/// <param name="type">How it becomes JSON: a property of a <c>JsonSerializerContext</c> of yours.</param>
public sealed class PortFeature<T>(Guid id, string name, JsonTypeInfo<T> type) : Feature<T>(id, name, FeatureScope.Port, type)
    where T : class, new()
{
    /// <summary>What is set for <paramref name="port"/> now, or null. Costs next to nothing.</summary>
    public T? Of(SwitchPort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        return (T?)port.SettingAt(Index);
    }
}

/// <summary>Something that an extension tells about itself while it runs, for scripts.</summary>
/// <param name="id">Key.</param>
/// <param name="name">Name for people.</param>
/// <param name="scope">Whom it is about.</param>
/// <param name="read">Makes the JSON for a port, or for the switch where the port is null; null when there is nothing to tell.</param>
internal sealed class FeatureData(Guid id, string name, FeatureScope scope, Func<SwitchPort?, JsonElement?> read)
{
    public Guid Id { get; } = id;

    public string Name { get; } = name;

    public FeatureScope Scope { get; } = scope;

    public JsonElement? Read(SwitchPort? port) => read(port);
}

/// <summary>The settings and data that an extension declares.</summary>
public sealed class FeatureSet
{
    private readonly List<Feature> _features = [];
    private readonly List<FeatureData> _data = [];

    /// <summary>Declared settings.</summary>
    internal IReadOnlyList<Feature> Features => _features;

    /// <summary>Declared data.</summary>
    internal IReadOnlyList<FeatureData> Data => _data;

    /// <summary>Declares settings.</summary>
    /// <exception cref="InvalidOperationException">Another feature has the same id.</exception>
    public void Add(Feature feature)
    {
        ArgumentNullException.ThrowIfNull(feature);
        if (_features.Exists(known => known.Id == feature.Id))
        {
            throw new InvalidOperationException($"Two features have the id {feature.Id:D}.");
        }

        feature.Index = _features.Count;
        _features.Add(feature);
    }

    /// <summary>Declares something that scripts can read while the extension runs.</summary>
    /// <typeparam name="T">A plain class.</typeparam>
    /// <param name="id">Key.</param>
    /// <param name="name">Name for people.</param>
    /// <param name="scope">Whom it is about.</param>
    /// <param name="type">How it becomes JSON.</param>
    /// <param name="read">Called for a port, or with null for the switch; null when there is nothing to tell.</param>
    public void AddData<T>(Guid id, string name, FeatureScope scope, JsonTypeInfo<T> type, Func<SwitchPort?, T?> read)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(read);
        _data.Add(new FeatureData(id, name, scope, port => read(port) is { } value ? JsonSerializer.SerializeToElement(value, type) : null));
    }
}
