namespace Vireo.Testing.Report;

/// <summary>Each requirement with the tests that show it and how they ended.</summary>
internal static class RequirementTable
{
    /// <summary>
    /// Prints the table. A requirement is shown when it has tests and all of them ran and passed; ids that only tests name are listed too,
    /// so that a mistyped id is seen.
    /// </summary>
    public static void Print(IReadOnlyList<string> known, IEnumerable<(string Method, string Id)> shownBy, IReadOnlyList<TestResult> results)
    {
        var outcomes = results.ToLookup(result => result.Method, StringComparer.Ordinal);
        var tests = shownBy.Distinct().ToLookup(pair => pair.Id, pair => pair.Method, StringComparer.Ordinal);
        var unknown = tests.Select(group => group.Key).Where(id => known.Count > 0 && !known.Contains(id, StringComparer.Ordinal)).ToList();
        var ids = known.Count > 0 ? known.Concat(unknown) : tests.Select(group => group.Key).Order(StringComparer.Ordinal);
        var shown = 0;
        var total = 0;
        foreach (var id in ids)
        {
            total++;
            var methods = tests[id].Order(StringComparer.Ordinal).ToList();
            var states = methods.ConvertAll(method => State(outcomes[method]));
            var state = methods.Count == 0 ? "no test" : states.Contains("failed", StringComparer.Ordinal) ? "FAILED" : states.TrueForAll(s => s == "passed") ? "passed" : "not all run";
            shown += state == "passed" ? 1 : 0;
            Console.WriteLine($"{id,-7} {state}{(unknown.Contains(id, StringComparer.Ordinal) ? " (not in the specification)" : "")}");
            for (var index = 0; index < methods.Count; index++)
            {
                Console.WriteLine($"        {states[index],-7} {methods[index]}");
            }
        }

        Console.WriteLine($"{shown} of {total} requirements have tests that all passed.");
    }

    private static string State(IEnumerable<TestResult> cases)
    {
        var list = cases.ToList();
        return list.Count == 0 ? "not run"
            : list.Exists(result => result.Outcome == Outcome.Failed) ? "failed"
            : list.TrueForAll(result => result.Outcome == Outcome.Skipped) ? "skipped"
            : "passed";
    }
}
