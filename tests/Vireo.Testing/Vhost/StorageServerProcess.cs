using System.Diagnostics;
using System.Globalization;

namespace Vireo.Testing.Vhost;

/// <summary>
/// <c>vireo-storage serve IMAGE --vhost-user SOCKET</c> as a process of its own, so that it can be killed. The test project references
/// Vireo.Storage, which puts the program beside the tests.
/// </summary>
public sealed class StorageServerProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    private StorageServerProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it is gone.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it wrote to standard error; complete when it is gone.</summary>
    public Task<string> Errors => _errors;

    /// <summary>Starts to serve; the socket is there a moment later.</summary>
    /// <param name="image">Image file.</param>
    /// <param name="socketPath">At most 107 bytes.</param>
    /// <param name="crashAt">Value of <c>VIREO_CRASH_AT</c>: the named point at which the process kills itself.</param>
    /// <param name="queues">Queues that the disk has.</param>
    public static StorageServerProcess Start(string image, string socketPath, string? crashAt = null, int queues = 4)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "vireo-storage"), ["serve", image, "--vhost-user", socketPath, "--queues", queues.ToString(CultureInfo.InvariantCulture)])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        if (crashAt is not null)
        {
            start.Environment["VIREO_CRASH_AT"] = crashAt;
        }

        return new StorageServerProcess(Process.Start(start)!);
    }

    /// <summary>Connects, as soon as the server listens.</summary>
    public MockFrontEnd Connect(string socketPath)
    {
        var deadline = Stopwatch.StartNew();
        while (true)
        {
            if (Platform.Sockets.UnixConnection.TryConnect(socketPath) is { } connection)
            {
                return new MockFrontEnd(connection);
            }

            if (HasExited || deadline.Elapsed > TimeSpan.FromSeconds(60))
            {
                throw new IOException($"The storage server does not listen on '{socketPath}': {(HasExited ? _errors.Result : "it is still starting")}");
            }

            // Gives the process this long to get further, and returns early when it ends.
            _process.WaitForExit(10);
        }
    }

    /// <summary>SIGKILL, and waits until it is gone.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM: closes the image cleanly.</summary>
    public void Stop()
    {
        Peer.Run("kill", "-TERM", _process.Id.ToString(CultureInfo.InvariantCulture));
        _process.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }
}
