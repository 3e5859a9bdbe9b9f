using System.Diagnostics;
using System.Net.Sockets;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Support;

/// <summary>A server of somebody else (nbdkit, qemu-nbd) on a Unix socket, as long as the test runs.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process) => _process = process;

    public static async Task<ServerProcess> StartAsync(string socketPath, string program, params string[] arguments)
    {
        var server = new ServerProcess(LastingThread.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false }));
        try
        {
            await Wait.UntilAsync(
                $"{program} listens on {socketPath}",
                () => server._process.HasExited ? throw new InvalidOperationException($"{program} ended with {server._process.ExitCode}.") : Greets(socketPath));
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    // A server that has only just made its socket may drop the first connection. Takes leave as the protocol asks (NBD_OPT_ABORT): some
    // servers take a connection that is cut off in the greeting amiss.
    private static bool Greets(string socketPath)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.ReceiveTimeout = 5000;
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            var answer = new byte[64];
            for (var received = 0; received < 18;)
            {
                var count = socket.Receive(answer, received, 18 - received, SocketFlags.None);
                if (count == 0)
                {
                    return false;
                }

                received += count;
            }

            socket.Send([0, 0, 0, 3, .. "IHAVEOPT"u8, 0, 0, 0, 2, 0, 0, 0, 0]);
            while (socket.Receive(answer) > 0)
            {
                // Its good-bye.
            }

            return true;
        }
        catch (SocketException)
        {
            return false;
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
