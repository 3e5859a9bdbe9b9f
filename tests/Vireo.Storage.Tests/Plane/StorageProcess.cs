using System.Diagnostics;
using Vireo.Control;
using Vireo.Control.Storage;

namespace Vireo.Storage.Tests.Plane;

/// <summary>A storage plane as its own process, with a root folder of its own.</summary>
internal sealed class StorageProcess : IDisposable
{
    private readonly Process _process;

    private StorageProcess(Process process, HostPaths paths)
    {
        _process = process;
        Paths = paths;
        Client = new StorageControlClient(paths.StorageSocket);
    }

    public HostPaths Paths { get; }

    public StorageControlClient Client { get; }

    public int Id => _process.Id;

    public static async Task<StorageProcess> StartAsync(string root, string? crashAt = null, string? workingFolder = null)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "vireo-storage"), ["--root", root]) { UseShellExecute = false, WorkingDirectory = workingFolder };
        if (crashAt is not null)
        {
            start.Environment["VIREO_CRASH_AT"] = crashAt;
        }

        var plane = new StorageProcess(Process.Start(start)!, HostPaths.ForRoot(root));
        var deadline = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await plane.Client.GetHealthAsync();
                return plane;
            }
            catch (ControlException) when (deadline.Elapsed < TimeSpan.FromSeconds(60) && !plane._process.HasExited)
            {
                await Task.Delay(20);
            }
        }
    }

    /// <summary>kill -9, as a power cut for the process.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM; returns the exit code.</summary>
    public int Stop()
    {
        Vireo.Testing.Peer.Run("kill", _process.Id.ToString());
        Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(60)), "the plane did not stop");
        return _process.ExitCode;
    }

    public void WaitForExit() => Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(60)), "the plane did not end");

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }
}
