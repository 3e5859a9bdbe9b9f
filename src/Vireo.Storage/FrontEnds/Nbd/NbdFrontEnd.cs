using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Vireo.Control.Storage;

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
    private readonly TransferBufferPool _buffers;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _tracking = new();
    private readonly HashSet<Task> _serving = [];
    private readonly Task _accepting;
    private int _connections;

    private NbdFrontEnd(FrontEndContext context, Socket listener, TransferBufferPool buffers)
    {
        _context = context;
        _logger = context.Loggers.CreateLogger<NbdFrontEnd>();
        _listener = listener;
        _buffers = buffers;
        _accepting = Task.Run(AcceptAsync);
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

    internal static NbdFrontEnd Start(FrontEndContext context, TransferBufferPool buffers) =>
        new(context, FrontEndSocket.Listen(context.Attachment.SocketPath, context.Attachment.SocketGroup), buffers);

    private async Task AcceptAsync()
    {
        while (!_closing.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_closing.Token).ConfigureAwait(false);
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
            using (client)
            {
                var export = new NbdExport(_context.Disk);
                using var limit = new CancellationTokenSource(s_handshakeLimit, _context.Time);
                using var handshaking = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _closing.Token);
                if (await new NbdHandshake(client, export).RunAsync(handshaking.Token).ConfigureAwait(false) is not { } session)
                {
                    return;
                }

                using var connection = new NbdConnection(client, export, session, _buffers);
                await connection.RunAsync(_closing.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection to '{SocketPath}' could not be accepted: {Reason}")]
    private static partial void LogAcceptFailed(ILogger logger, string socketPath, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Serving a client of '{SocketPath}' ended with a defect")]
    private static partial void LogDefect(ILogger logger, Exception exception, string socketPath);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A client of '{SocketPath}' left during the handshake: {Reason}")]
    private static partial void LogClientLost(ILogger logger, string socketPath, string reason);
}

/// <summary>Makes NBD servers; they share one pool of buffers.</summary>
public sealed class NbdFrontEndFactory : IFrontEndFactory
{
    private readonly TransferBufferPool _buffers = new();

    /// <inheritdoc/>
    public FrontEndKind Kind => FrontEndKind.Nbd;

    /// <inheritdoc/>
    public IFrontEnd Start(FrontEndContext context) => NbdFrontEnd.Start(context, _buffers);
}
