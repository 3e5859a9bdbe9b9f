using System.Diagnostics;
using System.Globalization;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>
/// <c>vireo serve</c> keeps the planes running and leaves none behind. The real program runs from a folder in which scripts stand in for
/// the planes.
/// </summary>
public sealed class ServeTests : IDisposable
{
    private static readonly string[] Planes = ["vireo-host", "vireo-storage", "vireo-switch"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TempFolder _folder = new();
    private readonly List<Process> _started = [];

    public ServeTests()
    {
        var built = Path.Combine(Repository.Root, "src", "Vireo.Cli", "bin", Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!, "net8.0");
        foreach (var file in Directory.EnumerateFiles(built))
        {
            File.Copy(file, _folder[Path.GetFileName(file)]);
        }

        Directory.CreateDirectory(_folder["root"]);
        foreach (var plane in Planes)
        {
            var path = _folder[plane];
            File.WriteAllText(path, $"#!/bin/sh\necho $$ >{_folder[plane]}.new && mv {_folder[plane]}.new {_folder[plane]}.pid\nexec sleep 600\n");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public void Dispose()
    {
        foreach (var process in _started)
        {
            if (!process.HasExited)
            {
                process.Kill();
                process.WaitForExit();
            }

            process.Dispose();
        }

        // The kernel ends the planes of a killed 'serve'; only then may their folder go.
        foreach (var plane in Planes)
        {
            if (PidOf(plane) is { } pid)
            {
                Until(() => !Lives(pid), "the plane ends").GetAwaiter().GetResult();
            }
        }

        _folder.Dispose();
    }

    [Fact]
    public async Task A_plane_that_dies_is_started_again_and_down_stops_all()
    {
        var serve = Start("serve");
        var first = await AllRunAsync();
        using (var storage = Process.GetProcessById(first["vireo-storage"]))
        {
            storage.Kill();
        }

        await Until(() => PidOf("vireo-storage") is { } now && now != first["vireo-storage"], "the storage plane starts again");
        Assert.Equal(first["vireo-host"], PidOf("vireo-host"));
        var second = Start("serve");
        await second.WaitForExitAsync();
        Assert.Equal(1, second.ExitCode);

        var down = Start("down");
        await down.WaitForExitAsync();
        Assert.Equal(0, down.ExitCode);
        await serve.WaitForExitAsync();
        Assert.Equal(0, serve.ExitCode);
        Assert.All(Planes, plane => Assert.False(Lives(PidOf(plane)!.Value)));
    }

    [Fact]
    public async Task Killing_serve_leaves_no_plane_behind()
    {
        var serve = Start("serve");
        var planes = await AllRunAsync();
        serve.Kill();
        await serve.WaitForExitAsync();
        foreach (var (plane, pid) in planes)
        {
            await Until(() => !Lives(pid), $"{plane} ends with serve");
        }

        Start("serve");
        await Until(() => Planes.All(plane => PidOf(plane) is { } now && now != planes[plane]), "a new serve starts them");
    }

    private Process Start(string verb)
    {
        var start = new ProcessStartInfo(_folder["vireo"]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add("--root");
        start.ArgumentList.Add(_folder["root"]);
        start.ArgumentList.Add(verb);
        var process = Process.Start(start)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        _started.Add(process);
        return process;
    }

    private async Task<Dictionary<string, int>> AllRunAsync()
    {
        await Until(() => Planes.All(plane => PidOf(plane) is { } pid && Lives(pid)), "all planes run");
        return Planes.ToDictionary(static plane => plane, plane => PidOf(plane)!.Value, StringComparer.Ordinal);
    }

    private int? PidOf(string plane) =>
        File.Exists(_folder[plane] + ".pid") && int.TryParse(File.ReadAllText(_folder[plane] + ".pid"), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var pid) ? pid : null;

    /// <summary>A process that ended but was not waited for counts as ended.</summary>
    private static bool Lives(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/stat") is var stat && stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static async Task Until(Func<bool> condition, string what)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); await Task.Delay(20))
        {
            Assert.True(clock.Elapsed < Patience, $"This did not come to pass within {Patience.TotalSeconds} s: {what}.");
        }
    }
}
