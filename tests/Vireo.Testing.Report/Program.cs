using System.Globalization;
using Vireo.Testing.Report;

// vireo-test-report RESULTS [--requirements] [--specification FILE] NAME=ASSEMBLY...
// Reads RESULTS/NAME.trx of every project; prints what failed, and as the last line "N passed, N failed".
// The exit code is 0 only when something ran and nothing failed.
const int MessageLimit = 4000;
if (args.Length < 1)
{
    Console.Error.WriteLine("usage: vireo-test-report RESULTS [--requirements] [--specification FILE] NAME=ASSEMBLY...");
    return 2;
}

var folder = args[0];
var listRequirements = false;
string? specification = null;
var projects = new List<(string Name, string Assembly)>();
for (var index = 1; index < args.Length; index++)
{
    if (args[index] == "--requirements")
    {
        listRequirements = true;
    }
    else if (args[index] == "--specification" && index + 1 < args.Length)
    {
        specification = args[++index];
    }
    else if (args[index].Split('=', 2) is [var name, var assembly])
    {
        projects.Add((name, assembly));
    }
}

var results = projects.SelectMany(project => TrxFile.Read(project.Name, Path.Combine(folder, $"{project.Name}.trx"))).ToList();
if (listRequirements)
{
    var known = specification is null ? [] : RequirementReader.ReadSpecification(specification);
    RequirementTable.Print(known, projects.Where(project => File.Exists(project.Assembly)).SelectMany(project => RequirementReader.Read(project.Assembly)), results);
}

foreach (var slow in results.Where(result => result.Duration > TimeSpan.FromSeconds(20)).OrderByDescending(result => result.Duration).Take(10))
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"slow: {slow.Duration.TotalSeconds:0} s  {slow.DisplayName}"));
}

foreach (var skipped in results.Where(result => result.Outcome == Outcome.Skipped))
{
    Console.WriteLine($"skipped: {skipped.DisplayName}");
}

foreach (var failure in results.Where(result => result.Outcome == Outcome.Failed))
{
    Console.WriteLine($"FAILED: {failure.DisplayName}");
    var message = failure.Message.Length <= MessageLimit ? failure.Message : $"{failure.Message[..MessageLimit]} ...";
    Console.WriteLine("    " + message.Replace("\n", "\n    ", StringComparison.Ordinal));
}

var passed = results.Count(result => result.Outcome == Outcome.Passed);
var failed = results.Count(result => result.Outcome == Outcome.Failed);
var left = results.Count(result => result.Outcome == Outcome.Skipped);
Console.WriteLine(left == 0 ? $"{passed} passed, {failed} failed" : $"{passed} passed, {failed} failed, {left} skipped");
return failed == 0 && passed > 0 ? 0 : 1;
