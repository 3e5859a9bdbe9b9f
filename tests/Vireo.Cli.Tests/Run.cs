using Vireo.Cli.Output;

namespace Vireo.Cli.Tests;

/// <summary>One run of the program with streams of a test.</summary>
internal sealed record Run(int Status, string Out, string Error)
{
    public static async Task<Run> Async(IReadOnlyList<string> arguments, string input = "", bool interactive = false, CancellationToken cancellation = default)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var terminal = new Terminal(output, error, new StringReader(input), outIsScreen: false, errorIsScreen: false, isInteractive: interactive);
        var status = await Program.RunAsync(arguments, terminal, cancellation);
        return new Run(status, output.ToString(), error.ToString());
    }

    /// <summary>Against a host of the test.</summary>
    public static Task<Run> Async(FakeHost host, params string[] arguments) => Async(["--root", host.Root, .. arguments]);
}
