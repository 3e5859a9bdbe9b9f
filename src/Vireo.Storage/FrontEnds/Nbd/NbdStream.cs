using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>Whole messages over a socket.</summary>
internal static class NbdStream
{
    /// <summary>Fills <paramref name="target"/>; false when the client is gone before the last byte.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<bool> ReceiveAllAsync(this Socket socket, Memory<byte> target, CancellationToken cancellationToken)
    {
        while (!target.IsEmpty)
        {
            var received = await socket.ReceiveAsync(target, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            if (received == 0)
            {
                return false;
            }

            target = target[received..];
        }

        return true;
    }

    /// <summary>Sends all of <paramref name="source"/>.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public static async ValueTask SendAllAsync(this Socket socket, ReadOnlyMemory<byte> source, CancellationToken cancellationToken)
    {
        while (!source.IsEmpty)
        {
            var sent = await socket.SendAsync(source, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            source = source[sent..];
        }
    }
}
