using System.Diagnostics;
using Vireo.Testing;

namespace Vireo.Bench.Storage;

/// <summary>A program that serves one image on a Unix socket, started for a comparison and ended with it.</summary>
internal sealed class DiskServer : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private readonly Process? _process;

    private DiskServer(string name, string socketPath, Process? process)
    {
        Name = name;
        SocketPath = socketPath;
        _process = process;
    }

    /// <summary>What the table calls it.</summary>
    public string Name { get; }

    /// <summary>Where it listens.</summary>
    public string SocketPath { get; }

    /// <summary>The same as fio and libnbd name it.</summary>
    public string Uri => $"nbd+unix:///?socket={SocketPath}";

    /// <summary>A socket that somebody else serves and ends.</summary>
    public static DiskServer At(string name, string socketPath) => new(name, socketPath, null);

    /// <summary>Starts <paramref name="program"/> and waits for its socket.</summary>
    /// <exception cref="InvalidOperationException">It ended, or did not listen in time.</exception>
    public static async Task<DiskServer> StartAsync(string name, string socketPath, string program, params IReadOnlyList<string> arguments)
    {
        File.Delete(socketPath);
        var process = LastingThread.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true });
        _ = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        var begin = Stopwatch.GetTimestamp();
        while (true)
        {
            using var connection = Platform.Sockets.UnixConnection.TryConnect(socketPath);
            if (connection is not null)
            {
                return new DiskServer(name, socketPath, process);
            }

            if (process.HasExited)
            {
                throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}");
            }

            if (Stopwatch.GetElapsedTime(begin) > s_patience)
            {
                process.Kill();
                throw new InvalidOperationException($"{program} does not listen on {socketPath}.");
            }

            await Task.Delay(10);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is null)
        {
            return;
        }

        if (!_process.HasExited)
        {
            // As an administrator would: the image is closed cleanly.
            await Tool.OutputAsync("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            using var limit = new CancellationTokenSource(s_patience);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
    }
}
