using System.Diagnostics;

namespace Vireo.Bench;

/// <summary>Programs that run beside the benchmark. They end with it, in the reverse order of their start.</summary>
internal sealed class Children : IDisposable
{
    private readonly Stack<Process> _running = new();

    /// <summary>Starts a program; what it prints goes to <paramref name="log"/>.</summary>
    public Process Start(string program, IReadOnlyList<string> arguments, Action<string> log, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        process.OutputDataReceived += (_, line) => log(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => log(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _running.Push(process);
        return process;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_running.TryPop(out var process))
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
            }

            process.Dispose();
        }
    }
}
