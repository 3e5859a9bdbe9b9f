using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;

namespace Vireo.Platform.Text;

/// <summary>
/// JSON of somebody who may be hostile. RFC 8259 (section 8.2) allows an escape that is half a surrogate pair, which is no Unicode text:
/// <see cref="JsonDocument"/> takes it and fails much later, with another error, where the name or the text is looked at. Here it is refused at once.
/// </summary>
public static class UnicodeJson
{
    /// <summary>Reads one value whose names and texts are all Unicode.</summary>
    /// <param name="json">UTF-8.</param>
    /// <param name="maximumDepth">Greatest depth of lists and objects in each other.</param>
    /// <exception cref="JsonException">It is not JSON, deeper than <paramref name="maximumDepth"/>, or a name or a text is not Unicode.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> json, int maximumDepth)
    {
        RequireUnicode(json.Span, maximumDepth);
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = maximumDepth });
        return document.RootElement.Clone();
    }

    /// <summary>Refuses a value with a name or a text that is not Unicode. An undefined value holds none.</summary>
    /// <exception cref="JsonException">A name or a text is not Unicode.</exception>
    public static void RequireUnicode(JsonElement value)
    {
        if (value.ValueKind is JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.String)
        {
            RequireUnicode(JsonMarshal.GetRawUtf8Value(value), maximumDepth: 1000);
        }
    }

    /// <summary>Refuses what <see cref="Parse"/> would refuse.</summary>
    /// <param name="json">UTF-8, one value.</param>
    /// <param name="maximumDepth">Greatest depth of lists and objects in each other.</param>
    /// <exception cref="JsonException">It is not JSON, deeper than <paramref name="maximumDepth"/>, or a name or a text is not Unicode.</exception>
    public static void RequireUnicode(ReadOnlySpan<byte> json, int maximumDepth)
    {
        if (!Utf8.IsValid(json))
        {
            throw new JsonException("It is not UTF-8.");
        }

        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = maximumDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String && reader.ValueIsEscaped)
            {
                RequirePairs(reader.ValueSpan);
            }
        }
    }

    /// <summary>Each escaped surrogate has its other half. The reader has checked that every escape is whole.</summary>
    private static void RequirePairs(ReadOnlySpan<byte> text)
    {
        var high = false;
        for (var at = 0; at < text.Length;)
        {
            var isUnit = text[at] == '\\' && text[at + 1] == 'u';
            var unit = isUnit ? (char)ushort.Parse(text.Slice(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) : '\0';
            if (char.IsLowSurrogate(unit) != high)
            {
                throw new JsonException("A text holds half a surrogate pair, which is not Unicode.");
            }

            high = char.IsHighSurrogate(unit);
            at += isUnit ? 6 : text[at] == '\\' ? 2 : 1;
        }

        if (high)
        {
            throw new JsonException("A text ends with half a surrogate pair, which is not Unicode.");
        }
    }
}
