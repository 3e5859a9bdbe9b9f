using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace Vireo.Host.Peers;

/// <summary>
/// Gives the web server connections from addresses that come and go while it runs: which ones, the settings and the addresses of the host say. Connections stay when
/// their address goes. There is a bound to how many there are, altogether and from one address; what is beyond is closed before a byte is read.
/// </summary>
/// <param name="time">Clock.</param>
internal sealed class PeerListener(TimeProvider time) : IConnectionListenerFactory, IConnectionListener
{
    private const int Backlog = 64;
    private static readonly TimeSpan s_pauseAfterTrouble = TimeSpan.FromSeconds(1);
    private readonly SocketConnectionContextFactory _connections = new(new SocketConnectionFactoryOptions(), NullLogger.Instance);
    private readonly Channel<ConnectionContext> _accepted = Channel.CreateBounded<ConnectionContext>(Backlog);
    private readonly ConcurrentDictionary<IPAddress, int> _counts = new();
    private readonly Dictionary<IPEndPoint, Socket> _sockets = [];
    private readonly Lock _changing = new();
    private int _count;

    /// <inheritdoc/>
    public EndPoint EndPoint { get; } = new Anywhere();

    /// <summary>Where it listens.</summary>
    public IReadOnlyList<IPEndPoint> Listening
    {
        get
        {
            lock (_changing)
            {
                return [.. _sockets.Keys];
            }
        }
    }

    /// <summary>Listens exactly at these places; gives a sentence for each where it cannot.</summary>
    public IReadOnlyList<string> ListenAt(IReadOnlyCollection<IPEndPoint> places)
    {
        var troubles = new List<string>();
        lock (_changing)
        {
            foreach (var gone in _sockets.Keys.Where(place => !places.Contains(place)).ToList())
            {
                _sockets.Remove(gone, out var socket);
                socket!.Dispose();
            }

            foreach (var place in places.Where(place => !_sockets.ContainsKey(place)))
            {
                try
                {
                    var socket = Bind(place);
                    _sockets.Add(place, socket);
                    _ = AcceptAsync(socket);
                }
                catch (SocketException refused)
                {
                    troubles.Add($"Hosts cannot be listened for at {place}: {refused.Message}.");
                }
            }
        }

        return troubles;
    }

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

    /// <inheritdoc/>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _accepted.Reader.WaitToReadAsync(cancellationToken))
        {
            if (_accepted.Reader.TryRead(out var connection))
            {
                return connection;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        ListenAt([]);
        _accepted.Writer.TryComplete();
        return default;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        while (_accepted.Reader.TryRead(out var left))
        {
            await left.DisposeAsync();
        }

        _connections.Dispose();
    }

    private static Socket Bind(IPEndPoint place)
    {
        var socket = new Socket(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (place.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = place.Address.Equals(IPAddress.IPv6Any);
            }

            socket.Bind(place);
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync();
            }
            catch (Exception over) when (over is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.InvalidArgument or SocketError.Interrupted })
            {
                return;
            }
            catch (SocketException)
            {
                // The caller left already, or there are no descriptors now.
                await Task.Delay(s_pauseAfterTrouble, time);
                continue;
            }

            if (Admit(socket) is { } connection && !_accepted.Writer.TryWrite(connection))
            {
                await connection.DisposeAsync();
            }
        }
    }

    private ConnectionContext? Admit(Socket socket)
    {
        IPAddress address;
        try
        {
            address = ((IPEndPoint)socket.RemoteEndPoint!).Address;
            PeerSockets.Prepare(socket);
        }
        catch (SocketException)
        {
            // Gone before it was looked at.
            socket.Dispose();
            return null;
        }

        var all = Interlocked.Increment(ref _count);
        var fromThere = _counts.AddOrUpdate(address, 1, static (_, count) => count + 1);
        if (all > PeerLimits.Connections || fromThere > PeerLimits.ConnectionsFromOneAddress)
        {
            Leave(address);
            socket.Dispose();
            return null;
        }

        var connection = _connections.Create(socket);
        connection.ConnectionClosed.Register(() => Leave(address));
        return connection;
    }

    private void Leave(IPAddress address)
    {
        Interlocked.Decrement(ref _count);
        if (_counts.AddOrUpdate(address, 0, static (_, count) => Math.Max(0, count - 1)) == 0)
        {
            _counts.TryRemove(new KeyValuePair<IPAddress, int>(address, 0));
        }
    }

    /// <summary>Where the web server believes to listen.</summary>
    private sealed class Anywhere : EndPoint
    {
        public override string ToString() => "https://peers";
    }
}
