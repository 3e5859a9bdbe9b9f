using System.Diagnostics;
using System.Globalization;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Bench.Storage;

/// <summary>A storage plane as a host has it, in a root folder of its own.</summary>
internal sealed class StoragePlane : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private readonly Process _process;

    private StoragePlane(Process process, string socket)
    {
        _process = process;
        Client = new StorageControlClient(socket);
    }

    /// <summary>Its control interface.</summary>
    public StorageControlClient Client { get; }

    /// <summary>Memory of the process that is in use now, in megabytes.</summary>
    public double MemoryMegabytes
    {
        get
        {
            var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{_process.Id}/status")).First(static line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return double.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        }
    }

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<StoragePlane> StartAsync(string root)
    {
        var process = LastingThread.Start(new ProcessStartInfo(StorageBench.Vireo, ["--root", root]) { UseShellExecute = false, RedirectStandardOutput = true });
        _ = process.StandardOutput.ReadToEndAsync();
        var plane = new StoragePlane(process, HostPaths.ForRoot(root).StorageSocket);
        var begin = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await plane.Client.GetHealthAsync();
                return plane;
            }
            catch (ControlException) when (Stopwatch.GetElapsedTime(begin) < s_patience && !process.HasExited)
            {
                await Task.Delay(10);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Client.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
