using Vireo.Commands.Framework;
using Vireo.Testing;

namespace Vireo.Commands.Tests.Surface;

/// <summary>
/// Names, types, positions, sets and pipeline binding of every command are the original's. A difference is listed in
/// <c>differences.txt</c> with its reason: one a line, <c>*</c> standing for anything, the reason after <c>--</c>.
/// </summary>
[Requirement("PS-1")]
public class SurfaceTests
{
    private static readonly IReadOnlyList<CommandDescriptor> Commands = Vireo.Commands.CommandTable.Descriptors;
    private static readonly string DifferencesPath = Path.Combine(Path.GetDirectoryName(ReferenceSurface.CopyPath)!, "differences.txt");

    [Fact]
    public void Every_difference_from_the_original_has_a_reason()
    {
        var reference = ReferenceSurface.Copy();
        var found = Commands.SelectMany(command => reference.TryGetValue(command.Info.Name, out var original)
            ? SurfaceComparison.Compare(command.Info, original)
            : [$"{command.Info.Name}: the command is not in the reference"]).ToList();
        var listed = Listed();
        var unlisted = found.Where(difference => !listed.Exists(entry => entry.Matches(difference))).ToList();
        var stale = listed.Where(entry => !found.Exists(entry.Matches)).Select(static entry => entry.Pattern).ToList();
        Assert.True(
            unlisted.Count == 0 && stale.Count == 0,
            $"{unlisted.Count} differences have no reason in {DifferencesPath}:\n{string.Join('\n', unlisted)}\n{stale.Count} listed ones are gone:\n{string.Join('\n', stale)}");
    }

    [Fact]
    public void The_copied_facts_are_those_of_the_reference()
    {
        if (ReferenceSurface.Whole() is not { } whole)
        {
            return; // The reference is not part of a checkout; the copy is.
        }

        var names = Commands.Select(static command => command.Info.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var text = ReferenceSurface.Text(whole.Where(command => names.Contains(command.Name)));
        if (Environment.GetEnvironmentVariable("VIREO_WRITE_REFERENCE") is not null)
        {
            File.WriteAllText(ReferenceSurface.CopyPath, text);
        }

        Assert.True(
            text == File.ReadAllText(ReferenceSurface.CopyPath),
            $"{ReferenceSurface.CopyPath} lacks a command or is old; run this test with VIREO_WRITE_REFERENCE=1.");
    }

    [Fact]
    public void Every_command_explains_itself()
    {
        var lacking = new List<string>();
        foreach (var info in Commands.Select(static command => command.Info))
        {
            Need(info.Synopsis.EndsWith('.'), "a doc comment of whole sentences");
            Need(info.Examples.Count > 0, "an [Example]");
            Need(info.Examples.All(example => example.Line.Contains(info.Name, StringComparison.Ordinal)), "examples that call it");
            Need(info.Errors.Count > 0, "a [CommandError]");
            Need(info.Errors.All(static error => Enum.TryParse<ErrorCategory>(error.Category, out _)), "categories that exist");
            Need(info.Parameters.All(static parameter => parameter.Help.Length > 0), "a doc comment on each parameter");
            Need(info.OutputTypes.All(static type => Vireo.Model.ModelJson.Default.GetTypeInfo(Type(type)) is not null), "output types that travel");
            void Need(bool has, string what)
            {
                if (!has)
                {
                    lacking.Add($"{info.Name} lacks {what}");
                }
            }
        }

        Assert.True(lacking.Count == 0, string.Join('\n', lacking));

        static Type Type(string name) => typeof(Microsoft.HyperV.PowerShell.VirtualMachine).Assembly.GetType(name) ?? typeof(object).Assembly.GetType(name) ?? throw new InvalidOperationException($"No type {name}.");
    }

    private static List<Entry> Listed()
    {
        var entries = new List<Entry>();
        foreach (var line in File.ReadLines(DifferencesPath))
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var parts = line.Split(" -- ", 2);
            Assert.True(parts.Length == 2 && parts[1].Length > 5, $"This line of differences.txt gives no reason: {line}");
            entries.Add(new Entry(parts[0].Trim()));
        }

        return entries;
    }

    private sealed record Entry(string Pattern)
    {
        public bool Matches(string difference)
        {
            var parts = Pattern.Split('*');
            if (!difference.StartsWith(parts[0], StringComparison.Ordinal) || !difference.EndsWith(parts[^1], StringComparison.Ordinal))
            {
                return false;
            }

            var at = 0;
            foreach (var part in parts)
            {
                var found = difference.IndexOf(part, at, StringComparison.Ordinal);
                if (found < 0)
                {
                    return false;
                }

                at = found + part.Length;
            }

            return parts.Length > 1 || difference.Length == Pattern.Length;
        }
    }
}
