using System.Diagnostics;
using System.Numerics;
using System.Runtime.Intrinsics;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// The way between packet threads: a frame whose receiver is at another thread crosses over behind the lookup, and passes the receiver's stages there. A known
/// conversation has a half in each: receiver, VLAN and ingress counters here, what the receiver's stages said and their counters there.
/// </summary>
internal sealed unsafe partial class Forwarder
{
    /// <summary>Batches taken from one ring before others get their turn.</summary>
    private const int BatchesPerRing = 4;

    private CrossingRing?[]? _departures;
    private CrossingRing[] _arrivals = [];
    private FrameBatch? _crossed;
    private FlowCache? _halves;
    private uint[] _arrivedAs = [];
    private ulong _touched;

    /// <summary>The thread that runs this pipeline; null where somebody else does.</summary>
    public PacketThread? Thread { get; private set; }

    /// <summary>Place of this thread's copy of a switch's stations.</summary>
    public int Index { get; private set; }

    /// <summary>Whether threads count how long each port takes.</summary>
    public bool CountsTime => _departures is not null;

    /// <summary>Whether something has crossed over to here and waits.</summary>
    public bool HasCrossings
    {
        get
        {
            foreach (var ring in _arrivals)
            {
                if (ring.Count > 0)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>From now on <paramref name="thread"/> runs this pipeline.</summary>
    public void RunBy(PacketThread thread)
    {
        Thread = thread;
        Index = thread.Index;
    }

    /// <summary>There are other threads.</summary>
    /// <param name="departures">The rings to them, by their numbers; null at this one's.</param>
    /// <param name="arrivals">The rings from them.</param>
    public void Connect(CrossingRing?[] departures, CrossingRing[] arrivals)
    {
        _crossed = new FrameBatch();
        _halves = new FlowCache();
        _arrivedAs = new uint[FrameBatch.FramesMax];
        _arrivals = arrivals;
        _departures = departures;
    }

    /// <summary>Brings to its end what has crossed over to here, a bounded piece of it.</summary>
    /// <returns>Whether there was any.</returns>
    public bool TakeCrossings()
    {
        var worked = false;
        foreach (var ring in _arrivals)
        {
            for (var turn = 0; turn < BatchesPerRing && TakeRun(ring); turn++)
            {
                worked = true;
            }
        }

        Depart();
        return worked;
    }

    /// <summary>Sends a frame over to the thread of its receiver.</summary>
    private void Cross(FrameBatch batch, ushort index, PortState receiver, CrossingKind kind)
    {
        ref var frame = ref batch[index];
        if (kind == CrossingKind.Sole && _arrivedFrom is { } source && Tracer is null)
        {
            RememberDeparture(source, receiver, batch, index);
        }

        var to = receiver.Carrier!.Index;
        var trace = frame.Trace == 0 ? null : Tracer?.Leave(frame.Trace);
        var crossing = new Crossing
        {
            Kind = kind,
            Source = _sender,
            Receiver = receiver,
            Trace = trace,
            Offload = frame.Offload,
            VlanId = frame.VlanId,
            Priority = frame.Priority,
            WasTagged = frame.WasTagged,
        };

        // SAFETY: the rest of a frame stays mapped until its batch is cleared, because its sender's buffer is given back only then.
        var rest = frame.Rest == 0 ? default : new ReadOnlySpan<byte>((void*)frame.Rest, frame.Length - frame.HeadBytes);
        if (_departures![to]!.TryAdd(batch.Head(index), rest, crossing))
        {
            _touched |= 1UL << to;
        }
        else
        {
            receiver.CountRefusedCrossing();
            Tracer?.Refused(trace, receiver);
        }
    }

    /// <summary>Tells the other threads where a station is.</summary>
    /// <returns>False when one of them has not been told.</returns>
    private bool TellStation(PortState source, MacAddress station, ushort vlan, uint now)
    {
        var all = true;
        for (var to = 0; to < _departures!.Length; to++)
        {
            if (_departures[to] is { } ring)
            {
                var crossing = new Crossing { Kind = CrossingKind.Station, Source = source, Home = source.Switch, Station = station, VlanId = vlan, Second = now };
                all &= ring.TryAdd([], [], crossing);
                _touched |= 1UL << to;
            }
        }

        return all;
    }

    /// <summary>Shows the other threads what was sent to them since the last time.</summary>
    private void Depart()
    {
        if (_touched == 0)
        {
            return;
        }

        for (var left = _touched; left != 0; left &= left - 1)
        {
            _departures![BitOperations.TrailingZeroCount(left)]!.Publish();
        }

        // A reader that goes to sleep looks once more behind a barrier of its own.
        Interlocked.MemoryBarrier();
        for (; _touched != 0; _touched &= _touched - 1)
        {
            _departures![BitOperations.TrailingZeroCount(_touched)]!.Reader.Wake();
        }
    }

    /// <summary>Takes the oldest frames of one sender and kind.</summary>
    /// <returns>Whether anything was there.</returns>
    private bool TakeRun(CrossingRing ring)
    {
        var count = ring.Count;
        if (count == 0)
        {
            return false;
        }

        var batch = _crossed!;
        Tracer?.Gather();
        var taken = 0;
        var kind = CrossingKind.Station;
        PortState? source = null;
        for (; taken < count && !batch.IsFull; taken++)
        {
            ref var crossing = ref ring[taken];
            if (crossing.Kind == CrossingKind.Station)
            {
                crossing.Home!.Stations(Index).Learn(crossing.Station, crossing.VlanId, crossing.Source!.Slot, crossing.Second);
                continue;
            }

            if (source is null && kind == CrossingKind.Station)
            {
                source = crossing.Source;
                kind = crossing.Kind;
            }
            else if (crossing.Source != source || crossing.Kind != kind)
            {
                break;
            }

            Send(batch, Arrive(ring, crossing, batch), crossing.Receiver!, isShared: false);
        }

        if (kind != CrossingKind.Station)
        {
            _sender = source;
            DeliverRun(batch, source, kind);
            Tracer?.End();
            batch.Clear();
        }

        ring.Release(taken);
        return true;
    }

    private ushort Arrive(CrossingRing ring, in Crossing crossing, FrameBatch batch)
    {
        var bytes = ring.BytesOf(crossing);
        var head = Math.Min(bytes.Length, FrameBatch.HeadBytesMax);
        bytes[..head].CopyTo(batch.Append(bytes.Length, head, head == bytes.Length ? 0 : ring.AddressOf(crossing) + head, crossing.Offload));
        var index = batch.Live[^1];
        ref var frame = ref batch[index];
        frame.VlanId = crossing.VlanId;
        frame.Priority = crossing.Priority;
        frame.WasTagged = crossing.WasTagged;
        frame.SoleReceiver = true;
        _arrivedAs[index] = crossing.VlanId | ((uint)crossing.Priority << 16);
        if (crossing.Trace is { } trace)
        {
            Tracer?.Join(trace, ref frame);
        }

        return index;
    }

    private void DeliverRun(FrameBatch batch, PortState? source, CrossingKind kind)
    {
        for (var i = 0; i < _receiverCount; i++)
        {
            var receiver = _receivers[i];
            var policy = receiver.Policy;
            var began = Stopwatch.GetTimestamp();
            batch.Select(receiver.Pending.AsSpan(0, receiver.PendingCount));
            receiver.PendingCount = 0;
            if (kind == CrossingKind.Copy)
            {
                HandOver(receiver, batch);
            }
            else if (kind == CrossingKind.Sole && Tracer is null && AreArrivalsKnown(source, receiver, policy, batch))
            {
                HandOver(receiver, batch);
            }
            else
            {
                Reparse(batch, policy.Depth, receiver.Dropped);
                RunStagesOut(receiver, policy, batch, policy.Stages.Length - 1);
                if (kind == CrossingKind.Sole && Tracer is null)
                {
                    RememberArrivals(source, receiver, policy, batch);
                }

                Leave(receiver, policy, batch);
            }

            receiver.BusyTicks += Stopwatch.GetTimestamp() - began;
        }

        _receiverCount = 0;
    }

    /// <summary>Finds out whether the receiver's stages are known to pass all of these frames; counts and marks them if they are.</summary>
    private bool AreArrivalsKnown(PortState? source, PortState receiver, PortPolicy policy, FrameBatch batch)
    {
        var live = batch.Live;
        if (!policy.IsAboutFlows || live.IsEmpty)
        {
            return false;
        }

        var now = Now;
        Span<ushort> places = stackalloc ushort[FrameBatch.FramesMax];
        var last = default(Vector256<ulong>);
        uint lastAs = 0;
        for (var i = 0; i < live.Length; i++)
        {
            var index = live[i];
            if (!FlowKey.TryRead(batch.Head(index), batch[index].Length, out var key, out var packetBytes))
            {
                return false;
            }

            batch[index].Headers = FlowKey.Headers(key, packetBytes);
            if (i > 0 && key == last && _arrivedAs[index] == lastAs)
            {
                places[i] = places[i - 1];
                continue;
            }

            var place = _halves!.Find(key);
            if (place < 0 || !Holds(_halves[place], source, receiver, policy, now, _arrivedAs[index]))
            {
                return false;
            }

            places[i] = (ushort)place;
            last = key;
            lastAs = _arrivedAs[index];
        }

        for (var i = 0; i < live.Length; i++)
        {
            ref var frame = ref batch[live[i]];
            ref readonly var entry = ref _halves![places[i]];
            frame.VlanId = entry.VlanId;
            frame.Priority = entry.Priority;
            entry.Count(1, frame.Length);
        }

        return true;
    }

    private static bool Holds(in FlowEntry entry, PortState? source, PortState receiver, PortPolicy policy, uint now, uint arrivedAs) =>
        entry.Receiver == receiver && entry.ReceiverPolicy == policy && entry.Source == source && entry.Second == now && entry.Version == arrivedAs;

    /// <summary>Notes the half of a conversation that belongs to its sender.</summary>
    private void RememberDeparture(PortState source, PortState receiver, FrameBatch batch, ushort index)
    {
        var policy = source.Policy;
        if (source.Switch is not { Forwarding: null } home || !policy.IsAboutFlows || batch[index].WasTagged
            || !FlowKey.TryRead(batch.Head(index), batch[index].Length, out var key, out _))
        {
            return;
        }

        var now = Now;
        var version = home.Stations(Index).Version;
        var known = _flows.Find(key);
        if (known >= 0 && Holds(_flows[known], source, policy, home, now, version))
        {
            return;
        }

        var entry = new FlowEntry
        {
            Key = key,
            Source = source,
            Receiver = receiver,
            SourcePolicy = policy,
            Second = now,
            Version = version,
            VlanId = batch[index].VlanId,
            Priority = batch[index].Priority,
        };
        if (AllRemember(policy, batch, index, StageDirection.Ingress, ref entry))
        {
            _flows.Put(entry);
        }
    }

    /// <summary>Notes the halves of conversations that belong to their receiver.</summary>
    private void RememberArrivals(PortState? source, PortState receiver, PortPolicy policy, FrameBatch batch)
    {
        if (source is null || !policy.IsAboutFlows)
        {
            return;
        }

        var now = Now;
        foreach (var index in batch.Live)
        {
            if (batch[index].WasTagged || !FlowKey.TryRead(batch.Head(index), batch[index].Length, out var key, out _))
            {
                continue;
            }

            var known = _halves!.Find(key);
            if (known >= 0 && Holds(_halves[known], source, receiver, policy, now, _arrivedAs[index]))
            {
                continue;
            }

            var entry = new FlowEntry
            {
                Key = key,
                Source = source,
                Receiver = receiver,
                ReceiverPolicy = policy,
                Second = now,
                Version = _arrivedAs[index],
                VlanId = batch[index].VlanId,
                Priority = batch[index].Priority,
            };
            if (AllRemember(policy, batch, index, StageDirection.Egress, ref entry))
            {
                _halves.Put(entry);
            }
        }
    }
}
