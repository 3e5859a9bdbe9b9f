using System.Buffers.Binary;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.FrontEnds.Nbd;
using Vireo.Storage.Stacks;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Storage;

/// <summary>Clients that send nearly right requests over a real socket, and vanish at any moment: others are served as if nothing were.</summary>
public sealed class NbdConnectionFuzz
{
    private const int DiskBytes = 1 << 20;
    private static readonly byte[] s_handshake = [0, 0, 0, 3, 0x49, 0x48, 0x41, 0x56, 0x45, 0x4F, 0x50, 0x54, 0, 0, 0, 1, 0, 0, 0, 0];

    [Fact]
    public async Task Transmission_SurvivesAnything()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        using var folder = new TempFolder();
        await using var stack = new DiskStack(new MemoryBlockDevice(DiskBytes), "fuzz", violation => Assert.Fail(violation.Message));
        var attachment = new DiskAttachment(Guid.NewGuid(), "fuzz", ReadOnly: false, FrontEndKind.Nbd, folder["s"]);
        await using var server = new NbdFrontEndFactory().Start(new FrontEndContext(attachment, stack, NullLoggerFactory.Instance, TimeProvider.System));
        for (var round = 0; round < 1500; round++)
        {
            await Wait.UntilAsync("the server gives up clients that are gone", () => server.Connections < 32);
            using var client = Connect(folder["s"]);
            client.Blocking = false;
            for (var i = random.Next(1, 60); i > 0; i--)
            {
                try
                {
                    client.Send(Build(random));
                    if (random.Next(3) == 0)
                    {
                        client.Receive(new byte[random.Next(1, 65536)]);
                    }
                }
                catch (SocketException)
                {
                    // Full, empty, or hung up on: all is right.
                }
            }
        }

        using var last = Connect(folder["s"]);
        var request = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), 512);
        last.Send(request);
        Fill(last, 16 + 512);
        last.Dispose();
        await Wait.UntilAsync("the server gives up every client that is gone", () => server.Connections == 0);
    }

    private static Socket Connect(string path)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        client.Connect(new UnixDomainSocketEndPoint(path));
        client.Send(s_handshake);
        Fill(client, 28);
        return client;
    }

    private static void Fill(Socket client, int count)
    {
        var bytes = new byte[count];
        for (var received = 0; received < count;)
        {
            var more = client.Receive(bytes.AsSpan(received));
            Assert.NotEqual(0, more);
            received += more;
        }
    }

    private static byte[] Build(Random random)
    {
        var command = (ushort)random.Next(10);
        var length = random.Next(6) switch
        {
            0 => (uint)random.NextInt64(1L << 32),
            1 => (uint)random.Next(1 << 17) * 512u,
            _ => (uint)random.Next(100) * 512u,
        };
        var offset = random.Next(6) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(DiskBytes / 512) * 512;
        var payload = command != 1 ? 0 : random.Next(8) == 0 ? random.Next(60_000) : (int)Math.Min(length, 60_000);
        var bytes = new byte[28 + payload];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, random.Next(60) == 0 ? (uint)random.Next() : 0x25609513);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), (ushort)random.Next(32));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(6), command);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), (ulong)random.NextInt64());
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(16), offset);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(24), length);
        return random.Next(10) == 0 ? bytes[..random.Next(1, bytes.Length)] : bytes;
    }
}
