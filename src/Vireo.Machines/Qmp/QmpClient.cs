using System.Collections.Concurrent;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Vireo.Platform.Sockets;

namespace Vireo.Machines.Qmp;

/// <summary>
/// A connection to QEMU's control socket (QMP). Commands may be in flight side by side; events arrive in order. QEMU is not trusted
/// more than its guest: a line beyond <see cref="MaximumLineBytes"/> or out of protocol ends the connection.
/// </summary>
public sealed class QmpClient : IAsyncDisposable
{
    /// <summary>Longest message taken from QEMU. The longest honest one, the schema, has about 300 KB.</summary>
    public const int MaximumLineBytes = 4 << 20;

    /// <summary>Longest event taken from QEMU: nobody asked for it, and many may wait to be read. The longest honest one has less than 1 KB.</summary>
    public const int MaximumEventBytes = 64 << 10;

    private const int QueuedEvents = 256;

    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly BoundedLineReader _lines;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly ConcurrentDictionary<long, Pending> _pending = new();
    private readonly Channel<QmpEvent> _events = Channel.CreateBounded<QmpEvent>(
        new BoundedChannelOptions(QueuedEvents) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true });

    private readonly TaskCompletionSource<Exception?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private Task _reading = Task.CompletedTask;
    private long _lastId;

    private QmpClient(Socket socket)
    {
        _socket = socket;
        _stream = new(socket, ownsSocket: true);
        _lines = new(_stream, MaximumLineBytes);
    }

    /// <summary>Version of QEMU, for example <c>7.2.22</c>.</summary>
    public string QemuVersion { get; private set; } = "";

    /// <summary>Events in the order QEMU sent them. A reader that falls 256 behind loses the oldest. Completes when the connection ends.</summary>
    public ChannelReader<QmpEvent> Events => _events.Reader;

    /// <summary>Completes when the connection has ended, with what broke it (null: QEMU closed it, or we did).</summary>
    public Task<Exception?> Closed => _closed.Task;

    /// <summary>Connects and negotiates.</summary>
    /// <exception cref="IOException">Nobody listens, or the peer does not speak QMP.</exception>
    public static async Task<QmpClient> ConnectAsync(string path, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        QmpClient client;
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
            client = new(socket);
        }
        catch (Exception exception)
        {
            socket.Dispose();
            throw exception is SocketException refused ? new IOException($"QEMU's control socket '{path}' cannot be reached: {refused.Message}", refused) : exception;
        }

        try
        {
            await client.GreetAsync(cancellationToken).ConfigureAwait(false);
            client._reading = Task.Run(client.ReadAsync, CancellationToken.None);
            await client.ExecuteAsync("qmp_capabilities", null, cancellationToken).ConfigureAwait(false);
            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs a command and returns what it returns.</summary>
    /// <exception cref="QmpException">QEMU refused.</exception>
    /// <exception cref="MachineException">The connection ended before the answer.</exception>
    public Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments = null, CancellationToken cancellationToken = default) =>
        ExecuteAsync(command, arguments, descriptor: null, cancellationToken);

    /// <summary>Runs a command that takes an open file along (<c>getfd</c>).</summary>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, SafeHandle? descriptor, CancellationToken cancellationToken)
    {
        var id = Interlocked.Increment(ref _lastId);
        var pending = new Pending(command);
        _pending[id] = pending;
        try
        {
            if (_closed.Task.IsCompleted)
            {
                throw Lost(command, null);
            }

            await WriteAsync(Write(command, arguments, id), descriptor, cancellationToken).ConfigureAwait(false);
            return await pending.Source.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or Win32Exception)
        {
            throw Lost(command, exception);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        End(null);
    }

    private static byte[] Write(string command, JsonObject? arguments, long id)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            if (arguments is not null)
            {
                writer.WritePropertyName("arguments");
                arguments.WriteTo(writer);
            }

            writer.WriteNumber("id", id);
            writer.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static MachineException Lost(string command, Exception? inner) =>
        new(MachineErrorKind.ControlLost, $"The connection to QEMU ended before '{command}' was answered.", inner);

    private async Task WriteAsync(byte[] message, SafeHandle? descriptor, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (descriptor is null)
            {
                // Not cancellable: half a command would break the next one.
                await _stream.WriteAsync(message, _stop.Token).ConfigureAwait(false);
            }
            else
            {
                DescriptorSender.Send(_socket, message, descriptor);
            }
        }
        catch (OperationCanceledException exception)
        {
            throw new IOException("The connection is being closed.", exception);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task GreetAsync(CancellationToken cancellationToken)
    {
        var line = await _lines.ReadLineAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new QmpProtocolException("it closed the connection instead of greeting");
        var greeting = QmpMessage.Parse(line);
        if (greeting.Kind != QmpMessageKind.Greeting)
        {
            throw new QmpProtocolException("it did not greet");
        }

        if (greeting.Data.ValueKind == JsonValueKind.Object
            && greeting.Data.TryGetProperty("version", out var version) && version.ValueKind == JsonValueKind.Object
            && version.TryGetProperty("qemu", out var qemu) && qemu.ValueKind == JsonValueKind.Object)
        {
            QemuVersion = $"{Number(qemu, "major")}.{Number(qemu, "minor")}.{Number(qemu, "micro")}";
        }
    }

    private static int Number(JsonElement element, string property) =>
        element.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;

    private async Task ReadAsync()
    {
        Exception? broken = null;
        try
        {
            while (await _lines.ReadLineAsync(_stop.Token).ConfigureAwait(false) is { } line)
            {
                if (line.Length > 1)
                {
                    var message = QmpMessage.Parse(line);
                    if (message.Kind == QmpMessageKind.Event && line.Length > MaximumEventBytes)
                    {
                        throw new QmpProtocolException($"an event of {line.Length} bytes");
                    }

                    Dispatch(message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // We are closing the connection.
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            broken = exception;
        }

        End(broken);
        _socket.Dispose();
    }

    private void Dispatch(QmpMessage message)
    {
        switch (message.Kind)
        {
            case QmpMessageKind.Event:
                _events.Writer.TryWrite(new(message.Name, message.Data));
                break;
            case QmpMessageKind.Return when message.Id is { } id && _pending.TryGetValue(id, out var pending):
                pending.Source.TrySetResult(message.Data);
                break;
            case QmpMessageKind.Error when message.Id is { } id && _pending.TryGetValue(id, out var pending):
                pending.Source.TrySetException(new QmpException(pending.Command, message.Name, message.Description));
                break;
            case QmpMessageKind.Return or QmpMessageKind.Error:
                // The answer to a command whose caller stopped waiting.
                break;
            default:
                throw new QmpProtocolException("a second greeting");
        }
    }

    private void End(Exception? broken)
    {
        _closed.TrySetResult(broken);
        foreach (var pending in _pending.Values)
        {
            pending.Source.TrySetException(Lost(pending.Command, broken));
        }

        _events.Writer.TryComplete();
    }

    private sealed class Pending(string command)
    {
        public string Command { get; } = command;

        public TaskCompletionSource<JsonElement> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
