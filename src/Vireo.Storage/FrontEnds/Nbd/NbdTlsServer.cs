using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using Vireo.Platform;
using Vireo.Platform.Sockets;
using Vireo.Storage.NbdClient;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// An NBD server on a TCP port, for other hosts, beside whatever front end the disk has. It exists only with certificates: a client that speaks no TLS,
/// has no certificate of the same authority, or is not the peer that is expected, learns nothing and reaches nothing.
/// </summary>
internal sealed partial class NbdTlsServer : INetworkFrontEnd
{
    private const int RelayBytes = 256 << 10;
    private const int MaximumConnections = 64;
    private static readonly TimeSpan s_handshakeLimit = TimeSpan.FromSeconds(30);
    private readonly FrontEndContext _context;
    private readonly Socket _listener;
    private readonly TlsFolder _certificates;
    private readonly NbdFrontEndFactory _factory;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _tracking = new();
    private readonly HashSet<Task> _serving = [];
    private readonly Task _accepting;
    private int _connections;

    private NbdTlsServer(FrontEndContext context, Socket listener, TlsFolder certificates, NbdFrontEndFactory factory)
    {
        (_context, _listener, _certificates, _factory) = (context, listener, certificates, factory);
        _logger = context.Loggers.CreateLogger<NbdTlsServer>();
        Address = listener.LocalEndPoint!.ToString()!;
        _accepting = Task.Run(AcceptAsync);
    }

    /// <inheritdoc/>
    public string Address { get; }

    /// <inheritdoc/>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Listens.</summary>
    /// <exception cref="IOException">The address or the certificates are wrong, or the port is taken.</exception>
    public static NbdTlsServer Start(FrontEndContext context, string address, NbdFrontEndFactory factory)
    {
        var attachment = context.Attachment;

        // An address without a port is read as one with port 0.
        if (!IPEndPoint.TryParse(address, out var endPoint) || (endPoint.Port == 0 && !address.EndsWith(endPoint.AddressFamily == AddressFamily.InterNetworkV6 ? "]:0" : ":0", StringComparison.Ordinal)))
        {
            throw new IOException($"'{address}' is no address to listen on; write ADDRESS:PORT, for example 192.0.2.1:10809, or port 0 for one that is free.");
        }

        var certificates = TlsFolder.Load(
            attachment.TlsCertificates ?? throw new IOException($"The disk {attachment.Id} can be served on '{address}' only with certificates; name their folder."), isServer: true);

        // Connections of a killed plane that are still on their way out are no obstacle, another program's port is: not ReuseAddress, with
        // which two programs share a port here.
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Bind(endPoint);
            socket.Listen(128);
            return new NbdTlsServer(context, socket, certificates, factory);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            certificates.Dispose();
            throw new IOException($"The disk {attachment.Id} cannot be served on '{address}': {exception.Message}.", exception);
        }
    }

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
        _certificates.Dispose();
        _closing.Dispose();
    }

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
                LogAcceptFailed(_logger, Address, exception.Message);
                continue;
            }

            if (Volatile.Read(ref _connections) >= MaximumConnections)
            {
                client.Dispose();
                continue;
            }

            Interlocked.Increment(ref _connections);
            var serving = ServeAsync(client);
            lock (_tracking)
            {
                _serving.RemoveWhere(static other => other.IsCompleted);
                _serving.Add(serving);
            }
        }
    }

    // The reactor speaks through a pair of sockets with a relay that encrypts.
    private async Task ServeAsync(Socket client)
    {
        var plain = new NetworkStream(client, ownsSocket: true);
        try
        {
            await using (plain.ConfigureAwait(false))
            {
                var export = new NbdExport(_context.Disk);
                var handshake = new NbdHandshake(plain, export, _certificates, _context.Attachment.TlsPeer);
                NbdSession? session;
                using (var limit = new CancellationTokenSource(s_handshakeLimit, _context.Time))
                using (var handshaking = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _closing.Token))
                {
                    session = await handshake.RunAsync(handshaking.Token).ConfigureAwait(false);
                }

                if (session is not null)
                {
                    var (near, far) = StreamSocket.CreatePair();
                    using (far)
                    {
                        var (reactor, buffers) = _factory.Next();
                        var connection = new NbdConnection(reactor, buffers, near, export, session);
                        await connection.StartAsync().ConfigureAwait(false);
                        using var closing = _closing.Token.UnsafeRegister(static state => _ = ((NbdConnection)state!).StopAsync(), connection);
                        await RelayAsync(handshake.Stream, far, connection.Finished, _closing.Token).ConfigureAwait(false);
                    }
                }

                await handshake.Stream.DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or AuthenticationException)
        {
            LogClientLost(_logger, Address, exception.Message);
        }
        catch (Exception exception)
        {
            // A defect in serving one client ends its connection; the others and the disk go on.
            LogDefect(_logger, exception, Address);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    // Passes bytes between an encrypted client and a connection's socket until one of both, or the connection, ends.
    private static async Task RelayAsync(Stream encrypted, Descriptor connection, Task finished, CancellationToken closing)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(closing);
        using var socket = new Socket(new SafeSocketHandle(connection.Number, ownsHandle: false));
        var inner = new NetworkStream(socket, ownsSocket: false);
        await using (inner.ConfigureAwait(false))
        {
            var up = PassAsync(encrypted, inner, stop.Token);
            var down = PassAsync(inner, encrypted, stop.Token);
            await Task.WhenAny(up, down, finished).ConfigureAwait(false);
            if (up.IsCompleted)
            {
                // The client has said everything; the connection sees the end and answers what is under way.
                socket.Shutdown(SocketShutdown.Send);
            }

            await finished.ConfigureAwait(false);
            await down.ConfigureAwait(false);
            await stop.CancelAsync().ConfigureAwait(false);
            await up.ConfigureAwait(false);
        }
    }

    private static async Task PassAsync(Stream source, Stream target, CancellationToken cancellationToken)
    {
        try
        {
            await source.CopyToAsync(target, RelayBytes, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // A side is gone: that is how a relay ends.
            return;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A connection to '{Address}' could not be accepted: {Reason}")]
    private static partial void LogAcceptFailed(ILogger logger, string address, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Serving a client of '{Address}' ended with a defect")]
    private static partial void LogDefect(ILogger logger, Exception exception, string address);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A client of '{Address}' left: {Reason}")]
    private static partial void LogClientLost(ILogger logger, string address, string reason);
}
