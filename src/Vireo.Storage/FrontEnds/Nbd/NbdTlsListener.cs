using System.Net;
using System.Net.Sockets;
using Vireo.Control.Storage;
using Vireo.Platform;
using Vireo.Storage.NbdClient;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// The TCP side of an NBD server. It exists only with certificates: a client that speaks no TLS, or has no certificate of the same
/// authority, learns nothing and reaches nothing.
/// </summary>
internal sealed class NbdTlsListener : IDisposable
{
    private const int RelayBytes = 256 << 10;

    private NbdTlsListener(Socket socket, TlsFolder certificates) => (Socket, Certificates) = (socket, certificates);

    /// <summary>Listens.</summary>
    public Socket Socket { get; }

    /// <summary>Ours, and whom we believe.</summary>
    public TlsFolder Certificates { get; }

    /// <summary>Listens where the attachment says; null when it says nothing.</summary>
    /// <exception cref="IOException">The address or the certificates are wrong, or the port is taken.</exception>
    public static NbdTlsListener? Start(DiskAttachment attachment)
    {
        if (attachment.TlsListen is not { } address)
        {
            return null;
        }

        if (!IPEndPoint.TryParse(address, out var endPoint) || endPoint.Port == 0)
        {
            throw new IOException($"'{address}' is no address to listen on; write ADDRESS:PORT, for example 192.0.2.1:10809.");
        }

        var certificates = TlsFolder.Load(
            attachment.TlsCertificates ?? throw new IOException($"The disk {attachment.Id} can be served on '{address}' only with certificates; name their folder."), isServer: true);
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            // A killed plane's connections may still be on their way out.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(endPoint);
            socket.Listen(128);
            return new NbdTlsListener(socket, certificates);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            certificates.Dispose();
            throw new IOException($"The disk {attachment.Id} cannot be served on '{address}': {exception.Message}.", exception);
        }
    }

    /// <summary>Passes bytes between an encrypted client and a connection's socket until one of both, or <paramref name="finished"/>, ends.</summary>
    public static async Task RelayAsync(Stream encrypted, Descriptor connection, Task finished, CancellationToken closing)
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

    /// <inheritdoc/>
    public void Dispose()
    {
        Socket.Dispose();
        Certificates.Dispose();
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
}
