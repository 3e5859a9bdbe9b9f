using System.Buffers.Binary;
using System.Net.Sockets;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>A client that does what a test wants: its bytes go out as they are. Simple replies, no options.</summary>
internal sealed class NbdClient : IDisposable
{
    public const ushort Read = 0;
    public const ushort Write = 1;
    public const ushort Disconnect = 2;
    public const ushort Flush = 3;
    private const int RequestBytes = 28;
    private const int ReplyBytes = 16;
    private readonly byte[] _head = new byte[ReplyBytes];

    public NbdClient(string socketPath)
    {
        Socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000, SendTimeout = 30_000 };
        Socket.Connect(new UnixDomainSocketEndPoint(socketPath));
        Socket.Send([0, 0, 0, 3, 0x49, 0x48, 0x41, 0x56, 0x45, 0x4F, 0x50, 0x54, 0, 0, 0, 1, 0, 0, 0, 0]);
        Receive(new byte[28]);
    }

    public Socket Socket { get; }

    public static byte[] Request(ushort command, ulong cookie, ulong offset, uint length, ReadOnlySpan<byte> payload = default)
    {
        var request = new byte[RequestBytes + payload.Length];
        WriteRequest(request, command, cookie, offset, length);
        payload.CopyTo(request.AsSpan(RequestBytes));
        return request;
    }

    public static void WriteRequest(Span<byte> request, ushort command, ulong cookie, ulong offset, uint length)
    {
        BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
        BinaryPrimitives.WriteUInt16BigEndian(request[4..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(request[6..], command);
        BinaryPrimitives.WriteUInt64BigEndian(request[8..], cookie);
        BinaryPrimitives.WriteUInt64BigEndian(request[16..], offset);
        BinaryPrimitives.WriteUInt32BigEndian(request[24..], length);
    }

    public (uint Error, ulong Cookie) ReceiveReply()
    {
        Receive(_head);
        Assert.Equal(0x67446698u, BinaryPrimitives.ReadUInt32BigEndian(_head));
        return (BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(4)), BinaryPrimitives.ReadUInt64BigEndian(_head.AsSpan(8)));
    }

    public void Receive(Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var more = Socket.Receive(target);
            Assert.NotEqual(0, more);
            target = target[more..];
        }
    }

    public void Dispose() => Socket.Dispose();
}
