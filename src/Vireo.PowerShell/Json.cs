using System.Management.Automation;
using System.Text.Json;
using Microsoft.HyperV.PowerShell;
using Vireo.Model;
using Vireo.Surface;

namespace Vireo.PowerShell;

/// <summary>Arguments as JSON.</summary>
internal static class Json
{
    /// <summary>An object with the written members.</summary>
    public static JsonElement Object(Action<Utf8JsonWriter> members)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        var reader = new Utf8JsonReader(stream.GetBuffer().AsSpan(0, (int)stream.Length));
        return JsonElement.ParseValue(ref reader);
    }

    /// <summary>A bound value: of a type that the module's cmdlets declare.</summary>
    public static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value is PSObject wrapped ? wrapped.BaseObject : value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case SwitchParameter given:
                writer.WriteBooleanValue(given.IsPresent);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case Enum member:
                writer.WriteStringValue(member.ToString());
                break;
            case Guid id:
                writer.WriteStringValue(id);
                break;
            case DateTime time:
                writer.WriteStringValue(time);
                break;
            case VirtualizationObject item:
                JsonSerializer.Serialize(writer, item, ModelJson.Default.GetTypeInfo(item.GetType())!);
                break;
            case System.Collections.IDictionary map:
                writer.WriteStartObject();
                foreach (System.Collections.DictionaryEntry entry in map)
                {
                    writer.WritePropertyName(entry.Key.ToString() ?? "");
                    Write(writer, entry.Value);
                }

                writer.WriteEndObject();
                break;
            case Array items:
                writer.WriteStartArray();
                foreach (var item in items)
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong or double:
                writer.WriteRawValue(Convert.ToString(value is PSObject number ? number.BaseObject : value, System.Globalization.CultureInfo.InvariantCulture)!);
                break;
            case IFormattable formattable:
                writer.WriteStringValue(formattable.ToString(null, System.Globalization.CultureInfo.InvariantCulture));
                break;
            default:
                writer.WriteStringValue(value!.ToString());
                break;
        }
    }
}

/// <summary>Objects of the model out of records.</summary>
internal static class ModelObjects
{
    /// <summary>The typed object; JSON as it is when its type is not known to this version of the module.</summary>
    public static object Read(ObjectRecord record)
    {
        var type = record.Type == typeof(bool).FullName ? typeof(bool) : typeof(VirtualMachine).Assembly.GetType(record.Type);
        var json = type is null ? null : ModelJson.Default.GetTypeInfo(type);
        return json is null ? record.Value : record.Value.Deserialize(json)!;
    }
}
