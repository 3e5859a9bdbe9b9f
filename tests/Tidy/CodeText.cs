using System.Collections.Concurrent;
using System.Text;

namespace Vireo.Tidy.Tests;

/// <summary>Source with its comments and string contents blanked, so that a rule about code is not met by words.</summary>
internal static class CodeText
{
    private static readonly ConcurrentDictionary<string, string[]> s_known = new(StringComparer.Ordinal);

    /// <summary>
    /// The lines of a C# file with every comment and the inside of every literal replaced by spaces; positions stay.
    /// Raw strings are blanked whole: what is interpolated in them counts as text.
    /// </summary>
    public static string[] Lines(string text) => s_known.GetOrAdd(text, Blanked);

    private static string[] Blanked(string text)
    {
        var output = new StringBuilder(text.Length);
        var at = 0;
        while (at < text.Length)
        {
            at = Step(text, at, output);
        }

        return output.ToString().Split('\n');
    }

    private static int Step(string text, int at, StringBuilder output)
    {
        var rest = text.AsSpan(at);
        if (rest.StartsWith("//"))
        {
            var end = text.IndexOf('\n', at);
            return Blank(text, at, end < 0 ? text.Length : end, output);
        }

        if (rest.StartsWith("/*"))
        {
            var end = text.IndexOf("*/", at + 2, StringComparison.Ordinal);
            return Blank(text, at, end < 0 ? text.Length : end + 2, output);
        }

        if (rest.StartsWith("\"\"\""))
        {
            var quotes = 3;
            while (at + quotes < text.Length && text[at + quotes] == '"')
            {
                quotes++;
            }

            var end = text.IndexOf(new string('"', quotes), at + quotes, StringComparison.Ordinal);
            return Blank(text, at, end < 0 ? text.Length : end + quotes, output);
        }

        if (text[at] == '"')
        {
            var verbatim = at > 0 && (text[at - 1] == '@' || (at > 1 && text[at - 1] == '$' && text[at - 2] == '@'));
            return Blank(text, at, EndOfString(text, at, verbatim), output);
        }

        if (text[at] == '\'' && at + 2 < text.Length)
        {
            // A character literal; an apostrophe elsewhere in code does not exist in C#.
            var end = text[at + 1] == '\\' ? text.IndexOf('\'', at + 3) : text.IndexOf('\'', at + 2);
            return Blank(text, at, end < 0 ? text.Length : end + 1, output);
        }

        output.Append(text[at]);
        return at + 1;
    }

    private static int EndOfString(string text, int start, bool verbatim)
    {
        var depth = 0;
        var interpolated = start > 0 && (text[start - 1] == '$' || (start > 1 && text[start - 2] == '$'));
        for (var at = start + 1; at < text.Length; at++)
        {
            var character = text[at];
            if (character == '\\' && !verbatim && depth == 0)
            {
                at++;
            }
            else if (interpolated && character == '{')
            {
                if (at + 1 < text.Length && text[at + 1] == '{' && depth == 0)
                {
                    at++;
                }
                else
                {
                    depth++;
                }
            }
            else if (interpolated && character == '}' && depth > 0)
            {
                depth--;
            }
            else if (character == '"' && depth == 0)
            {
                if (verbatim && at + 1 < text.Length && text[at + 1] == '"')
                {
                    at++;
                    continue;
                }

                return at + 1;
            }
            else if (character == '"')
            {
                // A literal inside an interpolation hole.
                at = EndOfString(text, at, verbatim: false) - 1;
            }
        }

        return text.Length;
    }

    private static int Blank(string text, int from, int to, StringBuilder output)
    {
        for (var at = from; at < to; at++)
        {
            output.Append(text[at] is '\n' or '\r' ? text[at] : ' ');
        }

        return to;
    }
}
