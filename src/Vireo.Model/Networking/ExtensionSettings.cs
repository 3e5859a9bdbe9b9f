using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Microsoft.HyperV.PowerShell;

/// <summary>
/// Settings or data of an extension: names and values as its author declared them. A value is text, a number, true or false, a list, another such object, or
/// null. In PowerShell <c>$feature.SettingData.Limit = 5</c> changes one.
/// </summary>
[JsonConverter(typeof(ExtensionSettingsConverter))]
public sealed class ExtensionSettings : Dictionary<string, object?>
{
    /// <summary>Nothing yet; names differ by more than upper and lower case.</summary>
    public ExtensionSettings()
        : base(StringComparer.OrdinalIgnoreCase)
    {
    }

    /// <summary>The settings that a JSON object describes.</summary>
    public static ExtensionSettings Of(JsonElement json)
    {
        var settings = new ExtensionSettings();
        if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in json.EnumerateObject())
            {
                settings[property.Name] = Value(property.Value);
            }
        }

        return settings;
    }

    /// <summary>As JSON.</summary>
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            Write(writer, this);
        }

        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <inheritdoc/>
    public override string ToString() => ToJson();

    internal static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case System.Collections.IDictionary members:
                writer.WriteStartObject();
                foreach (System.Collections.DictionaryEntry member in members)
                {
                    writer.WritePropertyName(Convert.ToString(member.Key, CultureInfo.InvariantCulture)!);
                    Write(writer, member.Value);
                }

                writer.WriteEndObject();
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal:
                writer.WriteRawValue(Convert.ToString(value, CultureInfo.InvariantCulture)!);
                break;
            case System.Collections.IEnumerable items:
                writer.WriteStartArray();
                foreach (var item in items)
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                writer.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static object? Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => json.TryGetInt64(out var whole) ? whole : json.GetDouble(),
        JsonValueKind.Array => json.EnumerateArray().Select(Value).ToArray(),
        JsonValueKind.Object => Of(json),
        _ => null,
    };
}

/// <summary>Reads and writes <see cref="ExtensionSettings"/>.</summary>
public sealed class ExtensionSettingsConverter : JsonConverter<ExtensionSettings>
{
    /// <inheritdoc/>
    public override ExtensionSettings Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => ExtensionSettings.Of(JsonElement.ParseValue(ref reader));

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ExtensionSettings value, JsonSerializerOptions options) => ExtensionSettings.Write(writer, value);
}
