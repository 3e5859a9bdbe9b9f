using System.Diagnostics;
using System.Net.Sockets;
using Vireo.Testing.Guests;

namespace Vireo.Bench.Machines;

/// <summary>Sees how long a guest stands still: it writes to its second serial port all the time, and the longest silence counts.</summary>
internal sealed class Pauses : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private Task _reading = Task.CompletedTask;
    private long _longest;

    /// <summary>Has the guest write, and change memory, until it ends.</summary>
    public static async Task<Pauses> BeginAsync(SerialShell shell, string port)
    {
        await shell.CheckAsync("stty -F /dev/ttyS1 raw -echo; (while :; do echo x; usleep 2000; done >/dev/ttyS1) & (while :; do dd if=/dev/urandom of=/dev/shm/dirty bs=64k count=256; done) >/dev/null 2>&1 &");
        var pauses = new Pauses();
        await pauses._socket.ConnectAsync(new UnixDomainSocketEndPoint(port));
        pauses._reading = pauses.ReadAsync();
        return pauses;
    }

    /// <summary>The longest silence while something was done, in milliseconds.</summary>
    public async Task<double> LongestAsync(Func<Task> action)
    {
        Interlocked.Exchange(ref _longest, 0);
        await action();

        // What the guest wrote just afterwards tells how long it stood still.
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        return Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _longest)).TotalMilliseconds;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[4096];
        var last = Stopwatch.GetTimestamp();
        try
        {
            while (await _socket.ReceiveAsync(buffer, _stop.Token) > 0)
            {
                var now = Stopwatch.GetTimestamp();
                Interlocked.Exchange(ref _longest, Math.Max(_longest, now - last));
                last = now;
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException)
        {
            // The guest was ended, or nobody listens any more.
        }
    }
}
