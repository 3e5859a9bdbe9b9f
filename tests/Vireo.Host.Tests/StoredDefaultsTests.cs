using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Host.Store;
using Vireo.Machines;

namespace Vireo.Host.Tests;

/// <summary>
/// A file of an older version lacks what a newer one adds: each setting that is left out has its default, not nothing. (Generated readers give what is
/// <c>init</c> the default of its type instead of its own; what is <c>set</c> they leave alone.)
/// </summary>
public sealed class StoredDefaultsTests
{
    // That of running machines is nobody else's business.
    private static readonly JsonSerializerContext s_machines = (JsonSerializerContext)typeof(MachineDriver).Assembly.GetTypes()
        .Single(type => type.Name == "MachineJson").GetProperty("Default")!.GetValue(null)!;

    private static readonly JsonSerializerContext[] s_contexts = [StoreJson.Default, s_machines, StorageJson.Default, SwitchJson.Default];

    [Fact]
    public void What_is_left_out_has_its_default()
    {
        List<string> wrong = [];
        var looked = 0;
        foreach (var context in s_contexts)
        {
            var roots = context.GetType().GetProperties().Where(property => property.PropertyType.IsAssignableTo(typeof(JsonTypeInfo))).Select(property => ((JsonTypeInfo)property.GetValue(context)!).Type);
            foreach (var type in roots.Where(type => type.GetConstructor(Type.EmptyTypes) is not null && context.GetTypeInfo(type) is { Kind: JsonTypeInfoKind.Object }))
            {
                looked++;
                wrong.AddRange(Wrong(context.GetTypeInfo(type)!).Select(name => $"{type.Name}.{name}"));
            }
        }

        Assert.True(looked >= 10, $"Only {looked} types were looked at.");
        Assert.True(wrong.Count == 0, $"Left out, these are not what a new object has:\n{string.Join('\n', wrong.Distinct())}");
    }

    private static List<string> Wrong(JsonTypeInfo info)
    {
        var read = JsonSerializer.Deserialize(Least(info), info)!;
        var made = Activator.CreateInstance(info.Type)!;
        return [.. info.Properties.Where(property => !property.IsRequired && property.Get is not null)
            .Where(property => JsonSerializer.Serialize(property.Get!(read), property.PropertyType, info.Options) != JsonSerializer.Serialize(property.Get!(made), property.PropertyType, info.Options))
            .Select(property => property.Name)];
    }

    /// <summary>An object with nothing but what must be there.</summary>
    private static JsonObject Least(JsonTypeInfo info) => new(
        info.Properties.Where(property => property.IsRequired).Select(property => KeyValuePair.Create(property.Name, Something(property.PropertyType, info.Options))));

    private static JsonNode? Something(Type type, JsonSerializerOptions options) => type switch
    {
        _ when type == typeof(string) => "text",
        _ when type == typeof(Guid) => Guid.NewGuid().ToString(),
        _ when type == typeof(DateTimeOffset) => DateTimeOffset.UnixEpoch.ToString("O"),
        _ when type.IsEnum => Enum.GetNames(type)[0],
        _ when type.IsPrimitive => JsonValue.Create(type == typeof(bool) ? 0 : 1),
        _ when type.IsAssignableTo(typeof(System.Collections.IEnumerable)) => new JsonArray(),
        _ => Least(options.GetTypeInfo(type)),
    };
}
