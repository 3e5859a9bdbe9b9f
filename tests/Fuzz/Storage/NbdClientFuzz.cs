using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Vireo.Disks;
using Vireo.Platform.Memory;
using Vireo.Storage.FrontEnds.Nbd;
using Vireo.Storage.NbdClient;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Storage;

/// <summary>
/// Hostile NBD servers: <see cref="NbdReply"/> and <see cref="NbdStatusChunk"/> stay inside their bytes, and a client that talks to garbage
/// ends every request with a status and touches nothing outside its buffers.
/// </summary>
public sealed class NbdClientFuzz
{
    [Fact]
    public void Parsers_RefuseOrStayInside()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var extents = new List<BlockExtent>();
        for (var round = 0; round < 300_000; round++)
        {
            var bytes = new byte[random.Next(60)];
            random.NextBytes(bytes);
            for (var i = 0; i + 4 <= bytes.Length; i += 4)
            {
                if (random.Next(3) > 0)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i), random.Next(4) == 0 ? 0x668e33ef : (uint)random.Next(6) * 512);
                }
            }

            if (NbdReply.TryParse(bytes, out var reply))
            {
                Assert.InRange(bytes.Length, reply.IsStructured ? 20 : 16, 60);
            }

            extents.Clear();
            var sector = random.Next(2) == 0 ? 512 : 4096;
            if (NbdStatusChunk.TryParse(bytes, bytes.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32BigEndian(bytes), 8192, 1 << 20, sector, extents))
            {
                var next = 8192L;
                foreach (var extent in extents)
                {
                    Assert.Equal((next, 0), (extent.OffsetBytes, extent.LengthBytes % sector));
                    Assert.True(extent.LengthBytes > 0, $"seed {seed} round {round}");
                    next += extent.LengthBytes;
                }

                Assert.InRange(next, 8193, 8192 + (1 << 20));
            }
        }
    }

    [Fact]
    public async Task Client_OfAServerOfGarbage_EndsEveryRequest()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 300; round++)
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(1);
            using var ours = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await ours.ConnectAsync(listener.LocalEndPoint!);
            using var server = await listener.AcceptAsync();
            var export = new NbdServerExport(1 << 20, NbdExportFlags.HasFlags | NbdExportFlags.Flush | NbdExportFlags.Trim | NbdExportFlags.WriteZeroes, 1, 4096, 32 << 20, random.Next(4) > 0, 1);
            var device = await NbdClientDevice.ConnectAsync(
                "garbage", _ => Task.FromResult<(Stream, NbdServerExport)>((new NetworkStream(ours, ownsSocket: false), export)), new(TimeSpan.Zero, TimeSpan.FromSeconds(20)), TimeProvider.System, default);
            using var memory = new NativeBuffer(16384);
            memory.Span.Fill(0xaa);
            var vector = new IoVector(new[] { memory.Segment.Slice(4096, 8192) }, 8192);
            var extents = new List<BlockExtent>();
            var requests = Enumerable.Range(0, 6).Select(i => (i % 3) switch
            {
                0 => device.ReadAsync(8192, vector).AsTask(),
                1 => device.MapExtentsAsync(0, 65536, extents).AsTask(),
                _ => device.FlushAsync().AsTask(),
            }).Take(1 + random.Next(5)).ToArray();
            for (var i = 0; i < 20; i++)
            {
                server.Send(Reply(random));
            }

            server.Shutdown(SocketShutdown.Both);
            foreach (var request in requests)
            {
                Assert.InRange(await request.WaitAsync(TimeSpan.FromSeconds(60)), BlockStatus.Ok, BlockStatus.Closed);
            }

            Assert.Equal(-1, memory.Span[..4096].IndexOfAnyExcept((byte)0xaa));
            Assert.Equal(-1, memory.Span[12288..].IndexOfAnyExcept((byte)0xaa));
            await device.DisposeAsync();
        }
    }

    // Often almost right, so that much of it is read.
    private static byte[] Reply(Random random)
    {
        var payload = new byte[random.Next(6) switch { 0 => 0, 1 => 8, 2 => 12, 3 => 20, 4 => 8200, _ => random.Next(64) }];
        random.NextBytes(payload);
        if (payload.Length >= 12 && random.Next(4) > 0)
        {
            BinaryPrimitives.WriteUInt64BigEndian(payload, random.Next(2) == 0 ? 8192ul : (ulong)random.Next(1 << 20));
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(8), (uint)random.Next(10_000));
        }

        var isSimple = random.Next(4) == 0;
        var bytes = new byte[(isSimple ? 16 : 20) + payload.Length];
        payload.CopyTo(bytes, bytes.Length - payload.Length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes, isSimple ? 0x67446698u : 0x668e33efu);
        if (isSimple)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), random.Next(2) == 0 ? 0u : (uint)random.Next(200));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), (ushort)random.Next(2));
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(6), random.Next(6) switch { 0 => 0, 1 => 1, 2 => 2, 3 => 5, 4 => 0x8001, _ => (ushort)random.Next(65536) });
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), random.Next(8) == 0 ? (uint)random.NextInt64(1L << 32) : (uint)payload.Length);
        }

        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), (ulong)random.Next(1, 8));
        return bytes;
    }
}
