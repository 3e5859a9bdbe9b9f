using System.Text.RegularExpressions;

namespace Vireo.Tidy.Tests;

/// <summary>Whatever reads bytes that a guest, an image or a peer made has a fuzzer.</summary>
public sealed partial class FuzzTests
{
    /// <summary>Readers of bytes that only Vireo itself wrote, or that a fuzzer reaches through another type; with the reason.</summary>
    private static readonly Dictionary<string, string> Covered = new(StringComparer.Ordinal)
    {
    };

    [Fact]
    public void EveryParserOfUntrustedBytesHasAFuzzer()
    {
        var fuzzers = SourceTree.CSharp("tests/Fuzz").SelectMany(file => Word().Matches(SourceTree.Text(file)).Select(match => match.Value)).ToHashSet(StringComparer.Ordinal);
        Findings.None(
            "Write a fuzz target in tests/Fuzz that names the type, or say in FuzzTests which target reaches it:",
            SourceTree.CSharp("src").SelectMany(file => Parsers(file).Where(parser => !Covered.ContainsKey(parser) && !fuzzers.Contains(parser))
                .Select(parser => $"{file}: {parser}")));
    }

    /// <summary>Types with a static method that reads or parses a span of bytes it is given: that is how every parser here looks.</summary>
    private static IEnumerable<string> Parsers(string file)
    {
        var type = "";
        var found = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in CodeText.Lines(SourceTree.Text(file)))
        {
            if (TypeName().Match(line) is { Success: true } match)
            {
                type = match.Groups["name"].Value;
            }
            else if (line.Contains("byte>", StringComparison.Ordinal) && ParserMethod().IsMatch(line) && type.Length > 0 && found.Add(type))
            {
                yield return type;
            }
        }
    }

    [GeneratedRegex(@"\w+", RegexOptions.None, 60_000)]
    private static partial Regex Word();

    [GeneratedRegex(@"^\s*(public|internal|private|file)?\s*((static|sealed|readonly|ref|partial|abstract|unsafe)\s+)*(class|struct|record struct|record|interface)\s+(?<name>\w+)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex TypeName();

    [GeneratedRegex(@"\b(public|internal)\s+static\s[^=;]*\b(Try)?(Parse|Decode|Deserialize)\w*\s*(<\w+>)?\(\s*(scoped\s+)?(in\s+)?Read(OnlySpan|OnlyMemory|OnlySequence)<byte>", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex ParserMethod();
}
