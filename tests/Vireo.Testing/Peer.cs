using System.Diagnostics;

namespace Vireo.Testing;

/// <summary>What a peer program printed, and how it ended.</summary>
public sealed record PeerResult(int ExitCode, string Output, string Error)
{
    /// <summary>Fails the test unless the program ended well; returns its output.</summary>
    public string Succeeded(string what) =>
        ExitCode == 0 ? Output : throw new InvalidOperationException($"{what} ended with {ExitCode}:\n{Output}\n{Error}");
}

/// <summary>Runs the programs of others (qemu-img, nbdinfo, tshark ...) that our work is compared with.</summary>
public static class Peer
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    /// <summary>Runs <paramref name="program"/> to its end and fails when it is not installed, hangs, or ends with an error.</summary>
    public static string Run(string program, params string[] arguments) =>
        TryRun(program, arguments).Succeeded($"{program} {string.Join(' ', arguments)}");

    /// <summary>Runs <paramref name="program"/> to its end, whatever that is.</summary>
    public static PeerResult TryRun(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException($"The test needs '{program}', which is not installed; run ./test, which installs what the tests need.", exception);
        }

        using (process)
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(s_limit))
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {s_limit}.");
            }

            process.WaitForExit();
            return new PeerResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
        }
    }
}
