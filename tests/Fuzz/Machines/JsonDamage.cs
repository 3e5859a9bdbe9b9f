using System.Text;

namespace Vireo.Fuzz.Tests.Machines;

/// <summary>Damages text that was right: flips, cuts, repeats, and puts in what parsers stumble over.</summary>
internal static class JsonDamage
{
    private static readonly string[] s_traps =
    [
        "null", "true", "-1", "1e999", "9223372036854775808", "0.5", "\"\"", "\"\\ud800\"", "\\udc00", "\\ud83d\\ude00", "\"\\u0000\"", "[]", "{}", "[[[[[[[[", "{\"a\":", "\xFF", "\\", ",", ":",
    ];

    public static byte[] Apply(string text, Random random)
    {
        for (var damages = random.Next(4); damages > 0; damages--)
        {
            var at = random.Next(text.Length + 1);
            var length = random.Next(Math.Min(20, text.Length - at) + 1);
            text = random.Next(4) switch
            {
                0 => text.Remove(at, length),
                1 => text.Insert(at, text.Substring(at, length)),
                2 => ReplaceValue(text, random),
                _ => text.Insert(at, s_traps[random.Next(s_traps.Length)]),
            };
        }

        var bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length > 0 && random.Next(4) == 0)
        {
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        }

        return bytes;
    }

    /// <summary>Puts another kind of value where one stood, so that the text stays JSON and the shape is wrong.</summary>
    private static string ReplaceValue(string text, Random random)
    {
        var colons = Enumerable.Range(0, text.Length).Where(index => text[index] == ':').ToArray();
        if (colons.Length == 0)
        {
            return text;
        }

        var start = colons[random.Next(colons.Length)] + 1;
        var end = text.IndexOfAny([',', '}', ']'], start);
        return end < 0 ? text : text[..start] + s_traps[random.Next(s_traps.Length)] + text[end..];
    }
}
