using System.Diagnostics;
using System.Text;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Support;

/// <summary>A switch plane as a process of its own, in a network namespace, which can be killed and started again.</summary>
internal sealed class PlaneProcess : IAsyncDisposable
{
    private readonly TestNetwork _network;
    private readonly TempFolder _root;
    private readonly StringBuilder _log = new();
    private Process? _process;

    private PlaneProcess(TestNetwork network, TempFolder root)
    {
        _network = network;
        _root = root;
        Paths = HostPaths.ForRoot(root.Path);
        Client = new SwitchControlClient(Paths.SwitchSocket);
    }

    public HostPaths Paths { get; }

    public SwitchControlClient Client { get; }

    public static async Task<PlaneProcess> StartAsync(TestNetwork network, string? crashAt = null)
    {
        var plane = new PlaneProcess(network, new TempFolder());
        try
        {
            await plane.StartAsync(crashAt);
            return plane;
        }
        catch
        {
            await plane.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it and returns when it answers.</summary>
    /// <param name="crashAt">Where it loses its power, for example <c>switch.applied:2</c>.</param>
    public async Task StartAsync(string? crashAt = null)
    {
        _process = _network.Start("env", $"VIREO_CRASH_AT={crashAt}", "VIREO_PACKET_THREADS=2", Path.Combine(AppContext.BaseDirectory, "vireo-switch"), "--root", _root.Path);
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Wait.UntilAsync(
            "the switch plane to answer",
            async () =>
            {
                Assert.False(_process.HasExited, _log.ToString());
                try
                {
                    return (await Client.GetHealthAsync()).ProcessId == _process.Id;
                }
                catch (ControlException exception) when (exception.Error.ErrorId == "PlaneUnreachable")
                {
                    return false;
                }
            },
            details: () => _log.ToString());
    }

    /// <summary>Ends it without a chance to do anything (SIGKILL).</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Does something that makes it end by itself, and waits for that.</summary>
    public async Task UntilItEndsAsync(Action cause)
    {
        cause();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        await _process!.WaitForExitAsync(limit.Token);
        _process.Dispose();
        _process = null;
    }

    /// <summary>Carries out a request; when the plane dies over it, starts the plane and asks again.</summary>
    /// <returns>Whether it died.</returns>
    public async Task<bool> InsistAsync(Func<SwitchControlClient, Task> request)
    {
        try
        {
            await request(Client);
            return false;
        }
        catch (PlaneUnreachableException)
        {
            await KillAsync();
            await StartAsync();
            await request(Client);
            return true;
        }
    }

    /// <summary>Asks it to end (SIGTERM).</summary>
    public async Task<int> StopAsync()
    {
        Peer.Run("kill", "-TERM", $"{_process!.Id}");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await _process.WaitForExitAsync(limit.Token);
        var code = _process.ExitCode;
        _process.Dispose();
        _process = null;
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            // Orderly, so that helpers of the plane end too.
            await StopAsync();
        }

        Client.Dispose();
        _root.Dispose();
    }

    private void Append(string? line)
    {
        lock (_log)
        {
            _log.AppendLine(line);
        }
    }
}
