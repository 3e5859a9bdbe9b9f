using Vireo.Testing;

namespace Vireo.Tidy.Tests;

/// <summary>The files of the checkout that people wrote: no build output, nothing generated, nothing ignored.</summary>
internal static class SourceTree
{
    private static readonly string[] LeftOut = ["bin", "obj", "out", ".git", ".vs", "TestResults", ".cache", "node_modules"];

    /// <summary>Paths relative to the root, with forward slashes, in order.</summary>
    public static IReadOnlyList<string> Files { get; } = Walk(Repository.Root).Order(StringComparer.Ordinal).ToList();

    /// <summary>The C# files below a folder: <c>src</c>, <c>tests</c>, or empty for all.</summary>
    public static IEnumerable<string> CSharp(string below = "") =>
        Files.Where(file => file.EndsWith(".cs", StringComparison.Ordinal) && (below.Length == 0 || file.StartsWith(below + "/", StringComparison.Ordinal)));

    /// <summary>The lines of a file.</summary>
    public static string[] Lines(string file) => File.ReadAllLines(Path.Combine(Repository.Root, file));

    /// <summary>The text of a file.</summary>
    public static string Text(string file) => File.ReadAllText(Path.Combine(Repository.Root, file));

    private static IEnumerable<string> Walk(string folder)
    {
        // The .git of a linked checkout is a file.
        foreach (var file in Directory.EnumerateFiles(folder).Where(file => !LeftOut.Contains(Path.GetFileName(file), StringComparer.Ordinal)))
        {
            yield return Path.GetRelativePath(Repository.Root, file).Replace('\\', '/');
        }

        foreach (var inner in Directory.EnumerateDirectories(folder))
        {
            if (LeftOut.Contains(Path.GetFileName(inner), StringComparer.Ordinal) || File.GetAttributes(inner).HasFlag(FileAttributes.ReparsePoint))
            {
                continue;
            }

            foreach (var file in Walk(inner))
            {
                yield return file;
            }
        }
    }
}
