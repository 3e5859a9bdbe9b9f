using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>One plane as a process of its own, as users run it.</summary>
internal sealed class PlaneProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringWriter _log = new();

    private PlaneProcess(Process process) => _process = process;

    /// <summary>What it printed.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    public bool HasExited => _process.HasExited;

    public int Id => _process.Id;

    /// <summary>Starts <c>vireo-&lt;name&gt;</c> and waits until its socket answers.</summary>
    public static async Task<PlaneProcess> StartAsync(string name, string root, string? crashAt = null, bool waitForSocket = true, string? networkNamespace = null, (string Name, string Value)? variable = null, string? hostName = null)
    {
        var socket = Path.Combine(root, "run", $"{name}.sock");
        Directory.CreateDirectory(Path.GetDirectoryName(socket)!);
        if (waitForSocket)
        {
            File.Delete(socket);
        }

        var program = Path.Combine(AppContext.BaseDirectory, $"vireo-{name}");

        // `ip netns exec` becomes the program: the process is the plane itself.
        var start = networkNamespace is null
            ? new ProcessStartInfo(program, ["--root", root])
            : new ProcessStartInfo("ip", ["netns", "exec", networkNamespace, program, "--root", root]);
        if (hostName is not null)
        {
            // A name of its own; the shell becomes the program too.
            start = new ProcessStartInfo("unshare", ["--uts", "sh", "-c", "hostname \"$0\" && exec \"$@\"", hostName, start.FileName, .. start.ArgumentList]);
        }

        start = new ProcessStartInfo(start.FileName, start.ArgumentList)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["VIREO_CRASH_AT"] = crashAt ?? "";
        if (variable is var (key, value))
        {
            start.Environment[key] = value;
        }

        var plane = new PlaneProcess(Process.Start(start)!);
        plane._process.OutputDataReceived += plane.Note;
        plane._process.ErrorDataReceived += plane.Note;
        plane._process.BeginOutputReadLine();
        plane._process.BeginErrorReadLine();
        if (waitForSocket)
        {
            await Wait.UntilAsync($"vireo-{name} to listen", () => plane.HasExited || Answers(socket), TimeSpan.FromSeconds(60), () => plane.Log);
            Assert.False(plane.HasExited, plane.Log);
        }

        return plane;
    }

    /// <summary>Kills it as a power cut would.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
    }

    /// <summary>Asks it to end, as <c>vireo down</c> does; returns its exit status.</summary>
    public async Task<int> StopAsync()
    {
        Peer.Run("kill", "-TERM", Id.ToString(CultureInfo.InvariantCulture));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    // A socket that is bound does not listen yet: only a connection tells.
    private static bool Answers(string socket)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(socket));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Note(object sender, DataReceivedEventArgs line)
    {
        lock (_log)
        {
            _log.WriteLine(line.Data);
        }
    }
}
