using System.Text.Json;
using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>The OpenAPI 3.1 description of the commands, made from the same facts as every other surface.</summary>
public static class OpenApiDocument
{
    /// <summary>Writes the document.</summary>
    public static void Write(Utf8JsonWriter writer, CommandRegistry registry, string version)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(registry);
        writer.WriteStartObject();
        writer.WriteString("openapi", "3.1.0");
        writer.WriteStartObject("info");
        writer.WriteString("title", "Vireo commands");
        writer.WriteString("version", version);
        writer.WriteString("description", "Each command is one operation. Its answer is a stream of records, one JSON object a line; the last is the record 'end'.");
        writer.WriteEndObject();
        writer.WriteStartObject("paths");
        foreach (var descriptor in registry.Commands)
        {
            Operation(writer, descriptor.Info);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Operation(Utf8JsonWriter writer, CommandInfo command)
    {
        writer.WriteStartObject($"/api/commands/{command.Name}");
        writer.WriteStartObject("post");
        writer.WriteString("operationId", command.Name);
        writer.WriteString("summary", command.Synopsis);
        if (command.Description.Length > 0)
        {
            writer.WriteString("description", command.Description);
        }

        writer.WriteStartObject("requestBody");
        writer.WriteBoolean("required", true);
        writer.WriteStartObject("content");
        writer.WriteStartObject("application/json");
        writer.WriteStartObject("schema");
        writer.WriteString("type", "object");
        writer.WriteStartObject("properties");
        Parameters(writer, command);
        foreach (var option in (string[])["whatIf", "confirm", "verbose", "asJob", "interactive"])
        {
            writer.WriteStartObject(option);
            writer.WriteString("type", "boolean");
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
        Responses(writer, command);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Parameters(Utf8JsonWriter writer, CommandInfo command)
    {
        writer.WriteStartObject("parameters");
        writer.WriteString("type", "object");
        writer.WriteBoolean("additionalProperties", false);
        writer.WriteStartObject("properties");
        foreach (var parameter in command.Parameters)
        {
            if (parameter.ClientSide)
            {
                continue;
            }

            writer.WriteStartObject(parameter.Name);
            writer.WriteString("description", parameter.Help);
            if (parameter.IsArray)
            {
                writer.WriteString("type", "array");
                writer.WriteStartObject("items");
                Schema(writer, parameter);
                writer.WriteEndObject();
            }
            else
            {
                Schema(writer, parameter);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        var needed = command.Parameters.Where(parameter => command.Sets.All(set => parameter.In(set) is { Mandatory: true })).ToList();
        if (needed.Count > 0)
        {
            writer.WriteStartArray("required");
            foreach (var parameter in needed)
            {
                writer.WriteStringValue(parameter.Name);
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }

    private static void Schema(Utf8JsonWriter writer, ParameterInfo parameter)
    {
        var (type, format) = parameter.Kind switch
        {
            ParameterKind.Switch or ParameterKind.Boolean => ("boolean", null),
            ParameterKind.Byte or ParameterKind.Int16 or ParameterKind.UInt16 or ParameterKind.Int32 => ("integer", "int32"),
            ParameterKind.UInt32 or ParameterKind.Int64 or ParameterKind.UInt64 => ("integer", "int64"),
            ParameterKind.Double => ("number", "double"),
            ParameterKind.Guid => ("string", "uuid"),
            ParameterKind.DateTime => ("string", "date-time"),
            ParameterKind.Object or ParameterKind.Map => ("object", null),
            ParameterKind.Any => (null, null),
            _ => ("string", (string?)null),
        };
        if (type is not null)
        {
            writer.WriteString("type", type);
        }

        if (format is not null)
        {
            writer.WriteString("format", format);
        }

        if (parameter.Minimum is { } minimum && parameter.Maximum is { } maximum)
        {
            writer.WriteNumber("minimum", minimum);
            writer.WriteNumber("maximum", maximum);
        }

        var words = parameter.Values.Count > 0 ? parameter.Values.Select(static value => value.Name) : parameter.AcceptedValues;
        if (words.Any())
        {
            writer.WriteStartArray("enum");
            foreach (var word in words)
            {
                writer.WriteStringValue(word);
            }

            writer.WriteEndArray();
        }
    }

    private static void Responses(Utf8JsonWriter writer, CommandInfo command)
    {
        writer.WriteStartObject("responses");
        Response(writer, "200", $"A stream of records. Objects: {(command.OutputTypes.Count == 0 ? "none" : string.Join(", ", command.OutputTypes))}. "
            + $"Errors: {(command.Errors.Count == 0 ? "none" : string.Join("; ", command.Errors.Select(static error => $"{error.ErrorId} ({error.Category}) when {error.When}")))}.");
        Response(writer, "400", "The parameters make no call of this command; an error record says why. Nothing was done.");
        writer.WriteEndObject();
    }

    private static void Response(Utf8JsonWriter writer, string status, string description)
    {
        writer.WriteStartObject(status);
        writer.WriteString("description", description);
        writer.WriteStartObject("content");
        writer.WriteStartObject(CommandRecord.MediaType);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
