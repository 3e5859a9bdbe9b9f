using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Vireo.Control.Storage;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Sockets;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// An NBD server on a Unix socket, for emulated controllers and for tools: fixed newstyle, structured replies, block status, several
/// connections that count as one.
/// </summary>
public sealed partial class NbdFrontEnd : IFrontEnd
{
    private const int MaximumConnections = 64;
    private static readonly TimeSpan s_handshakeLimit = TimeSpan.FromSeconds(30);
    private readonly FrontEndContext _context;
    private readonly ILogger _logger;
    private readonly Socket _listener;
    private readonly NbdFrontEndFactory _factory;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _tracking = new();
    private readonly HashSet<Task> _serving = [];
    private readonly Task _accepting;
    private int _connections;

    private NbdFrontEnd(FrontEndContext context, Socket listener, NbdFrontEndFactory factory)
    {
        _context = context;
        _logger = context.Loggers.CreateLogger<NbdFrontEnd>();
        _listener = listener;
        _factory = factory;
        _accepting = Task.Run(() => AcceptAsync(listener));
    }

    /// <inheritdoc/>
    public int Connections => Volatile.Read(ref _connections);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        Task[] serving;
        lock (_tracking)
        {
            serving = [.. _serving];
        }

        await Task.WhenAll(serving).ConfigureAwait(false);
        FrontEndSocket.Remove(_context.Attachment.SocketPath);
        _closing.Dispose();
    }

    internal static NbdFrontEnd Start(FrontEndContext context, NbdFrontEndFactory factory) =>
        new(context, FrontEndSocket.Listen(context.Attachment.SocketPath, context.Attachment.SocketGroup), factory);

    private async Task AcceptAsync(Socket listener)
    {
        while (!_closing.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync(_closing.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception)
            {
                LogAcceptFailed(_logger, _context.Attachment.SocketPath, exception.Message);
                continue;
            }

            if (Volatile.Read(ref _connections) >= MaximumConnections)
            {
                client.Dispose();
                continue;
            }

            Interlocked.Increment(ref _connections);
            Track(ServeAsync(client));
        }
    }

    private void Track(Task task)
    {
        lock (_tracking)
        {
            _serving.RemoveWhere(other => other.IsCompleted);
            _serving.Add(task);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            if (await BeginAsync(client).ConfigureAwait(false) is { } connection)
            {
                await connection.StartAsync().ConfigureAwait(false);
                using var closing = _closing.Token.UnsafeRegister(static state => _ = ((NbdConnection)state!).StopAsync(), connection);
                await connection.Finished.ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            LogClientLost(_logger, _context.Attachment.SocketPath, exception.Message);
        }
        catch (Exception exception)
        {
            // A defect in serving one client ends its connection; the others and the disk go on.
            LogDefect(_logger, exception, _context.Attachment.SocketPath);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    // The handshake may wait for its client, on a thread of its own; what comes behind it belongs to a reactor.
    private async Task<NbdConnection?> BeginAsync(Socket client)
    {
        Descriptor descriptor;
        using (client)
        {
            descriptor = Descriptor.DuplicateOf(client.SafeHandle);
        }

        StreamSocket? socket = StreamSocket.Adopt(descriptor);
        try
        {
            var export = new NbdExport(_context.Disk);
            if (await Task.Factory.StartNew(state => Shake((StreamSocket)state!, export), socket, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false) is { } session)
            {
                var (reactor, buffers) = _factory.Next();
                var connection = new NbdConnection(reactor, buffers, socket, export, session);
                socket = null;
                return connection;
            }

            return null;
        }
        finally
        {
            socket?.Dispose();
        }
    }

    private NbdSession? Shake(StreamSocket socket, NbdExport export)
    {
        using var limit = new CancellationTokenSource(s_handshakeLimit, _context.Time);
        using var handshaking = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _closing.Token);
        using var stream = new WaitingStream(socket.Descriptor);
        using var ending = handshaking.Token.UnsafeRegister(static state => ((WaitingStream)state!).HangUp(), stream);
        return new NbdHandshake(stream, export).RunAsync(handshaking.Token).GetAwaiter().GetResult();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection to '{SocketPath}' could not be accepted: {Reason}")]
    private static partial void LogAcceptFailed(ILogger logger, string socketPath, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Serving a client of '{SocketPath}' ended with a defect")]
    private static partial void LogDefect(ILogger logger, Exception exception, string socketPath);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A client of '{SocketPath}' left during the handshake: {Reason}")]
    private static partial void LogClientLost(ILogger logger, string socketPath, string reason);
}

/// <summary>Makes NBD servers. Their connections are spread over the reactors of one pool.</summary>
/// <param name="reactors">The pool; the process's own when null.</param>
public sealed class NbdFrontEndFactory(ReactorPool? reactors = null) : IFrontEndFactory, INetworkFrontEndFactory
{
    private readonly ReactorPool _reactors = reactors ?? ReactorPool.Shared;
    private readonly ConcurrentDictionary<Reactor, NbdBufferPool> _buffers = new();

    /// <inheritdoc/>
    public FrontEndKind Kind => FrontEndKind.Nbd;

    /// <inheritdoc/>
    public IFrontEnd Start(FrontEndContext context) => NbdFrontEnd.Start(context, this);

    /// <inheritdoc/>
    public INetworkFrontEnd StartNetwork(FrontEndContext context, string address) => NbdTlsServer.Start(context, address, this);

    /// <summary>A reactor for the next connection, and the buffers that belong to it.</summary>
    internal (Reactor Reactor, NbdBufferPool Buffers) Next()
    {
        var reactor = _reactors.Next();
        return (reactor, _buffers.GetOrAdd(reactor, static _ => new NbdBufferPool()));
    }
}
