using System.Globalization;
using System.Text.Json;

namespace Vireo.Cli.Output;

/// <summary>Text of a value in a table or list.</summary>
internal static class CellText
{
    /// <summary>One line of text.</summary>
    /// <param name="value">Any JSON.</param>
    /// <param name="scale">Numbers are divided by this, rounding down.</param>
    public static string Of(JsonElement value, long scale = 1) => value.ValueKind switch
    {
        JsonValueKind.String => OfString(value.GetString()!),
        JsonValueKind.Number when scale != 1 && value.TryGetInt64(out var number) => (number / scale).ToString(CultureInfo.InvariantCulture),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "True",
        JsonValueKind.False => "False",
        JsonValueKind.Array => "{" + string.Join(", ", value.EnumerateArray().Select(static element => Of(element))) + "}",
        JsonValueKind.Object => OfObject(value),
        _ => "",
    };

    /// <summary>Times lose their fractions, and control characters their power over the terminal.</summary>
    private static string OfString(string text)
    {
        if (text.Length >= 16 && text[^8] == '.' && TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out _))
        {
            return text[..^8];
        }

        if (text.Length >= 19 && text[4] == '-' && text[10] == 'T'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var time))
        {
            return time.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        }

        return Harmless(text);
    }

    /// <summary>Text with control characters replaced: names come from people and guests.</summary>
    public static string Harmless(string text)
    {
        foreach (var character in text)
        {
            if (char.IsControl(character))
            {
                return string.Create(text.Length, text, static (span, source) =>
                {
                    for (var i = 0; i < span.Length; i++)
                    {
                        span[i] = char.IsControl(source[i]) ? ' ' : source[i];
                    }
                });
            }
        }

        return text;
    }

    private static string OfObject(JsonElement value)
    {
        foreach (var name in (ReadOnlySpan<string>)["Name", "Description", "Id"])
        {
            if (value.TryGetProperty(name, out var property) && property.ValueKind == JsonValueKind.String && property.GetString() is { Length: > 0 } text)
            {
                return Harmless(text);
            }
        }

        return string.Join("; ", value.EnumerateObject().Select(static member => $"{member.Name}={Of(member.Value)}"));
    }
}
