using System.Text.RegularExpressions;
using Vireo.Testing;

namespace Vireo.Tidy.Tests;

/// <summary>Documents tell the truth about the tree, and say nothing that does not belong to the project.</summary>
public sealed partial class DocumentTests
{
    /// <summary>Tops of the tree: a word in backquotes that begins with one of them is a path.</summary>
    private static readonly string[] Tops = ["src/", "tests/", "guests/", "benchmarks/", "docs/", "packaging/", ".ci/"];

    /// <summary>Paths that documents name before they exist on a machine: what a build makes.</summary>
    private static readonly string[] Made = ["out/", "TestResults/"];

    private static readonly string[] MustExist = ["README.md", "LICENSE", "ARCHITECTURE.md", "CONTRIBUTING.md"];

    private static IEnumerable<string> Documents => SourceTree.Files.Where(file => file.EndsWith(".md", StringComparison.Ordinal));

    [Fact]
    public void TheDocumentsThatPeopleLookForExist() =>
        Findings.None("A document is missing:", MustExist.Where(name => !File.Exists(Path.Combine(Repository.Root, name))));

    [Fact]
    public void EveryPathThatADocumentNamesExists() => Findings.None(
        "The path is gone; mend the document:",
        Documents.SelectMany(document => Quoted(document).Where(quoted => !Exists(document, quoted.Path)).Select(quoted => $"{document}:{quoted.Line}: {quoted.Path}")));

    [Fact]
    public void EveryLinkInADocumentLeadsSomewhere() => Findings.None(
        "The link leads nowhere; mend the document:",
        Documents.SelectMany(document => Links(document)
            .Where(link => !Path.Exists(Path.Combine(Repository.Root, Path.GetDirectoryName(document)!, link.Path)))
            .Select(link => $"{document}:{link.Line}: {link.Path}")));

    [Fact]
    public void EveryTypeThatADocumentNamesExists()
    {
        // Only names that carry the project's own prefix or end in .cs are certain to be meant as ours.
        var projects = SourceTree.Files.Where(file => file.EndsWith(".csproj", StringComparison.Ordinal)).Select(file => Path.GetFileNameWithoutExtension(file)).ToHashSet(StringComparer.Ordinal);
        projects.UnionWith(SourceTree.CSharp("src").SelectMany(SourceTree.Lines).Where(line => line.StartsWith("namespace ", StringComparison.Ordinal)).Select(line => line[10..].TrimEnd(';')));
        var files = SourceTree.Files.Select(file => Path.GetFileName(file)).ToHashSet(StringComparer.Ordinal);
        Findings.None(
            "The project or file is gone; mend the document:",
            Documents.SelectMany(document => Spans(document).Where(span =>
                (ProjectName().IsMatch(span.Text) && !projects.Any(project => project == span.Text || project.StartsWith(span.Text + ".", StringComparison.Ordinal)))
                || (FileName().IsMatch(span.Text) && !files.Contains(span.Text)))
                .Select(span => $"{document}:{span.Line}: {span.Text}")));
    }

    [Fact]
    public void NoFileNamesThePlaceOfACheckout()
    {
        // Below such folders lie checkouts, and much else that files may name.
        string[] common = ["/", "/home", "/mnt", "/opt", "/root", "/src", "/srv", "/tmp", "/usr", "/usr/src", "/var", "/var/tmp"];
        var places = new[] { Repository.Root, Path.GetDirectoryName(Repository.Root)! }.Except(common, StringComparer.Ordinal).ToList();
        var named = new Regex($@"(?<![\w.$}}/-])({string.Join('|', places.Select(Regex.Escape))})/", RegexOptions.ExplicitCapture, TimeSpan.FromMinutes(1));
        Findings.None(
            "Say where it is in the tree; every checkout is somewhere else:",
            places.Count == 0 ? [] : SourceTree.Files.Where(IsText).SelectMany(file => SourceTree.Lines(file).Select((line, index) => (line, index))
                .Where(pair => named.IsMatch(pair.line)).Select(pair => $"{file}:{pair.index + 1}: {pair.line.Trim()}")));
    }

    // A zero byte in the first kilobyte is in no text.
    private static bool IsText(string file)
    {
        using var stream = File.OpenRead(Path.Combine(Repository.Root, file));
        var beginning = new byte[1024];
        return !beginning.AsSpan(0, stream.Read(beginning)).Contains((byte)0);
    }

    private static bool Exists(string document, string path)
    {
        path = path.TrimEnd('/', '.', ',');
        var star = path.IndexOfAny(['*', '<', '{', '…']);
        if (star >= 0)
        {
            // A pattern names a folder and what lies in it; the folder must be there.
            path = path[..star];
            path = path[..(path.LastIndexOf('/') + 1)];
        }

        return Path.Exists(Path.Combine(Repository.Root, path)) || Path.Exists(Path.Combine(Repository.Root, Path.GetDirectoryName(document)!, path));
    }

    private static IEnumerable<(string Path, int Line)> Quoted(string document) => Spans(document)
        .Select(span => (Path: span.Text.Split(' ', ':', '#')[0], span.Line))
        .Where(span => Tops.Any(top => span.Path.StartsWith(top, StringComparison.Ordinal)) && !Made.Any(made => span.Path.StartsWith(made, StringComparison.Ordinal)));

    private static IEnumerable<(string Text, int Line)> Spans(string document) => SourceTree.Lines(document)
        .SelectMany((line, index) => BackQuoted().Matches(line).Select(match => (match.Groups["text"].Value.Trim(), index + 1)));

    private static IEnumerable<(string Path, int Line)> Links(string document) => SourceTree.Lines(document)
        .SelectMany((line, index) => Link().Matches(line).Select(match => (Path: match.Groups["path"].Value.Split('#')[0], Line: index + 1)))
        .Where(link => link.Path.Length > 0 && !link.Path.Contains("://", StringComparison.Ordinal) && !link.Path.StartsWith("mailto:", StringComparison.Ordinal));

    [GeneratedRegex("`(?<text>[^`]+)`", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex BackQuoted();

    [GeneratedRegex(@"\]\((?<path>[^)\s]+)\)", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^Vireo(\.[A-Z][A-Za-z]+)+$", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex ProjectName();

    [GeneratedRegex(@"^[A-Z][A-Za-z0-9]+\.cs$", RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex FileName();
}
