using System.Buffers.Binary;
using System.Collections.Concurrent;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;

namespace Vireo.Switch.Tests.Threads;

/// <summary>
/// A port that sends numbered frames of several conversations to others as fast as they are taken, and holds what it gets against the numbers. It has a task at its
/// packet thread and moves with it. Fewer frames are on their way than any ring holds, so none may be lost.
/// </summary>
internal sealed class StreamPort(int number, ReactorSeat seat, ConcurrentQueue<string> faults) : PortBackEnd(seat)
{
    /// <summary>Frames of one port that may be on their way; a frame to all counts once for each receiver.</summary>
    private const int InFlightMax = 48;

    private const int NumberOffset = 42;
    private readonly List<Stream> _streams = [];
    private readonly Dictionary<(int From, int Stream), long> _seen = [];
    private Source? _source;
    private PortState? _port;
    private int _inFlight;
    private volatile bool _isSending;

    /// <summary>A port that comes and goes: what it sends and gets may be missing, but none may come late.</summary>
    public bool IsGuest { get; init; }

    /// <summary>Who gets frames from here, by number.</summary>
    public required Func<int, StreamPort> PortOf { get; init; }

    public int Number => number;

    public long Sent { get; private set; }

    /// <summary>Frames of ports that stay.</summary>
    public long Received { get; private set; }

    /// <summary>Frames of ports that come and go, and of stations that were not known yet.</summary>
    public long Others { get; private set; }

    /// <summary>Copies that were sent: a frame to all is one for each receiver.</summary>
    public long SentCopies { get; private set; }

    public override bool IsConnected => _port is not null;

    public bool IsQuiet => Volatile.Read(ref _inFlight) == 0;

    /// <summary>A conversation with another port, or a frame to all where <paramref name="to"/> is zero.</summary>
    public void AddStream(int to, int receivers = 1)
    {
        var target = to == 0 ? MacAddress.Broadcast : Frames.Station(to);
        var frame = Packets.Udp(target, Frames.Station(number), $"10.0.0.{number}", $"10.0.0.{to}", 1000 + _streams.Count, 2000, new byte[16 + (_streams.Count * 300 % 1400)]);
        _streams.Add(new Stream(frame, to, receivers));
    }

    /// <summary>Begins to send. On its thread.</summary>
    public void Begin()
    {
        _isSending = true;
        Seat!.Activate(_source ??= new Source(this));
    }

    /// <summary>Sends no more.</summary>
    public void End() => _isSending = false;

    public override void Stop()
    {
        _port = null;
        _isSending = false;
        if (_source is not null)
        {
            Seat!.Deactivate(_source);
        }
    }

    /// <summary>A port has gone; whoever has its number next counts from one. On its thread.</summary>
    public void Forget(int from)
    {
        foreach (var key in _seen.Keys.Where(key => key.From == from).ToList())
        {
            _seen.Remove(key);
        }
    }

    public override void Transmit(FrameBatch batch)
    {
        foreach (var index in batch.Live)
        {
            var whole = batch.Bytes(index);
            var to = MacAddress.Read(whole);
            if (!to.IsGroup && to != Frames.Station(number))
            {
                Others++;
                continue;
            }

            var bytes = whole[NumberOffset..];
            var from = bytes[0];
            var sender = PortOf(from);
            var stream = bytes[1];
            var sequence = BinaryPrimitives.ReadInt64BigEndian(bytes[2..]);
            var last = _seen.GetValueOrDefault((from, stream));
            if (IsGuest || sender.IsGuest ? sequence <= last : sequence != last + 1)
            {
                faults.Enqueue($"port {number} got number {sequence} behind {last} of stream {stream} from port {from}");
            }

            _seen[(from, stream)] = sequence;
            if (sender.IsGuest || IsGuest)
            {
                Others++;
            }
            else
            {
                Received++;
            }

            if (!IsGuest)
            {
                Interlocked.Decrement(ref sender._inFlight);
            }
        }
    }

    protected override void OnStart(PortState port) => _port = port;

    private bool Send()
    {
        if (!_isSending || _port is not { } port || Seat is { IsCurrent: false })
        {
            if (_isSending && Seat is { IsCurrent: false })
            {
                faults.Enqueue($"port {number} is polled at the wrong thread");
            }

            return false;
        }

        var batch = Forwarder!.Ingress;
        for (var i = 0; i < _streams.Count && !batch.IsFull; i++)
        {
            var stream = _streams[(int)((Sent + i) % _streams.Count)];
            if (Volatile.Read(ref _inFlight) + stream.Receivers > InFlightMax)
            {
                break;
            }

            stream.Frame[NumberOffset] = (byte)number;
            stream.Frame[NumberOffset + 1] = (byte)_streams.IndexOf(stream);
            BinaryPrimitives.WriteInt64BigEndian(stream.Frame.AsSpan(NumberOffset + 2), ++stream.Sequence);
            Interlocked.Add(ref _inFlight, stream.Receivers);
            batch.Add(stream.Frame);
            SentCopies += stream.Receivers;
        }

        if (batch.Live.IsEmpty)
        {
            return false;
        }

        Sent += batch.Live.Length;
        var began = BeginTurn();
        Forwarder.Forward(port);
        EndTurn(port, began);
        return true;
    }

    private sealed class Stream(byte[] frame, int to, int receivers)
    {
        public byte[] Frame { get; } = frame;

        public int To { get; } = to;

        public int Receivers { get; } = receivers;

        public long Sequence { get; set; }
    }

    private sealed class Source(StreamPort port) : ReactorTask
    {
        protected override bool Poll() => port.Send();

        // Room comes without an event; whoever sends goes on asking.
        protected override bool TrySleep() => !port._isSending;
    }
}
