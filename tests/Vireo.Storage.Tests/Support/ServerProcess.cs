using System.Diagnostics;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Support;

/// <summary>A server of somebody else (nbdkit, qemu-nbd) on a Unix socket, as long as the test runs.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process) => _process = process;

    public static async Task<ServerProcess> StartAsync(string socketPath, string program, params string[] arguments)
    {
        var server = new ServerProcess(Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false })!);
        try
        {
            await Wait.UntilAsync(
                $"{program} listens on {socketPath}",
                () => server._process.HasExited ? throw new InvalidOperationException($"{program} ended with {server._process.ExitCode}.") : File.Exists(socketPath));
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }
}
