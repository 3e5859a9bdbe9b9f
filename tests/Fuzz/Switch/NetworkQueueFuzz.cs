using Vireo.Control.Switching;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Testing;
using Vireo.Testing.Vhost;
using Vireo.Vhost;

namespace Vireo.Fuzz.Tests.Switch;

/// <summary>
/// A guest whose queues, both of them, hold what no driver would write, beside two that behave: it may lose its own device, but the packet
/// thread goes on (an exception there would end this process) and the others' frames arrive whole.
/// </summary>
public sealed class NetworkQueueFuzz
{
    [Fact]
    public async Task Queues_of_random_content_harm_nobody_else()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        using var folder = new TempFolder();
        using var reactor = new Reactor("fuzz-packets");
        var forwarder = new Forwarder(TimeProvider.System);
        var home = new SwitchState(Guid.NewGuid(), new MacTable(1024, 300, 0x1234567));
        var policy = new PolicyCompiler(new StageCatalog(TimeProvider.System)).Compile(new PortSettings(PortVlanMode.Untagged, 0, []), null);
        List<VhostUserPort> ends = [];
        for (var i = 0; i < 2; i++)
        {
            var end = new VhostUserPort(1, new ReactorSeat(reactor));
            var port = new PortState(Guid.NewGuid(), policy, end);
            ends.Add(end);
            await reactor.InvokeAsync(() =>
            {
                home.Add(port);
                end.Start(port, forwarder);
            });
            await end.ListenAsync(folder[$"g{i}"], new VhostUserBackendOptions());
        }

        var quiet = new InMemoryPort(4096, FrameBatch.FrameBytesMax);
        var other = new PortState(Guid.NewGuid(), policy, quiet);
        await reactor.InvokeAsync(() =>
        {
            home.Add(other);
            quiet.Start(other, forwarder);
        });
        for (var round = 0; round < 300; round++)
        {
            PlayHostile(folder["g0"], random);
            await reactor.InvokeAsync(() => quiet.Drain());
            using var good = new Sender(folder["g1"]);
            var frame = new byte[random.Next(60, 1500)];
            random.NextBytes(frame.AsSpan(14));
            frame.AsSpan(0, 6).Fill(0xFF);
            frame[6] = 2;
            good.Send(frame);
            Assert.Equal(frame, await reactor.InvokeAsync(quiet.TryTake));
        }

        foreach (var end in ends)
        {
            await end.CloseAsync();
        }
    }

    private static void PlayHostile(string socket, Random random)
    {
        using var memory = new MockGuestMemory(1 << 18);
        using var receive = new MockQueue(memory, 0, 32, eventIndex: random.Next(2) == 0);
        using var send = new MockQueue(memory, 1, 32, receive.EventIndex);
        using var frontEnd = new MockFrontEnd(socket);
        frontEnd.Negotiate(receive.EventIndex ? ulong.MaxValue : ulong.MaxValue & ~(1UL << 29));
        Assert.True(frontEnd.SetMemory(memory));
        var frames = memory.Allocate(1 << 16);
        random.NextBytes(memory.Span(frames, 1 << 16));
        frontEnd.Start(memory, receive);
        frontEnd.Start(memory, send);
        for (var i = random.Next(1, 20); i > 0; i--)
        {
            // A header of zeros, so that more gets through to the parser.
            memory.Span(frames, 12).Clear();
            foreach (var queue in new[] { receive, send })
            {
                for (var index = 0; index < queue.Size; index++)
                {
                    var nonsense = random.Next(8) == 0;
                    queue.WriteDescriptor(
                        index,
                        nonsense ? (ulong)random.NextInt64() : random.Next(4) == 0 ? (ulong)random.Next(1 << 18) : frames,
                        nonsense ? (uint)random.Next() : (uint)random.Next(random.Next(3) == 0 ? 40_000 : 3000),
                        (ushort)(random.Next(6) == 0 ? random.Next(8) : queue.Index == 0 ? 2 : 0),
                        (ushort)random.Next(40));
                }

                for (var heads = random.Next(0, 20); heads > 0; heads--)
                {
                    queue.MakeAvailable((ushort)random.Next(random.Next(16) == 0 ? 40 : 32));
                }

                if (random.Next(20) == 0)
                {
                    queue.SetAvailableIndex((ushort)random.Next(65_536));
                }
            }

            send.KickEvent.Signal();
        }

        frontEnd.Stop(send);
    }

    /// <summary>A driver that sends one frame and behaves.</summary>
    private sealed class Sender : IDisposable
    {
        private readonly MockGuestMemory _memory = new(1 << 16);
        private readonly MockFrontEnd _frontEnd;
        private readonly MockQueue _send;

        public Sender(string socket)
        {
            _frontEnd = new MockFrontEnd(socket);
            _frontEnd.Negotiate();
            Assert.True(_frontEnd.SetMemory(_memory));
            _send = new MockQueue(_memory, 1, 32);
            _frontEnd.Start(_memory, _send);
        }

        public void Send(byte[] frame)
        {
            const int headerBytes = 12;
            var place = _memory.Allocate(headerBytes + frame.Length);
            frame.CopyTo(_memory.Span(place + headerBytes, frame.Length));
            _send.Add(new MockBuffer(place, headerBytes + frame.Length, false));
            _send.Kick();
            _send.WaitUsed();
        }

        public void Dispose()
        {
            _frontEnd.Dispose();
            _send.Dispose();
            _memory.Dispose();
        }
    }
}
