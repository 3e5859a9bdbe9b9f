using System.Buffers.Binary;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Testing.Vhost;
using Vireo.Vhost;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Bench;

/// <summary>
/// Two guests on a switch, over real vhost-user connections and rings, whose drivers do nothing but put the same buffers on the rings again:
/// one thread plays them and carries the frames, so what it takes is what the switch takes.
/// </summary>
internal sealed class GuestPair : IDisposable
{
    private const int RingSize = 256;
    private const int Burst = 32;
    private const int BufferBytes = 2048;

    private readonly Reactor _reactor = new("bench-packets");
    private readonly string _folder = Directory.CreateTempSubdirectory("vireo-bench-").FullName;
    private readonly List<IDisposable> _parts = [];
    private readonly VhostUserBackend[] _backEnds = new VhostUserBackend[2];
    private readonly Guest[] _guests = new Guest[2];

    /// <summary>Connects the guests, whose adapters have the addresses 1 and 2.</summary>
    public async Task StartAsync(Func<int, PortPolicy> policy, int frameBytes)
    {
        var forwarder = new Forwarder(TimeProvider.System);
        var home = new SwitchState(Guid.NewGuid(), new MacTable(8192, 300, 0x1234567));
        for (var i = 0; i < 2; i++)
        {
            var end = new VhostUserPort(1);
            var port = new PortState(Guid.NewGuid(), policy(i + 1), end);
            await _reactor.InvokeAsync(() =>
            {
                home.Add(port);
                end.Start(port, forwarder);
            });
            var captured = new Captured(end);
            var socket = Path.Combine(_folder, $"g{i}");
            _backEnds[i] = await VhostUserBackend.ListenAsync(_reactor, captured, socket);
            _guests[i] = new Guest(socket, captured, SwitchBenchmark.Frame(frameBytes, to: (ulong)(2 - i), from: (ulong)(1 + i)));
            _parts.Add(_guests[i]);
        }

        await _reactor.InvokeAsync(() =>
        {
            _guests[1].Send(1);
            _guests[0].Receive();
        });
    }

    /// <summary>Runs <paramref name="measure"/> on the packet thread with a step that sends a burst and says how many frames arrived.</summary>
    public Task<T> RunAsync<T>(Func<Func<int>, T> measure) => _reactor.InvokeAsync(() => measure(() =>
    {
        _guests[0].Send(Burst);
        return _guests[1].Receive();
    }));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in _parts)
        {
            part.Dispose();
        }

        foreach (var end in _backEnds)
        {
            end.DisposeAsync().AsTask().Wait();
        }

        _reactor.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Hands the queues out, so that the device can be called when the benchmark wants it.</summary>
    private sealed class Captured(VhostUserPort inner) : IVhostUserDevice
    {
        public VirtQueue? FromGuest { get; private set; }

        public VhostUserPort Inner => inner;

        public ulong Features => inner.Features;

        public VhostUserProtocolFeatures ProtocolFeatures => inner.ProtocolFeatures;

        public int QueueCount => inner.QueueCount;

        public void FeaturesNegotiated(ulong features) => inner.FeaturesNegotiated(features);

        public void QueueStarted(VirtQueue queue)
        {
            inner.QueueStarted(queue);
            FromGuest = queue.Index == 1 ? queue : FromGuest;
        }

        public void QueueStopping(VirtQueue queue) => inner.QueueStopping(queue);

        public void QueueStopped(VirtQueue queue) => inner.QueueStopped(queue);

        public bool Service(VirtQueue queue) => false;
    }

    private sealed class Guest : IDisposable
    {
        private readonly MockGuestMemory _memory = new(1 << 22);
        private readonly MockFrontEnd _frontEnd;
        private readonly MockQueue _receive;
        private readonly MockQueue _send;
        private readonly Captured _device;
        private ushort _seen;

        public Guest(string socket, Captured device, byte[] frame)
        {
            const ulong mergeable = 1UL << 15;
            const int headerBytes = 12;
            _device = device;
            _frontEnd = new MockFrontEnd(socket);
            _frontEnd.Negotiate(mergeable);
            _frontEnd.SetMemory(_memory);
            _receive = new MockQueue(_memory, 0, RingSize);
            _send = new MockQueue(_memory, 1, RingSize);
            _receive.WantCalls(false);
            _send.WantCalls(false);
            for (var i = 0; i < RingSize; i++)
            {
                var buffer = _memory.Allocate(BufferBytes);
                frame.CopyTo(_memory.Span(buffer + headerBytes, frame.Length));
                _send.WriteDescriptor(i, buffer, (uint)(headerBytes + frame.Length), 0, 0);
                _receive.WriteDescriptor(i, _memory.Allocate(BufferBytes), BufferBytes, 2, 0);
                foreach (var queue in new[] { _send, _receive })
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(_memory.Span(queue.Available + 4 + (ulong)(i * 2), 2), (ushort)i);
                }
            }

            _receive.SetAvailableIndex(RingSize);
            _frontEnd.Start(_memory, _receive);
            _frontEnd.Start(_memory, _send);
        }

        public void Send(int frames)
        {
            _send.SetAvailableIndex((ushort)(_send.AvailableIndex + frames));
            _device.Inner.Service(_device.FromGuest!);
        }

        public int Receive()
        {
            var used = _receive.UsedIndex;
            var count = (ushort)(used - _seen);
            _seen = used;
            _receive.SetAvailableIndex((ushort)(used + RingSize));
            return count;
        }

        public void Dispose()
        {
            _frontEnd.Dispose();
            _receive.Dispose();
            _send.Dispose();
            _memory.Dispose();
        }
    }
}
