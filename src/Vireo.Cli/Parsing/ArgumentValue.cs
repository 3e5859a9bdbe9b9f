using System.Globalization;
using System.Text.Json;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Parsing;

/// <summary>A value as the host wants it: JSON of the parameter's kind.</summary>
internal static class ArgumentValue
{
    /// <summary>Reads a typed word.</summary>
    /// <exception cref="CliException">It is not of the parameter's kind.</exception>
    public static JsonElement Read(CommandInfo command, ParameterInfo parameter, Word word, string currentFolder)
    {
        if (!word.IsQuoted && string.Equals(word.Text, "$null", StringComparison.OrdinalIgnoreCase))
        {
            return Json(static writer => writer.WriteNullValue());
        }

        if (parameter.Kind == ParameterKind.Map)
        {
            return Maps(command, parameter, word.Text, currentFolder);
        }

        return Json(writer =>
        {
            if (!parameter.IsArray)
            {
                Write(writer, command, parameter, word.Text, currentFolder);
                return;
            }

            writer.WriteStartArray();
            foreach (var part in word.SplitList())
            {
                Write(writer, command, parameter, part, currentFolder);
            }

            writer.WriteEndArray();
        });
    }

    /// <summary>True.</summary>
    public static JsonElement True { get; } = Json(static writer => writer.WriteBooleanValue(true));

    /// <summary>Several values as one array.</summary>
    public static JsonElement Array(IEnumerable<JsonElement> values) => Json(writer =>
    {
        writer.WriteStartArray();
        foreach (var value in values)
        {
            value.WriteTo(writer);
        }

        writer.WriteEndArray();
    });

    /// <summary>A JSON value as it is written.</summary>
    public static JsonElement Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            write(writer);
        }

        var reader = new Utf8JsonReader(stream.GetBuffer().AsSpan(0, (int)stream.Length));
        return JsonElement.ParseValue(ref reader);
    }

    private static JsonElement Maps(CommandInfo command, ParameterInfo parameter, string text, string currentFolder)
    {
        if (MapText.Read(text) is not { } maps || (!parameter.IsArray && maps.Count != 1))
        {
            throw new CliException("CannotConvertArgument", $"{command.Name}: the parameter '{parameter.Name}' is '{text}'; it must be a table such as @{{Name='text'; Other='text'}}.");
        }

        var read = maps.Select(map => Json(writer =>
        {
            writer.WriteStartObject();
            foreach (var (name, value) in map)
            {
                writer.WriteString(name, parameter.IsPath ? Absolute(command, parameter, value, currentFolder) : value);
            }

            writer.WriteEndObject();
        })).ToList();
        return parameter.IsArray ? Array(read) : read[0];
    }

    private static void Write(Utf8JsonWriter writer, CommandInfo command, ParameterInfo parameter, string text, string currentFolder)
    {
        switch (parameter.Kind)
        {
            case ParameterKind.Switch or ParameterKind.Boolean:
                writer.WriteBooleanValue(ValueText.TryBoolean(text, out var flag) ? flag : throw Wrong("$true or $false"));
                break;
            case ParameterKind.Byte or ParameterKind.Int16 or ParameterKind.UInt16 or ParameterKind.Int32 or ParameterKind.UInt32 or ParameterKind.Int64 or ParameterKind.UInt64:
                if (!ValueText.TryInteger(text, out var number))
                {
                    throw Wrong("a whole number such as 4 or 512MB");
                }

                var (minimum, maximum) = ValueText.Limits(parameter.Kind);
                if (number < minimum || number > maximum)
                {
                    throw Wrong($"a number from {minimum} to {maximum}");
                }

                writer.WriteRawValue(Accepted(number.ToString(CultureInfo.InvariantCulture)));
                break;
            case ParameterKind.Double:
                writer.WriteNumberValue(double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real) ? real : throw Wrong("a number"));
                break;
            case ParameterKind.Enum:
                writer.WriteStringValue(ValueText.TryEnum(parameter, text, out var member)
                    ? Accepted(member)
                    : throw Wrong("one of " + string.Join(", ", parameter.Values.Select(static value => value.Name))));
                break;
            case ParameterKind.TimeSpan:
                writer.WriteStringValue(ValueText.TryTimeSpan(text, out var span) ? span.ToString("c", CultureInfo.InvariantCulture) : throw Wrong("a time span such as 00:05:00"));
                break;
            case ParameterKind.DateTime:
                writer.WriteStringValue(ValueText.TryDateTime(text, out var time) ? time.ToString("o", CultureInfo.InvariantCulture) : throw Wrong("a date such as 2026-01-31T08:00"));
                break;
            case ParameterKind.Guid:
                writer.WriteStringValue(Guid.TryParse(text, out var id) ? id : throw Wrong("a GUID"));
                break;
            case ParameterKind.Version:
                writer.WriteStringValue(ValueText.TryVersion(text, out var version) ? version!.ToString() : throw Wrong("a version such as 1.0"));
                break;
            case ParameterKind.Object:
                throw Wrong($"a {parameter.TypeName.TrimEnd('[', ']')} object, which only a pipeline gives; name the object with another parameter");
            case ParameterKind.Credential:
                throw Wrong("a credential, which this command line does not take; sign in by other means");
            default:
                writer.WriteStringValue(parameter.IsPath ? Absolute(command, parameter, text, currentFolder) : Accepted(text));
                break;
        }

        string Accepted(string value) =>
            parameter.AcceptedValues.Count == 0 || parameter.AcceptedValues.Contains(value, StringComparer.OrdinalIgnoreCase)
                ? value
                : throw Wrong("one of " + string.Join(", ", parameter.AcceptedValues));

        CliException Wrong(string wanted) =>
            new("CannotConvertArgument", $"{command.Name}: the parameter '{parameter.Name}' is '{text}'; it must be {wanted}.");
    }

    /// <summary>Only the client knows the current folder. Names that the host completes, and URLs, stay as they are.</summary>
    private static string Absolute(CommandInfo command, ParameterInfo parameter, string text, string currentFolder)
    {
        if (HostPath.Refusal(text) is { } refusal)
        {
            throw new CliException("InvalidParameter", $"{command.Name}: {refusal}");
        }

        return text.Length == 0 || text.Contains("://", StringComparison.Ordinal) || text.StartsWith(@"\\", StringComparison.Ordinal) || (parameter.KeepBareName && !text.Contains('/', StringComparison.Ordinal) && text is not ("." or ".."))
            ? text
            : Path.GetFullPath(text.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), text[2..]) : text, currentFolder);
    }
}
