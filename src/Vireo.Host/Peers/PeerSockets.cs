using System.Net.Sockets;

namespace Vireo.Host.Peers;

/// <summary>Sockets between hosts: a link that is cut is noticed on both sides, also while nobody has anything to say.</summary>
internal static class PeerSockets
{
    private const int ProbeAfterSeconds = 10;
    private const int ProbeEverySeconds = 5;
    private const int Probes = 4;
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int UserTimeout = 18; // TCP_USER_TIMEOUT: how long what was sent may stay unacknowledged

    /// <summary>Sets that.</summary>
    public static void Prepare(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, ProbeAfterSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, ProbeEverySeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
        socket.SetRawSocketOption(TcpLevel, UserTimeout, BitConverter.GetBytes((int)PeerLimits.Silence.TotalMilliseconds));
    }
}
