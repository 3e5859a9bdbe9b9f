using System.Diagnostics;
using System.Globalization;

namespace Vireo.Bench.Mobility;

/// <summary>What a guest's network saw of a move.</summary>
/// <param name="Milliseconds">Longest time between two answers.</param>
/// <param name="Lost">Questions that were never answered.</param>
/// <param name="Asked">Questions.</param>
/// <param name="StreamMilliseconds">Longest time between two pieces of a TCP stream.</param>
internal sealed record Silence(double Milliseconds, int Lost, int Asked, double StreamMilliseconds);

/// <summary>A <see cref="Listener"/> in another network.</summary>
internal sealed class Pings : IDisposable
{
    private readonly Process _process;

    /// <summary>Begins.</summary>
    /// <param name="network">Network namespace of who asks.</param>
    /// <param name="address">Address of the guest.</param>
    public Pings(string network, string address) => _process = Process.Start(
        new ProcessStartInfo("ip", ["netns", "exec", network, "dotnet", Path.Combine(AppContext.BaseDirectory, "vireo-bench.dll"), Listener.Verb, address])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;

    /// <summary>What was seen while something was done.</summary>
    public async Task<Silence> WatchAsync(Func<Task> action)
    {
        await AskAsync("watch");
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        await action();
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        var said = await AskAsync("tell");
        return said.Split(' ') is [var longest, var lost, var asked, var stream] && int.TryParse(lost, CultureInfo.InvariantCulture, out var count) && double.IsFinite(double.Parse(longest, CultureInfo.InvariantCulture))
            ? new(double.Parse(longest, CultureInfo.InvariantCulture), count, int.Parse(asked, CultureInfo.InvariantCulture), double.Parse(stream, CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"What listens to the guest says: {said}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<string> AskAsync(string what)
    {
        await _process.StandardInput.WriteLineAsync(what);
        await _process.StandardInput.FlushAsync();
        return await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("What listens to the guest ended: its errors are above.");
    }
}
