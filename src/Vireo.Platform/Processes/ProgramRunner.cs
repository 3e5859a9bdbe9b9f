using System.ComponentModel;
using System.Diagnostics;

namespace Vireo.Platform.Processes;

/// <summary>How a short program ended.</summary>
/// <param name="ExitCode">Exit status; 128 plus the signal when one ended it; null when it did not end in time and was killed.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
public sealed record ProgramResult(int? ExitCode, string Output, string Error);

/// <summary>Runs short programs to their end.</summary>
public static class ProgramRunner
{
    /// <summary>Runs <paramref name="path"/> with a time limit; null when there is no such program.</summary>
    public static async Task<ProgramResult?> RunAsync(string path, IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken cancellationToken = default)
    {
        var start = new ProcessStartInfo(path, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            return null;
        }

        using (process)
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timer.CancelAfter(limit);
            int? exitCode = null;
            try
            {
                await process.WaitForExitAsync(timer.Token).ConfigureAwait(false);
                exitCode = process.ExitCode;
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }

            var result = new ProgramResult(exitCode, await output.ConfigureAwait(false), await error.ConfigureAwait(false));

            // The process does not close what was read from it.
            process.StandardOutput.Dispose();
            process.StandardError.Dispose();
            return result;
        }
    }
}
