using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Vireo.Testing.Guests;

/// <summary>How a command in the guest ended.</summary>
public sealed record GuestResult(int ExitCode, string Output);

/// <summary>
/// The root shell on the guest's serial console, driven from the host: how a test looks from inside. It needs neither agent nor network, so it works
/// while those are what is tested. Commands run one after the other.
/// </summary>
public sealed class SerialShell : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly StringBuilder _unread = new();
    private readonly byte[] _buffer = new byte[4096];
    private readonly SemaphoreSlim _turn = new(1, 1);
    private int _number;

    private SerialShell(Socket socket) => _socket = socket;

    /// <summary>
    /// Opens the shell behind the serial socket of a running guest. Nothing is typed before <paramref name="logPath"/>, where the console is written
    /// too, says that the guest is up: firmware and boot loaders take what is typed for themselves. Null when it is known to be up.
    /// </summary>
    public static async Task<SerialShell> OpenAsync(string socketPath, string? logPath, TimeSpan? limit = null)
    {
        if (logPath is not null)
        {
            await WaitForLineAsync(logPath, GuestDisk.ReadyLine, limit ?? TimeSpan.FromMinutes(3));
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath));
            var shell = new SerialShell(socket);

            // The shell starts just after the line; what was typed before is lost, so ask until it answers.
            await shell.AskUntilAnsweredAsync("stty -echo; PS1= PS2=; ");

            // An interactive shell edits its lines: it changes the terminal's mode around every command and drops what it has read when a child ends at that
            // moment. One that reads a script from the same terminal does neither.
            await shell.AskUntilAnsweredAsync("[ -n \"$SCRIPTED\" ] || SCRIPTED=1 exec sh /proc/self/fd/0\n");
            return shell;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Returns when a line with <paramref name="text"/> is in the console's log.</summary>
    public static Task WaitForLineAsync(string logPath, string text, TimeSpan limit) => Wait.UntilAsync(
        $"'{text}' on the console ({logPath})",
        () => ReadLog(logPath).Contains(text, StringComparison.Ordinal),
        limit,
        () => $"The console's last lines:\n{LastLines(ReadLog(logPath), 25)}");

    /// <summary>Runs a command line in the guest's shell and returns its exit status with what it printed (both streams).</summary>
    /// <exception cref="TimeoutException">It did not end within <paramref name="limit"/> (60 s unless told).</exception>
    public async Task<GuestResult> RunAsync(string command, TimeSpan? limit = null)
    {
        await _turn.WaitAsync();
        try
        {
            // The marks are written so that the command line itself, should it be echoed, does not contain them.
            var number = ++_number;
            await SendAsync($"echo be''gin-{number}; {{ {command}\n}} 2>&1 </dev/null; echo en''d-{number}:$?:\n");
            await ReadUntilAsync($"begin-{number}\r\n", limit ?? TimeSpan.FromSeconds(60));
            var output = await ReadUntilAsync($"end-{number}:", limit ?? TimeSpan.FromSeconds(60));
            var status = await ReadUntilAsync(":", TimeSpan.FromMinutes(1));
            return new GuestResult(int.Parse(status, CultureInfo.InvariantCulture), OfTheCommand(output.Replace("\r\n", "\n", StringComparison.Ordinal)));
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Runs a command line that must end well and returns what it printed, trimmed.</summary>
    public async Task<string> CheckAsync(string command, TimeSpan? limit = null)
    {
        var result = await RunAsync(command, limit);
        return result.ExitCode == 0
            ? result.Output.Trim()
            : throw new InvalidOperationException($"In the guest '{command}' ended with {result.ExitCode}:\n{result.Output}");
    }

    /// <summary>
    /// Returns when something in the guest listens at a TCP port. What a command leaves running in the background is not there yet when the command
    /// has ended, so a client may only be started after this.
    /// </summary>
    public Task ListensAsync(int port) => CheckAsync($"until cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':{port:X4} [0:]* 0A '; do usleep 50000; done", TimeSpan.FromMinutes(2));

    /// <summary>Types without waiting for an answer: for <c>poweroff</c>.</summary>
    public Task TypeAsync(string line) => SendAsync(line + "\n");

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }

    // The guest's own announcements ("vireo-guest address: ...") may come at any time on the same line.
    private static string OfTheCommand(string output) =>
        string.Join('\n', output.Split('\n').Where(line => !line.StartsWith("vireo-guest ", StringComparison.Ordinal)));

    private static string ReadLog(string path)
    {
        if (!File.Exists(path))
        {
            return "";
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        return reader.ReadToEnd();
    }

    private static string LastLines(string text, int count) => string.Join('\n', text.Split('\n').TakeLast(count));

    private async Task AskUntilAnsweredAsync(string command)
    {
        for (var attempt = 0; ; attempt++)
        {
            var number = ++_number;
            await SendAsync($"\n{command}echo hel''lo-{number}\n");
            try
            {
                await ReadUntilAsync($"hello-{number}\r\n", TimeSpan.FromSeconds(5));
                return;
            }
            catch (TimeoutException) when (attempt < 12)
            {
                // Ask again.
            }
        }
    }

    private async Task SendAsync(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += await _socket.SendAsync(bytes.AsMemory(sent));
        }
    }

    // Returns what came before the mark and forgets both.
    private async Task<string> ReadUntilAsync(string mark, TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(limit);
        while (true)
        {
            var text = _unread.ToString();
            var at = text.IndexOf(mark, StringComparison.Ordinal);
            if (at >= 0)
            {
                _unread.Remove(0, at + mark.Length);
                return text[..at];
            }

            int count;
            try
            {
                count = await _socket.ReceiveAsync(_buffer, deadline.Token);
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException($"The guest's console did not show '{mark.Trim()}' within {limit.TotalSeconds:0} s. It shows:\n{LastLines(text, 25)}", exception);
            }

            if (count == 0)
            {
                throw new InvalidOperationException($"The guest's console closed. It showed:\n{LastLines(text, 25)}");
            }

            _unread.Append(Encoding.UTF8.GetString(_buffer, 0, count));
        }
    }
}
