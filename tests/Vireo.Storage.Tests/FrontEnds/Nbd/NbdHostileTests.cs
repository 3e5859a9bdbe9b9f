using System.Buffers.Binary;
using System.Net.Sockets;
using Vireo.Disks;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>Clients that do not keep to the protocol lose their connection or get an error; the server and other clients go on.</summary>
public sealed class NbdHostileTests
{
    private static readonly byte[] s_optionMagic = [0x49, 0x48, 0x41, 0x56, 0x45, 0x4F, 0x50, 0x54];

    [Fact]
    public async Task GarbageInTheHandshake_EndsTheConnectionOnly()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, new MemoryBlockDevice(1 << 20));
        foreach (var garbage in new[]
        {
            new byte[] { 0xff, 0xff, 0xff, 0xff },
            [0, 0, 0, 3, .. new byte[16]],
            [0, 0, 0, 3, .. s_optionMagic, 0, 0, 0, 7, 0x7f, 0xff, 0xff, 0xff],
            [0, 0, 0, 3, .. s_optionMagic, 0, 0, 0, 7, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0, 0, .. s_optionMagic, 0, 0, 0, 2, 0, 0, 0, 0],
        })
        {
            using var client = Connect(server);
            client.Send(garbage);
            var answer = new byte[4096];
            while (client.Receive(answer) > 0)
            {
                // Until the server hangs up.
            }
        }

        Peer.Run("nbdinfo", server.Uri);
    }

    [Fact]
    public async Task WrongRequests_GetAnErrorAndTheConnectionLives()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, new MemoryBlockDevice(1 << 20));
        using var client = Connect(server);
        client.Send([0, 0, 0, 3, .. s_optionMagic, 0, 0, 0, 1, 0, 0, 0, 0]);
        Receive(client, 18 + 10);
        foreach (var (command, offset, length) in new[]
        {
            ((ushort)0, ulong.MaxValue - 511, 512u), ((ushort)0, 1ul << 20, 512u), ((ushort)0, 0ul, uint.MaxValue & ~511u), ((ushort)0, 1ul, 512u),
            ((ushort)4, 0ul, uint.MaxValue), ((ushort)6, 512ul, 1u << 20), ((ushort)7, 0ul, 512u), ((ushort)8, 0ul, 0u), ((ushort)99, 0ul, 0u),
        })
        {
            client.Send(Request(command, offset, length));
            var reply = Receive(client, 16);
            Assert.Equal(22u, BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4)));
        }

        client.Send(Request(0, 512, 512));
        Assert.Equal(0u, BinaryPrimitives.ReadUInt32BigEndian(Receive(client, 16 + 512).AsSpan(4)));

        // Out of range with a payload: the payload is taken, the write refused, the stream stays in step.
        client.Send([.. Request(1, 1 << 20, 512), .. new byte[512]]);
        Assert.Equal(22u, BinaryPrimitives.ReadUInt32BigEndian(Receive(client, 16).AsSpan(4)));
        client.Send(Request(3, 0, 0));
        Assert.Equal(0u, BinaryPrimitives.ReadUInt32BigEndian(Receive(client, 16).AsSpan(4)));

        // A write that is too long to take ends the connection, because nothing behind it can be understood.
        client.Send(Request(1, 0, 1u << 31));
        Assert.Equal(0, client.Receive(new byte[1]));
    }

    [Fact]
    public async Task ClientThatVanishes_LeavesNothingBehind()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, new MemoryBlockDevice(1 << 20));
        using (var client = Connect(server))
        {
            client.Send([0, 0, 0, 3, .. s_optionMagic, 0, 0, 0, 1, 0, 0, 0, 0]);
            Receive(client, 28);
            client.Send([.. Request(1, 0, 65536), .. new byte[100]]);
        }

        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (server.Connections > 0)
        {
            Assert.True(DateTime.UtcNow < deadline, "the connection was not given up");
            await Task.Yield();
        }
    }

    private static Socket Connect(NbdServer server)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        client.Connect(new UnixDomainSocketEndPoint(server.SocketPath));
        return client;
    }

    private static byte[] Receive(Socket client, int count)
    {
        var bytes = new byte[count];
        for (var received = 0; received < count;)
        {
            var more = client.Receive(bytes.AsSpan(received));
            Assert.NotEqual(0, more);
            received += more;
        }

        return bytes;
    }

    private static byte[] Request(ushort command, ulong offset, uint length)
    {
        var request = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
        BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(6), command);
        BinaryPrimitives.WriteUInt64BigEndian(request.AsSpan(16), offset);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), length);
        return request;
    }
}
