using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Storage.Layers;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>Requests however they are cut, mixed and delayed on their way.</summary>
public sealed class NbdStreamTests
{
    private const int DiskBytes = 4 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestsInPiecesOfAnySize_ArriveWhole(bool isLate)
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, new MemoryBlockDevice(DiskBytes));
        if (isLate)
        {
            await server.Stack.InsertAsync(new DelayLayer("late", TimeSpan.FromMilliseconds(1), BlockOperations.All, TimeProvider.System));
        }

        var seed = TestSeed.Next();
        var random = new Random(seed);
        using var client = new NbdClient(server.SocketPath);
        var expected = new byte[DiskBytes];
        for (var round = 0; round < 30; round++)
        {
            // Writes that do not touch each other, sent in pieces that have nothing to do with them.
            List<byte> stream = [];
            var count = 0ul;
            for (var at = 0; at < DiskBytes;)
            {
                var length = Math.Min(DiskBytes - at, 512 * (random.Next(4) == 0 ? random.Next(1, 600) : random.Next(1, 40)));
                var payload = new byte[length];
                random.NextBytes(payload);
                payload.CopyTo(expected.AsSpan(at));
                stream.AddRange(NbdClient.Request(NbdClient.Write, count++, (ulong)at, (uint)length, payload));
                at += length + (512 * random.Next(300));
            }

            var sending = Task.Run(() =>
            {
                var bytes = stream.ToArray().AsSpan();
                while (!bytes.IsEmpty)
                {
                    var piece = Math.Min(bytes.Length, random.Next(3) == 0 ? random.Next(1, 40) : random.Next(1, 300_000));
                    client.Socket.Send(bytes[..piece]);
                    bytes = bytes[piece..];
                }
            });
            var answered = new HashSet<ulong>();
            while ((ulong)answered.Count < count)
            {
                var (error, cookie) = client.ReceiveReply();
                Assert.Equal(0u, error);
                Assert.True(answered.Add(cookie));
            }

            await sending;
            var offset = 512 * random.Next(100);
            var read = new byte[DiskBytes - offset];
            client.Socket.Send(NbdClient.Request(NbdClient.Read, 7, (ulong)offset, (uint)read.Length));
            Assert.Equal((0u, 7ul), client.ReceiveReply());
            client.Receive(read);
            Assert.True(read.AsSpan().SequenceEqual(expected.AsSpan(offset)), $"seed {seed} round {round}");
        }
    }

    [Fact]
    public async Task ClientThatFetchesNoReplies_IsNotReadFromForEver_AndHoldsUpNobody()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, new MemoryBlockDevice(DiskBytes));
        using var greedy = new NbdClient(server.SocketPath);
        greedy.Socket.Blocking = false;
        var request = NbdClient.Request(NbdClient.Read, 1, 0, DiskBytes);
        var sent = 0;
        try
        {
            // 1 TB of answers, if they were made.
            for (; sent < 250_000; sent++)
            {
                greedy.Socket.Send(request);
            }
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The server takes no more.
        }

        Assert.InRange(sent, 1, 249_999);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: false), 0, 512 << 20);
        using var modest = new NbdClient(server.SocketPath);
        for (var i = 0ul; i < 100; i++)
        {
            modest.Socket.Send(NbdClient.Request(NbdClient.Read, i, 0, 512));
            Assert.Equal((0u, i), modest.ReceiveReply());
            modest.Receive(new byte[512]);
        }
    }

    [Fact]
    public async Task RequestsBeforeADisconnect_AreAnswered()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, new MemoryBlockDevice(DiskBytes));
        await server.Stack.InsertAsync(new DelayLayer("late", TimeSpan.FromMilliseconds(50), BlockOperations.All, TimeProvider.System));
        using var client = new NbdClient(server.SocketPath);
        client.Socket.Send([.. NbdClient.Request(NbdClient.Write, 1, 0, 512, new byte[512]), .. NbdClient.Request(NbdClient.Flush, 2, 0, 0), .. NbdClient.Request(NbdClient.Disconnect, 3, 0, 0)]);
        var cookies = new[] { client.ReceiveReply().Cookie, client.ReceiveReply().Cookie };
        Assert.Equal([1ul, 2ul], cookies.Order());
        Assert.Equal(0, client.Socket.Receive(new byte[1]));
    }

    [Fact]
    public async Task SmallReadsAndWrites_AllocateNothing()
    {
        const int batch = 16;
        using var folder = new TempFolder();
        using var reactors = new ReactorPool("nbd-test", 1);
        await using var server = new NbdServer(folder, new MemoryBlockDevice(DiskBytes), reactors);
        using var client = new NbdClient(server.SocketPath);
        var stream = new byte[batch * (28 + 28 + 4096)];
        var answers = new byte[batch * (16 + 16 + 4096)];
        Run(200);
        var before = await reactors.Reactors[0].InvokeAsync(GC.GetAllocatedBytesForCurrentThread);
        Run(500);
        var after = await reactors.Reactors[0].InvokeAsync(GC.GetAllocatedBytesForCurrentThread);

        // The two questions themselves, and no byte for each of 16,000 requests.
        Assert.InRange(after - before, 0, 4096);

        void Run(int rounds)
        {
            for (var round = 0; round < rounds; round++)
            {
                var at = stream.AsSpan();
                for (var i = 0; i < batch; i++)
                {
                    NbdClient.WriteRequest(at, NbdClient.Write, (ulong)i, (ulong)(i * 4096), 4096);
                    NbdClient.WriteRequest(at[(28 + 4096)..], NbdClient.Read, (ulong)i, (ulong)(i * 4096), 4096);
                    at = at[(28 + 28 + 4096)..];
                }

                client.Socket.Send(stream);
                client.Receive(answers);
            }
        }
    }
}
