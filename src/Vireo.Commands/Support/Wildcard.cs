namespace Vireo.Commands.Support;

/// <summary>PowerShell's wildcards: <c>*</c>, <c>?</c>, <c>[a-z]</c>, and the back-tick that takes the next character as it is. Case does not matter.</summary>
public static class Wildcard
{
    /// <summary>Whether <paramref name="pattern"/> has a wildcard at all.</summary>
    public static bool IsPattern(string pattern) => pattern.AsSpan().IndexOfAny("*?[") >= 0;

    /// <summary>Whether <paramref name="text"/> matches. Takes time in the product of the lengths at most, whatever the pattern.</summary>
    public static bool Matches(string pattern, string text)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(text);

        // Greedy with one point of return: only the last star needs to be remembered.
        int p = 0, t = 0, starPattern = -1, starText = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                starPattern = ++p;
                starText = t;
            }
            else if (p < pattern.Length && MatchOne(pattern, p, text[t], out var next))
            {
                p = next;
                t++;
            }
            else if (starPattern >= 0)
            {
                p = starPattern;
                t = ++starText;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }

        return p == pattern.Length;
    }

    private static bool MatchOne(string pattern, int at, char character, out int next)
    {
        next = at + 1;
        switch (pattern[at])
        {
            case '?':
                return true;
            case '`' when at + 1 < pattern.Length:
                next = at + 2;
                return Same(pattern[at + 1], character);
            case '[' when pattern.IndexOf(']', at + 1) is var end && end > at:
                next = end + 1;
                return InSet(pattern.AsSpan(at + 1, end - at - 1), character);
            default:
                return Same(pattern[at], character);
        }
    }

    private static bool InSet(ReadOnlySpan<char> set, char character)
    {
        var lower = char.ToLowerInvariant(character);
        for (var i = 0; i < set.Length; i++)
        {
            if (i + 2 < set.Length && set[i + 1] == '-')
            {
                if (lower >= char.ToLowerInvariant(set[i]) && lower <= char.ToLowerInvariant(set[i + 2]))
                {
                    return true;
                }

                i += 2;
            }
            else if (Same(set[i], character))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
