using System.Buffers.Binary;
using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Memory;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.FrontEnds.VhostUserBlock;
using Vireo.Storage.Stacks;
using Vireo.Testing;
using Vireo.Testing.Vhost;

namespace Vireo.Fuzz.Tests.Vhost;

/// <summary>
/// A front end and a driver that send what nobody should, to a real block device over a real socket. The server must neither die (an
/// exception on its reactor would end this process), nor leak what it was passed, nor stop serving those who behave.
/// </summary>
public sealed class VhostUserFuzz
{
    private const int DiskBytes = 1 << 20;

    [Fact]
    public async Task Messages_of_every_kind_and_none()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var name = $"fuzz-{Guid.NewGuid():N}";
        await using var server = new Server();
        using (var file = MemoryFile.CreateSealed(name, 1 << 16))
        using (var kick = EventDescriptor.Create())
        {
            for (var connection = 0; connection < 1000; connection++)
            {
                using var hostile = new MockFrontEnd(server.SocketPath);
                if (random.Next(2) == 0)
                {
                    hostile.Negotiate(ulong.MaxValue);
                }

                for (var message = random.Next(1, 40); message > 0 && SendNonsense(hostile, random, file, kick.Descriptor); message--)
                {
                }
            }
        }

        server.CheckThatItServes();

        // Its own descriptor of the file is closed, so whatever is left is a leak of the server.
        Assert.DoesNotContain(Directory.EnumerateFiles("/proc/self/fd"), descriptor => LinkOf(descriptor).Contains(name, StringComparison.Ordinal));
        Assert.DoesNotContain(name, await File.ReadAllTextAsync("/proc/self/maps"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rings_and_requests_of_random_content()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        await using var server = new Server();
        for (var round = 0; round < 800; round++)
        {
            using var memory = new MockGuestMemory(1 << 18);
            using var queue = new MockQueue(memory, 0, 32, eventIndex: random.Next(2) == 0);
            using var frontEnd = new MockFrontEnd(server.SocketPath);
            frontEnd.Negotiate(queue.EventIndex ? ulong.MaxValue : ulong.MaxValue & ~(1UL << 29));
            Assert.True(frontEnd.SetMemory(memory));
            frontEnd.Start(memory, queue);
            var headers = memory.Allocate(16 * 64);
            for (var i = random.Next(1, 40); i > 0; i--)
            {
                WriteRequests(memory, random, headers);
                WriteDescriptors(queue, random, headers);
                for (var heads = random.Next(1, 4); heads > 0; heads--)
                {
                    queue.MakeAvailable((ushort)random.Next(random.Next(8) == 0 ? 40 : 32));
                }

                queue.KickEvent.Signal();
            }

            frontEnd.Stop(queue);
        }

        server.CheckThatItServes();
    }

    [Fact]
    public void Ranges_of_discards_stay_within_what_a_position_can_be()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var bytes = new byte[BlockRange.LengthInRequest];
        for (var round = 0; round < 200_000; round++)
        {
            random.NextBytes(bytes);
            bytes.AsSpan(random.Next(8), 8).Clear();
            if (BlockRange.TryParse(bytes, out var range))
            {
                Assert.InRange(range.OffsetBytes, 0, long.MaxValue - 511);
                Assert.InRange(range.LengthBytes, 0, 1L << 30);
            }
        }
    }

    private static bool SendNonsense(MockFrontEnd hostile, Random random, Descriptor file, Descriptor kick)
    {
        var payload = new byte[random.Next(6) switch
        {
            0 => 0,
            1 => 8,
            2 => 40,
            3 => 8 + (32 * random.Next(9)),
            4 => random.Next(300),
            _ => 24,
        }];
        random.NextBytes(payload);

        // Numbers that are nearly right reach further than random ones.
        for (var at = 0; at + 8 <= payload.Length; at += 4)
        {
            if (random.Next(3) > 0)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(at), random.Next(4) == 0 ? 0x1000 : (uint)random.Next(5));
            }
        }

        var descriptors = new Descriptor[random.Next(4) == 0 ? random.Next(10) : random.Next(2)];
        for (var i = 0; i < descriptors.Length; i++)
        {
            descriptors[i] = random.Next(2) == 0 ? file : kick;
        }

        var message = new byte[12 + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)random.Next(42));
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), random.Next(30) == 0 ? (uint)random.Next() : 9u);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)(random.Next(40) == 0 ? random.Next() : payload.Length));
        payload.CopyTo(message.AsSpan(12));
        return hostile.SendRaw(message, descriptors);
    }

    private static void WriteRequests(MockGuestMemory memory, Random random, ulong headers)
    {
        uint[] types = [0, 1, 4, 8, 11, 13, 99];
        for (var i = 0; i < 64; i++)
        {
            var header = memory.Span(headers + (ulong)(i * 16), 16);
            BinaryPrimitives.WriteUInt32LittleEndian(header, types[random.Next(types.Length)]);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], random.Next(4) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(DiskBytes / 512));
        }
    }

    private static void WriteDescriptors(MockQueue queue, Random random, ulong headers)
    {
        for (var i = 0; i < queue.Size; i++)
        {
            var (address, length) = random.Next(5) switch
            {
                0 => (headers + (ulong)(random.Next(64) * 16), 16u),
                1 => ((ulong)random.Next(1 << 18), (uint)random.Next(1 << 12)),
                2 => ((ulong)random.Next(1 << 18), 512u * (uint)random.Next(8)),
                3 => ((ulong)random.Next(1 << 18), 1u),
                _ => random.Next(4) == 0 ? ((ulong)random.NextInt64(), (uint)random.Next()) : (headers, 16u * (uint)random.Next(64)),
            };
            queue.WriteDescriptor(i, address, length, (ushort)random.Next(random.Next(4) == 0 ? 8 : 4), (ushort)random.Next(random.Next(8) == 0 ? 40 : 32));
        }
    }

    private static string LinkOf(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget ?? string.Empty;
        }
        catch (IOException)
        {
            // Closed by another test between listing and looking.
            return string.Empty;
        }
    }

    /// <summary>A block device in memory behind a socket.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly TempFolder _folder = new();
        private readonly DiskStack _stack = new(new MemoryBlockDevice(DiskBytes), "disk", violation => throw new InvalidOperationException(violation.Message));
        private readonly VhostUserBlockFrontEnd _frontEnd;

        public Server()
        {
            var attachment = new DiskAttachment(Guid.NewGuid(), "disk", false, FrontEndKind.VhostUserBlock, SocketPath, 2);
            _frontEnd = VhostUserBlockFrontEnd.Start(new FrontEndContext(attachment, _stack, NullLoggerFactory.Instance, TimeProvider.System));
        }

        public string SocketPath => _folder["s"];

        public void CheckThatItServes()
        {
            using var memory = new MockGuestMemory();
            using var frontEnd = new MockFrontEnd(SocketPath);
            frontEnd.Negotiate();
            Assert.True(frontEnd.SetMemory(memory));
            using var queue = new MockQueue(memory, 1, 16);
            frontEnd.Start(memory, queue);
            var driver = new MockBlockDriver(memory, queue, 1, 4096);
            var page = new byte[4096];
            page.AsSpan().Fill(7);
            Assert.Equal(0, driver.Do(MockBlockDriver.Write, 8, page));
            page.AsSpan().Clear();
            Assert.Equal(0, driver.Do(MockBlockDriver.Read, 8, page));
            Assert.True(page.AsSpan().IndexOfAnyExcept((byte)7) < 0);
        }

        public async ValueTask DisposeAsync()
        {
            await _frontEnd.DisposeAsync();
            await _stack.DisposeAsync();
            _folder.Dispose();
        }
    }
}
