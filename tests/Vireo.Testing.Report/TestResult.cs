namespace Vireo.Testing.Report;

/// <summary>How one test case ended.</summary>
internal enum Outcome
{
    Passed,
    Failed,
    Skipped,
}

/// <summary>One test case of one run.</summary>
/// <param name="Project">Test project.</param>
/// <param name="Method">Full name of the test method, without arguments.</param>
/// <param name="DisplayName">Name with arguments.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Message">What a failure said, with its stack.</param>
internal sealed record TestResult(string Project, string Method, string DisplayName, Outcome Outcome, TimeSpan Duration, string Message);
