using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Vireo.Machines.GuestAgents;

/// <summary>
/// Talks to the agent of one guest. Questions queue; each has a time limit, because a guest may be slow, hung or hostile. A failed
/// question closes the channel, the next one opens and synchronises it again.
/// </summary>
/// <param name="socketPath">Host's end of the agent's channel.</param>
/// <param name="time">Clock of the time limits.</param>
/// <param name="random">Source of the synchronisation numbers.</param>
public sealed class GuestAgentClient(string socketPath, TimeProvider time, Random? random = null) : IGuestAgent, IDisposable
{
    /// <summary>Most output of a program, per stream, that is taken from the guest: what qemu-ga keeps.</summary>
    public const int MaximumOutputBytes = 16 << 20;

    private const int FileChunkBytes = 48 << 10;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_longPatience = TimeSpan.FromMinutes(2);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Random _random = random ?? Random.Shared;
    private GuestAgentConnection? _connection;
    private bool _disposed;

    /// <inheritdoc/>
    public async Task<bool> PingAsync(TimeSpan patience, CancellationToken cancellationToken = default)
    {
        try
        {
            await AskAsync("guest-ping", null, patience, 0, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (MachineException exception) when (exception.Kind == MachineErrorKind.GuestAgent)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async Task<GuestOperatingSystem> GetOperatingSystemAsync(CancellationToken cancellationToken = default) =>
        await AskAsync("guest-get-osinfo", null, GuestAnswers.OperatingSystem, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<string> GetHostNameAsync(CancellationToken cancellationToken = default) =>
        await AskAsync("guest-get-host-name", null, GuestAnswers.HostName, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<GuestInterface>> GetInterfacesAsync(CancellationToken cancellationToken = default) =>
        await AskAsync("guest-network-get-interfaces", null, GuestAnswers.Interfaces, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<GuestProcessResult> ExecuteAsync(GuestCommand command, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(command);
        using var limit = new CancellationTokenSource(command.Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await RunAsync(command, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw Failed($"The program '{command.Path}' did not end in the guest within {command.Patience.TotalSeconds:0} s; it may still run there.", exception);
        }
    }

    private async Task<GuestProcessResult> RunAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        // Two streams of output in base 64, and the rest of the answer.
        var outputBytes = Math.Clamp(command.MaximumOutputBytes, 0, MaximumOutputBytes);
        var replyBytes = (2 * ((outputBytes / 3 * 4) + 4)) + (1 << 16);
        var arguments = new JsonObject { ["path"] = command.Path, ["arg"] = Texts(command.Arguments), ["capture-output"] = true };
        if (command.Environment.Count > 0)
        {
            arguments["env"] = Texts(command.Environment);
        }

        if (!command.Input.IsEmpty)
        {
            arguments["input-data"] = Convert.ToBase64String(command.Input.Span);
        }

        var processId = await AskAsync("guest-exec", arguments, answer => GuestAnswers.Number(answer, "pid"), cancellationToken).ConfigureAwait(false);
        for (var delay = TimeSpan.FromMilliseconds(20); ; delay = delay < TimeSpan.FromMilliseconds(500) ? delay * 2 : delay)
        {
            var result = await AskAsync(
                "guest-exec-status",
                new JsonObject { ["pid"] = processId },
                answer => GuestAnswers.ProcessResult(answer, outputBytes),
                cancellationToken,
                replyBytes,
                s_longPatience).ConfigureAwait(false);
            if (result is not null)
            {
                return result;
            }

            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<byte[]> ReadFileAsync(string path, int maximumBytes = 16 << 20, CancellationToken cancellationToken = default)
    {
        using var content = new MemoryStream();
        await ReadFileAsync(path, content, maximumBytes, null, cancellationToken).ConfigureAwait(false);
        return content.ToArray();
    }

    /// <inheritdoc/>
    public async Task ReadFileAsync(string path, Stream content, long maximumBytes, IProgress<long>? progress, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        var handle = await OpenFileAsync(path, "r", cancellationToken).ConfigureAwait(false);
        try
        {
            var total = 0L;
            while (true)
            {
                var (chunk, endOfFile) = await AskAsync(
                    "guest-file-read",
                    new JsonObject { ["handle"] = handle, ["count"] = FileChunkBytes },
                    answer => GuestAnswers.FileRead(answer, FileChunkBytes),
                    cancellationToken).ConfigureAwait(false);
                total += chunk.Length;
                if (total > maximumBytes)
                {
                    throw Failed($"The guest's file '{path}' has more than {maximumBytes} bytes.");
                }

                await content.WriteAsync(chunk, cancellationToken).ConfigureAwait(false);
                progress?.Report(total);
                if (endOfFile)
                {
                    return;
                }

                if (chunk.Length == 0)
                {
                    throw Failed($"The guest's agent returned nothing while reading '{path}'.");
                }
            }
        }
        finally
        {
            await CloseFileAsync(handle, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        using var stream = new MemoryStream(content.ToArray());
        await WriteFileAsync(path, stream, null, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task WriteFileAsync(string path, Stream content, IProgress<long>? progress, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        var handle = await OpenFileAsync(path, "w", cancellationToken).ConfigureAwait(false);
        try
        {
            var buffer = new byte[FileChunkBytes];
            var total = 0L;
            for (int length; (length = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            {
                for (var chunk = buffer.AsMemory(0, length); !chunk.IsEmpty;)
                {
                    var written = await AskAsync(
                        "guest-file-write",
                        new JsonObject { ["handle"] = handle, ["buf-b64"] = Convert.ToBase64String(chunk.Span) },
                        answer => GuestAnswers.Number(answer, "count"),
                        cancellationToken).ConfigureAwait(false);
                    if (written <= 0 || written > chunk.Length)
                    {
                        throw Failed($"The guest's agent wrote {written} of {chunk.Length} bytes to '{path}'.");
                    }

                    chunk = chunk[(int)written..];
                }

                total += length;
                progress?.Report(total);
            }
        }
        finally
        {
            await CloseFileAsync(handle, CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async Task<bool> HasFileAsync(string path, CancellationToken cancellationToken = default)
    {
        // An agent that is asked to open what is not there answers with an error; one that is not there itself is another matter.
        if (!await PingAsync(s_patience, cancellationToken).ConfigureAwait(false))
        {
            throw Failed("The guest's agent does not answer.");
        }

        try
        {
            await CloseFileAsync(await OpenFileAsync(path, "r", cancellationToken).ConfigureAwait(false), CancellationToken.None).ConfigureAwait(false);
            return true;
        }
        catch (MachineException exception) when (exception.Kind == MachineErrorKind.GuestAgent)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async Task SetTimeAsync(DateTimeOffset now, CancellationToken cancellationToken = default)
    {
        try
        {
            await AskAsync("guest-set-time", new JsonObject { ["time"] = (now - DateTimeOffset.UnixEpoch).Ticks * 100 }, s_patience, 0, cancellationToken).ConfigureAwait(false);
        }
        catch (MachineException refused) when (refused.Kind == MachineErrorKind.GuestAgent)
        {
            // The agent wants hwclock(8), which small systems lack; setting the clock needs no more than date(1).
            var seconds = now.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
            var date = new GuestCommand("/bin/date", "-s", $"@{seconds}") { Patience = s_longPatience, MaximumOutputBytes = 1 << 16 };
            var result = await ExecuteAsync(date, cancellationToken).ConfigureAwait(false);
            if (result.ExitCode != 0)
            {
                throw Failed($"{refused.Message} Neither did date: {System.Text.Encoding.UTF8.GetString(result.Error).Trim()}", refused);
            }
        }
    }

    /// <inheritdoc/>
    public async Task RequestShutdownAsync(GuestShutdownMode mode = GuestShutdownMode.PowerDown, CancellationToken cancellationToken = default)
    {
        var arguments = new JsonObject
        {
            ["mode"] = mode switch { GuestShutdownMode.PowerDown => "powerdown", GuestShutdownMode.Reboot => "reboot", _ => "halt" },
        };
        await ConverseAsync(
            "guest-shutdown",
            s_patience,
            async (connection, token) =>
            {
                await connection.TellAsync("guest-shutdown", arguments, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<int> FreezeFileSystemsAsync(CancellationToken cancellationToken = default) =>
        await AskAsync("guest-fsfreeze-freeze", null, answer => (int)GuestAnswers.Number(answer), cancellationToken, patience: s_longPatience).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<int> ThawFileSystemsAsync(CancellationToken cancellationToken = default) =>
        await AskAsync("guest-fsfreeze-thaw", null, answer => (int)GuestAnswers.Number(answer), cancellationToken, patience: s_longPatience).ConfigureAwait(false);

    /// <summary>Ends the conversation; the next question begins another.</summary>
    public void Disconnect() => Interlocked.Exchange(ref _connection, null)?.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        Disconnect();
    }

    private static JsonArray Texts(IReadOnlyList<string> texts)
    {
        var array = new JsonArray();
        foreach (var text in texts)
        {
            array.Add((JsonNode)text);
        }

        return array;
    }

    private static MachineException Failed(string sentence, Exception? inner = null) => new(MachineErrorKind.GuestAgent, sentence, inner);

    private Task<long> OpenFileAsync(string path, string mode, CancellationToken cancellationToken) =>
        AskAsync("guest-file-open", new JsonObject { ["path"] = path, ["mode"] = mode }, GuestAnswers.Number, cancellationToken);

    private Task<JsonElement> CloseFileAsync(long handle, CancellationToken cancellationToken) =>
        AskAsync("guest-file-close", new JsonObject { ["handle"] = handle }, s_patience, 0, cancellationToken);

    private async Task<T> AskAsync<T>(
        string command, JsonObject? arguments, Func<JsonElement, T> read, CancellationToken cancellationToken, int maximumReplyBytes = 0, TimeSpan? patience = null)
    {
        var answer = await AskAsync(command, arguments, patience ?? s_patience, maximumReplyBytes, cancellationToken).ConfigureAwait(false);
        try
        {
            return read(answer);
        }
        catch (GuestAnswerException exception)
        {
            throw Failed(exception.Message, exception);
        }
    }

    private Task<JsonElement> AskAsync(string command, JsonObject? arguments, TimeSpan patience, int maximumReplyBytes, CancellationToken cancellationToken) =>
        ConverseAsync(command, patience, (connection, token) => connection.AskAsync(command, arguments, maximumReplyBytes, token), cancellationToken);

    private async Task<T> ConverseAsync<T>(
        string command, TimeSpan patience, Func<GuestAgentConnection, CancellationToken, Task<T>> conversation, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var limit = new CancellationTokenSource(patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            var finished = false;
            try
            {
                // Taken once: it may be hung up at any moment by somebody who does not wait for the turn.
                if (Volatile.Read(ref _connection) is not { } connection)
                {
                    connection = await GuestAgentConnection.OpenAsync(socketPath, _random.NextInt64(1, 1L << 52), either.Token).ConfigureAwait(false);
                    Volatile.Write(ref _connection, connection);
                }

                var result = await conversation(connection, either.Token).ConfigureAwait(false);
                finished = true;
                return result;
            }
            catch (GuestRefusalException exception)
            {
                finished = _connection is not null;
                throw Failed($"The guest's agent refused '{command}': {exception.Message.TrimEnd('.')}.", exception);
            }
            catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
            {
                throw Failed($"The guest's agent did not answer '{command}' within {patience.TotalSeconds:0.#} s. Is qemu-guest-agent running in the guest?", exception);
            }
            catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
            {
                throw Failed($"The guest's agent cannot be asked '{command}': {exception.Message}", exception);
            }
            finally
            {
                if (!finished)
                {
                    Disconnect();
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }
}
