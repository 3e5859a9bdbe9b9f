using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Vireo.Platform.Files;
using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>
/// Reads one argument out of a request. Requests come from any client, so nothing is believed: each method checks the JSON kind, the
/// limits of the type and the parameter's own validation, and reports the errors that PowerShell would.
/// </summary>
/// <param name="command">The command being bound.</param>
/// <param name="parameter">The parameter being read.</param>
/// <param name="value">Its JSON.</param>
public readonly struct ArgumentReader(CommandInfo command, ParameterInfo parameter, JsonElement value)
{
    private const int MaximumElements = 100_000;

    /// <summary>The parameter being read.</summary>
    public ParameterInfo Parameter => parameter;

    /// <summary>True for JSON null.</summary>
    public bool IsNull => value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    /// <summary>Text. Numbers are taken as they are written.</summary>
    public string String()
    {
        var text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "True",
            JsonValueKind.False => "False",
            _ => throw CannotConvert("text"),
        };
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw CannotConvert("text");
        }

        if (parameter.NotEmpty && text.Length == 0)
        {
            throw Invalid("is empty; give a value");
        }

        RequireAccepted(text);
        if (parameter.IsPath && UncPath.IsUnc(text))
        {
            return !parameter.OnShare ? throw Invalid($"is '{text}', which is on a share, where only virtual hard disks can be")
                : UncPath.TryParse(text, out _, out var problem) ? text : throw Invalid($"is '{text}', which is no path of a file on a share: {problem}");
        }

        if (parameter.IsPath && !IsPlace(text))
        {
            throw Invalid($"is '{text}', which is no absolute path; the host does not know the caller's folder");
        }

        return text;
    }

    /// <summary>A flag.</summary>
    public Switch Switch() => new(Boolean());

    /// <summary>True or false, also as a number or the words.</summary>
    public bool Boolean() => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.GetDouble() != 0,
        JsonValueKind.String when ValueText.TryBoolean(value.GetString()!, out var flag) => flag,
        _ => throw CannotConvert("true or false"),
    };

    /// <summary>Unsigned, 8 bits.</summary>
    public byte Byte() => (byte)Integer();

    /// <summary>Signed, 16 bits.</summary>
    public short Int16() => (short)Integer();

    /// <summary>Unsigned, 16 bits.</summary>
    public ushort UInt16() => (ushort)Integer();

    /// <summary>Signed, 32 bits.</summary>
    public int Int32() => (int)Integer();

    /// <summary>Unsigned, 32 bits.</summary>
    public uint UInt32() => (uint)Integer();

    /// <summary>Signed, 64 bits.</summary>
    public long Int64() => (long)Integer();

    /// <summary>Unsigned, 64 bits.</summary>
    public ulong UInt64() => (ulong)Integer();

    /// <summary>Floating point.</summary>
    public double Double() => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) ? number : throw CannotConvert("a number");

    /// <summary>A GUID.</summary>
    public Guid Guid() => value.ValueKind == JsonValueKind.String && System.Guid.TryParse(value.GetString(), out var id) ? id : throw CannotConvert("a GUID");

    /// <summary>A span of time.</summary>
    public TimeSpan TimeSpan() =>
        value.ValueKind is JsonValueKind.String or JsonValueKind.Number && ValueText.TryTimeSpan(Raw(), out var span) ? span : throw CannotConvert("a time span such as 00:05:00");

    /// <summary>A point in time.</summary>
    public DateTime DateTime() =>
        value.ValueKind == JsonValueKind.String && ValueText.TryDateTime(Raw(), out var time) ? time : throw CannotConvert("a date such as 2026-01-31T08:00:00");

    /// <summary>A version.</summary>
    public Version Version() =>
        value.ValueKind is JsonValueKind.String or JsonValueKind.Number && ValueText.TryVersion(Raw(), out var version) ? version! : throw CannotConvert("a version such as 1.0");

    /// <summary>Any JSON.</summary>
    public JsonElement Any() => value.Clone();

    /// <summary>Names with texts; of two names that differ in case only, the last counts.</summary>
    public TextMap Map()
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw CannotConvert("a table such as @{Name='text'}");
        }

        var texts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var member in value.EnumerateObject())
        {
            if (texts.Count == TextMap.MaximumEntries)
            {
                throw Invalid($"has more than {TextMap.MaximumEntries} entries");
            }

            texts[member.Name] = new ArgumentReader(command, parameter, member.Value).String();
        }

        return new TextMap(texts);
    }

    /// <summary>A member of an enumeration, by name or number.</summary>
    public T Enum<T>()
        where T : struct, Enum
    {
        if (value.ValueKind is JsonValueKind.String or JsonValueKind.Number
            && System.Enum.TryParse<T>(Raw(), ignoreCase: true, out var member)
            && System.Enum.IsDefined(member))
        {
            RequireAccepted(member.ToString());
            return member;
        }

        throw CannotConvert($"one of {string.Join(", ", System.Enum.GetNames<T>())}");
    }

    /// <summary>An object of the model. Only its identity may be believed.</summary>
    public T Object<T>(JsonTypeInfo<T> type)
        where T : class
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw CannotConvert($"a {parameter.TypeName.TrimEnd('[', ']')} object");
        }

        try
        {
            return value.Deserialize(type) ?? throw CannotConvert($"a {typeof(T).Name} object");
        }
        catch (JsonException error)
        {
            throw CannotConvert($"a {typeof(T).Name} object", error);
        }
    }

    /// <summary>Several values; one value stands for an array of one.</summary>
    public T[] Array<T>(Func<ArgumentReader, T> read)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return [read(this)];
        }

        var length = value.GetArrayLength();
        if (length > MaximumElements)
        {
            throw Invalid($"has {length} values; at most {MaximumElements} are taken");
        }

        if (parameter.NotEmpty && length == 0)
        {
            throw Invalid("is empty; give a value");
        }

        var items = new T[length];
        var index = 0;
        foreach (var element in value.EnumerateArray())
        {
            var reader = new ArgumentReader(command, parameter, element);
            items[index++] = reader.IsNull ? throw Invalid("holds a null; give a value") : read(reader);
        }

        return items;
    }

    private void RequireAccepted(string text)
    {
        if (parameter.AcceptedValues.Count > 0 && !parameter.AcceptedValues.Contains(text, StringComparer.OrdinalIgnoreCase))
        {
            throw Invalid($"is '{text}'; it must be one of {string.Join(", ", parameter.AcceptedValues)}");
        }
    }

    // An address, or a bare name where that means something, is left to the command.
    private bool IsPlace(string text) => text.Length == 0 || Path.IsPathRooted(text) || text.Contains("://", StringComparison.Ordinal)
        || (parameter.KeepBareName && !text.Contains('/', StringComparison.Ordinal));

    private string Raw() => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private BigInteger Integer()
    {
        if (value.ValueKind is not (JsonValueKind.Number or JsonValueKind.String) || Raw() is not { Length: < 64 } text || !ValueText.TryInteger(text, out var number))
        {
            throw CannotConvert("a whole number");
        }

        var (minimum, maximum) = ValueText.Limits(parameter.Kind);
        if (number < minimum || number > maximum)
        {
            throw CannotConvert($"a whole number from {minimum} to {maximum}");
        }

        if (number < parameter.Minimum || number > parameter.Maximum)
        {
            throw Invalid($"is {number}; it must lie from {parameter.Minimum} to {parameter.Maximum}");
        }

        RequireAccepted(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return number;
    }

    private CommandException CannotConvert(string wanted, Exception? inner = null)
    {
        var shown = value.ToString();
        return new CommandException(
            "CannotConvertArgument",
            ErrorCategory.InvalidArgument,
            $"{command.Name}: the parameter '{parameter.Name}' is '{(shown.Length > 100 ? shown[..100] + "..." : shown)}'; it must be {wanted}.",
            parameter.Name,
            inner);
    }

    private CommandException Invalid(string what) =>
        new("ParameterArgumentValidationError", ErrorCategory.InvalidData, $"{command.Name}: the parameter '{parameter.Name}' {what}.", parameter.Name);
}
