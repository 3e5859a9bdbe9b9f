using System.Globalization;
using System.Xml.Linq;

namespace Vireo.Testing.Report;

/// <summary>Reads the result file of one test project as the runner wrote it.</summary>
internal static class TrxFile
{
    private static readonly XNamespace Schema = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>
    /// Every case of the file. A project whose runner broke off, or that left no file, counts as one failed case: silence is never a pass.
    /// </summary>
    public static IReadOnlyList<TestResult> Read(string project, string path)
    {
        if (!File.Exists(path))
        {
            return [Broken(project, $"The run left no result file ({path}); see its log.")];
        }

        XDocument document;
        try
        {
            document = XDocument.Load(path);
        }
        catch (System.Xml.XmlException exception)
        {
            return [Broken(project, $"The result file is cut off: {exception.Message}")];
        }

        var methods = document.Descendants(Schema + "UnitTest").ToDictionary(
            test => (string?)test.Attribute("id") ?? "",
            test => test.Element(Schema + "TestMethod") is { } method
                ? $"{(string?)method.Attribute("className")}.{Bare((string?)method.Attribute("name"))}"
                : "",
            StringComparer.Ordinal);
        var results = document.Descendants(Schema + "UnitTestResult").Select(result => Convert(project, result, methods)).ToList();
        var summary = document.Descendants(Schema + "ResultSummary").FirstOrDefault();
        var aborted = (string?)summary?.Attribute("outcome") is not ("Completed" or "Failed" or "Passed")
            || summary!.Descendants(Schema + "RunInfo").Any(info => (string?)info.Attribute("outcome") == "Error" && !results.Exists(r => r.Outcome == Outcome.Failed));
        if (aborted)
        {
            var text = string.Join('\n', summary?.Descendants(Schema + "Text").Select(element => element.Value) ?? []);
            results.Add(Broken(project, $"The run broke off. {text}"));
        }

        return results;
    }

    private static TestResult Convert(string project, XElement result, Dictionary<string, string> methods)
    {
        var name = (string?)result.Attribute("testName") ?? "?";
        var outcome = (string?)result.Attribute("outcome") switch
        {
            "Passed" => Outcome.Passed,
            "NotExecuted" => Outcome.Skipped,
            _ => Outcome.Failed,
        };
        var error = result.Descendants(Schema + "ErrorInfo").FirstOrDefault();
        var message = error is null ? "" : $"{(string?)error.Element(Schema + "Message")}\n{(string?)error.Element(Schema + "StackTrace")}".Trim();
        var method = methods.GetValueOrDefault((string?)result.Attribute("testId") ?? "", name);
        _ = TimeSpan.TryParse((string?)result.Attribute("duration"), CultureInfo.InvariantCulture, out var duration);
        return new TestResult(project, method, name, outcome, duration, message);
    }

    private static string Bare(string? method) => method is null ? "" : method.Split('(')[0];

    private static TestResult Broken(string project, string message) =>
        new(project, project, $"{project} (the whole run)", Outcome.Failed, TimeSpan.Zero, message);
}
