using System.Text.RegularExpressions;

namespace Vireo.Tidy.Tests;

/// <summary>Rules about the text of the code itself.</summary>
public sealed partial class CodeTests
{
    private const int LongestFileLines = 700;

    /// <summary>
    /// Calls that have a better replacement, where they are banned, and what to use. A line that has its reason in a comment
    /// <c>// Allowed: reason</c> on it or just above is left alone.
    /// </summary>
    private static readonly (string Below, string Pattern, string Use)[] Banned =
    [
        ("src", @"\bThread\.Sleep\s*\(", "wait on the thing itself: an event, a pidfd, a timer of the TimeProvider"),
        ("src", @"\bDateTime(Offset)?\.(Utc)?Now\b", "TimeProvider, passed in"),
        ("src", @"\bRandom\.Shared\.", "a Random passed in, so that a seed replays"),
        ("src", @"\bcatch\s*(\(\s*Exception\s*\))?\s*\{\s*\}", "handle the error, or let it pass"),
        ("src", @"\bEnvironment\.Exit\s*\(", "return an exit code from Main"),
        ("src", @"\basync\s+void\b", "async Task"),
        ("src", @"\bGC\.Collect\s*\(", "nothing: memory is not collected by hand"),
        ("src", @"\bProcess\.GetProcessesByName\s*\(", "the process record (id and start time)"),
        ("src", @"\bWebApplication\.Create(Slim)?Builder\s*\(", "CreateEmptyBuilder: the others read settings from the working folder and watch all that is below it"),
        ("src/Vireo.Storage", @"\bTask\.Delay\s*\(", "a timer of the TimeProvider, passed in"),
        ("src/Vireo.Switch", @"\bTask\.Delay\s*\(", "a timer of the TimeProvider, passed in"),
        ("src/Vireo.Vhost", @"\bTask\.Delay\s*\(", "a timer of the TimeProvider, passed in"),
        ("src/Vireo.Disks", @"\bTask\.Delay\s*\(", "a timer of the TimeProvider, passed in"),
        ("tests", @"\bThread\.Sleep\s*\(", "wait on the thing itself with a deadline"),
        ("", @"\bSkip\s*=\s*", "a test that cannot run fails and says what is missing"),
        ("", @"\bNotImplementedException\b", "write it, or do not offer it"),
    ];

    /// <summary>Where unsafe code may live: the rooms that touch guest memory and the kernel.</summary>
    private static readonly string[] UnsafeRooms = ["src/Vireo.Platform/", "src/Vireo.Vhost/", "src/Vireo.Storage/", "src/Vireo.Switch/", "tests/", "benchmarks/"];

    [Fact]
    public void NoFileIsTooLongToRead() => Findings.None(
        $"A source file has at most {LongestFileLines} lines; split it by idea:",
        SourceTree.CSharp().Select(file => (file, Count: SourceTree.Lines(file).Length)).Where(pair => pair.Count > LongestFileLines).Select(pair => $"{pair.file}: {pair.Count} lines"));

    [Fact]
    public void BannedCallsAreNotUsed() => Findings.None(
        "Use the replacement, or say why not in a comment '// Allowed: reason' on the line above:",
        Banned.SelectMany(ban => SourceTree.CSharp(ban.Below).Where(file => !file.StartsWith("tests/Tidy/", StringComparison.Ordinal)).SelectMany(file => Find(file, ban.Pattern, ban.Use))));

    [Fact]
    public void EveryUnsafeBlockSaysWhyItIsSafe() => Findings.None(
        "An unsafe block opens with a comment '// SAFETY: ...' that says who keeps the memory alive and why the bounds hold:",
        SourceTree.CSharp("src").SelectMany(file => UnsafeBlocks(file).Where(block => !block.Explained).Select(block => $"{file}:{block.Line}")));

    [Fact]
    public void UnsafeStaysInItsRooms() => Findings.None(
        $"Unsafe code lives only in {string.Join(", ", UnsafeRooms)}:",
        SourceTree.CSharp().Where(file => !UnsafeRooms.Any(room => file.StartsWith(room, StringComparison.Ordinal)))
            .SelectMany(file => CodeText.Lines(SourceTree.Text(file)).Select((line, index) => (line, index)).Where(pair => UnsafeWord().IsMatch(pair.line)).Select(pair => $"{file}:{pair.index + 1}")));

    /// <summary>What <c>dotnet format</c> would do; asking it takes as long as building everything.</summary>
    [Fact]
    public void UsingsAreInOrder() => Findings.None(
        "Namespaces of System come first, then the others, then static ones, then names given; each by the alphabet ('dotnet format' does it):",
        SourceTree.CSharp().Where(file => Usings(file) is var found && !found.SequenceEqual(found.Order(StringComparer.OrdinalIgnoreCase))));

    [Fact]
    public void NothingIsLeftForLater() => Findings.None(
        "Do it, or leave it out:",
        SourceTree.CSharp().Where(file => !file.StartsWith("tests/Tidy/", StringComparison.Ordinal))
            .SelectMany(file => SourceTree.Lines(file).Select((line, index) => (line, index)).Where(pair => LeftForLater().IsMatch(pair.line)).Select(pair => $"{file}:{pair.index + 1}: {pair.line.Trim()}")));

    [Fact]
    public void DocCommentsSaySomething() => Findings.None(
        "An empty tag says nothing; leave it out:",
        SourceTree.CSharp().Where(file => !file.StartsWith("tests/Tidy/", StringComparison.Ordinal))
            .SelectMany(file => SourceTree.Lines(file).Select((line, index) => (line, index)).Where(pair => EmptyTag().IsMatch(pair.line)).Select(pair => $"{file}:{pair.index + 1}: {pair.line.Trim()}")));

    // The directives of a file, each with its kind before its name, so that they are in order when the alphabet says so.
    private static List<string> Usings(string file) =>
        [.. SourceTree.Lines(file).Select(line => UsingDirective().Match(line)).Where(match => match.Success).Select(match => (match.Groups["alias"], match.Groups["static"], match.Groups["name"]) switch
        {
            ({ Success: true } alias, _, _) => $"4 {alias.Value}",
            (_, { Success: true }, var name) => $"{(IsOfSystem(name.Value) ? 2 : 3)} {name.Value}",
            (_, _, var name) => $"{(IsOfSystem(name.Value) ? 0 : 1)} {name.Value}",
        })];

    private static bool IsOfSystem(string name) => name == "System" || name.StartsWith("System.", StringComparison.Ordinal);

    private static IEnumerable<string> Find(string file, string pattern, string use)
    {
        var original = SourceTree.Lines(file);
        var code = string.Join('\n', CodeText.Lines(SourceTree.Text(file)));
        foreach (Match match in Regex.Matches(code, pattern, RegexOptions.None, TimeSpan.FromMinutes(1)))
        {
            var line = code.AsSpan(0, match.Index).Count('\n');
            if (!Allowed(original, line))
            {
                yield return $"{file}:{line + 1}: {original[line].Trim()}  -> {use}";
            }
        }
    }

    // The reason may take several comment lines above the call.
    private static bool Allowed(string[] lines, int line)
    {
        for (var at = line; at >= 0 && (at == line || lines[at].TrimStart().StartsWith("//", StringComparison.Ordinal)); at--)
        {
            if (lines[at].Contains("// Allowed:", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The blocks <c>unsafe { ... }</c> and the members declared unsafe as a whole. One is explained when <c>// SAFETY:</c> stands in it or in the
    /// comment just above; a member without a body (an import) needs no explanation.
    /// </summary>
    private static IEnumerable<(int Line, bool Explained)> UnsafeBlocks(string file)
    {
        var original = SourceTree.Lines(file);
        var code = CodeText.Lines(SourceTree.Text(file));
        for (var line = 0; line < code.Length; line++)
        {
            if (!UnsafeWord().IsMatch(code[line]) || TypeOrDeclaration().IsMatch(code[line]) || HasNoBody(code, line))
            {
                continue;
            }

            yield return (line + 1, ExplainedAt(original, line, LastLine(code, line)));
        }
    }

    private static bool HasNoBody(string[] code, int line)
    {
        for (var at = line; at < code.Length; at++)
        {
            var body = code[at].IndexOfAny(['{', ';', '=']);
            if (body >= 0)
            {
                return code[at][body] == ';';
            }
        }

        return false;
    }

    // The line where the block or member that begins at a line ends: its closing brace, or the semicolon of an expression body.
    private static int LastLine(string[] code, int line)
    {
        var depth = 0;
        for (var at = line; at < code.Length; at++)
        {
            foreach (var character in code[at])
            {
                depth += character == '{' ? 1 : character == '}' ? -1 : 0;
                if ((character == '}' || character == ';') && depth == 0)
                {
                    return at;
                }
            }
        }

        return code.Length - 1;
    }

    private static bool ExplainedAt(string[] lines, int first, int last)
    {
        // Above: comments and attributes that belong to the block or member.
        var above = first - 1;
        while (above >= 0 && (lines[above].TrimStart().StartsWith("//", StringComparison.Ordinal) || lines[above].TrimStart().StartsWith('[')))
        {
            above--;
        }

        return lines[(above + 1)..(last + 1)].Any(text => text.Contains("SAFETY:", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^using (?<static>static )?((?<alias>\w+) = )?(?<name>[A-Z][^ (]*);$", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex UsingDirective();

    [GeneratedRegex(@"\bunsafe\b", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex UnsafeWord();

    // A type marked unsafe holds unsafe members, each of which is looked at by itself; fields and delegates have no code.
    [GeneratedRegex(@"\bunsafe\b.*\b(class|struct|interface|record|delegate)\b(?!\s*\*)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex TypeOrDeclaration();

    [GeneratedRegex(@"//.*\b(TODO|FIXME|XXX|HACK)\b", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex LeftForLater();

    [GeneratedRegex(@"<(?<tag>summary|param|returns|remarks|value|exception)\b[^>]*>\s*</\k<tag>>", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex EmptyTag();
}
