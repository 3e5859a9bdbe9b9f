using Vireo.Control.Switching;
using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;
using Vireo.Switch.Threads;
using Vireo.Switch.Tracing;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// The way of a frame: parse, ingress stages of the port it came from, destination lookup, egress stages of the ports it goes to.
/// One per packet thread; takes no lock, allocates nothing and throws nothing while frames pass.
/// </summary>
/// <remarks>
/// A batch is brought to its end before the next begins. Frames are grouped by receiver, so each receiver's stages and queue are
/// visited once per batch, and the order of frames between two ports is kept.
/// </remarks>
internal sealed partial class Forwarder(TimeProvider clock)
{
    private const string LookupName = "Lookup";
    private static readonly DropReason s_storm = DropReason.Register("StormLimit");
    private readonly FrameBatch _ingress = new();
    private readonly FrameBatch _egress = new();
    private readonly FrameBatch _cut = new();
    private readonly FrameBatch _copies = new();
    private PortState[] _receivers = new PortState[16];
    private int _receiverCount;
    private PortState? _arrivedFrom;

    /// <summary>The batch that a back end fills before it calls <see cref="Forward"/>; empty between calls.</summary>
    public FrameBatch Ingress => _ingress;

    /// <summary>Told of ports whose stages act as time passes, or null where somebody else calls <see cref="Tick"/>.</summary>
    public StageTimer? Timer { get; set; }

    /// <summary>Follows frames while somebody wants to know; null most of the time.</summary>
    public FrameTracer? Tracer { get; set; }

    /// <summary>Seconds on the switch's clock, for ageing.</summary>
    public uint Now => Clock.Seconds(clock);

    /// <summary>Carries the frames of <see cref="Ingress"/>, which came from <paramref name="source"/>, to where they go, and empties it.</summary>
    public void Forward(PortState source)
    {
        var batch = _ingress;
        var policy = source.Policy;
        if (source.Switch is not { } home || !TryForwardKnown(source, policy, home, batch))
        {
            ParseArrived(source, policy, batch);
            _arrivedFrom = source;
            RunIngress(source, policy, batch, 0);
            _arrivedFrom = null;
            Tracer?.End();
        }

        batch.Clear();
        Depart();
    }

    /// <summary>Lets the stages of <paramref name="port"/> that hold or inject frames act.</summary>
    /// <returns>When to call again, in ticks of the clock; <see cref="long.MaxValue"/> when no stage waits for anything.</returns>
    public long Tick(PortState port)
    {
        var policy = port.Policy;
        var next = ServeWaiting(port);
        if (!policy.Ticks)
        {
            return next;
        }

        for (var index = 0; index < policy.Stages.Length; index++)
        {
            if (policy.Stages[index] is not ITickingStage stage)
            {
                continue;
            }

            var now = clock.GetTimestamp();
            if (stage.NextTick <= now)
            {
                Release(port, policy, stage, index, now);
            }

            next = Math.Min(next, stage.NextTick);
        }

        Depart();
        return next;
    }

    private void Release(PortState port, PortPolicy policy, ITickingStage stage, int index, long now)
    {
        while (true)
        {
            stage.Tick(now, StageDirection.Ingress, _ingress);
            if (_ingress.Live.IsEmpty)
            {
                break;
            }

            Reparse(_ingress, Tracer is null ? policy.Depth : HeaderDepth.Network, port.Dropped);
            Tracer?.Begin(_ingress, port, stage.Name);
            RunIngress(port, policy, _ingress, index + 1);
            Tracer?.End();
            _ingress.Clear();
        }

        while (true)
        {
            stage.Tick(now, StageDirection.Egress, _egress);
            if (_egress.Live.IsEmpty)
            {
                break;
            }

            _sender = null;
            Reparse(_egress, Tracer is null ? policy.Depth : HeaderDepth.Network, port.Dropped);
            Tracer?.Begin(_egress, port, stage.Name);
            RunEgress(port, policy, _egress, index - 1);
            Tracer?.End();
            _egress.Clear();
        }
    }

    private void ParseArrived(PortState source, PortPolicy policy, FrameBatch batch)
    {
        var depth = Tracer is null ? policy.Depth : HeaderDepth.Network;
        long bytes = 0;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            bytes += frame.Length;
            if (!TryParse(batch, index, depth) || (frame.Offload.IsWork && !OffloadRules.AreSound(frame)))
            {
                batch.Drop(index, DropReason.Malformed);
            }
            else if (frame.Headers.OuterTagProtocol == FrameParser.CustomerTagProtocol)
            {
                batch.PopTag(index);
            }
        }

        source.FramesIn += batch.Live.Length;
        source.BytesIn += bytes;
        Tracer?.Begin(batch, source, null);
        batch.Compact(source.Dropped);
    }

    private static bool TryParse(FrameBatch batch, int index, HeaderDepth depth)
    {
        ref var frame = ref batch[index];
        var good = FrameParser.TryParse(batch.Head(index), frame.Length, depth, out var headers);
        if (headers.IsCutShort)
        {
            good = FrameParser.TryParse(batch.Bytes(index), depth, out headers);
        }

        frame.Headers = headers;
        return good;
    }

    private void RunIngress(PortState source, PortPolicy policy, FrameBatch batch, int firstStage)
    {
        _sender = source;
        var stages = policy.Stages;
        for (var stage = firstStage; stage < stages.Length && !batch.Live.IsEmpty; stage++)
        {
            Process(stages[stage], batch, StageDirection.Ingress, source);
            batch.Compact(source.Dropped);
        }

        if (policy.Ticks)
        {
            Timer?.Note(source);
        }

        if (source.Switch is { } home)
        {
            if (policy.Mirroring == PortMirroring.Source)
            {
                Mirror(source, policy, home, batch);
            }

            LookUpAny(source, policy, home, batch);
        }
        else
        {
            // A cable that goes nowhere.
            foreach (var index in batch.Live)
            {
                batch.Drop(index, DropReason.NotConnected);
            }
        }

        Tracer?.Judged(batch, source, StageDirection.Ingress, LookupName);
        batch.Compact(source.Dropped);
        DeliverAll(batch);
    }

    private void Process(IStage stage, FrameBatch batch, StageDirection direction, PortState at)
    {
        if (Tracer is { } tracer)
        {
            tracer.Process(stage, batch, direction, at);
        }
        else
        {
            stage.Process(batch, direction);
        }
    }

    private void LookUp(PortState source, PortPolicy policy, SwitchState home, FrameBatch batch)
    {
        var now = Now;
        var table = home.Stations(Index);

        // Frames come in runs to the same station; what was found for the last one holds until the table changes.
        ulong lastKey = 0;
        uint lastVersion = 0;
        PortState? last = null;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            var head = batch.Head(index);
            var destination = MacAddress.Read(head);
            var sender = MacAddress.Read(head[6..]);
            if (sender.IsGroup || sender.Value == 0)
            {
                batch.Drop(index, DropReason.InvalidSource);
                continue;
            }

            var vlan = home.LearningVlan(frame.VlanId);
            Learn(source, table, sender, vlan, now);
            if (!destination.IsGroup)
            {
                var key = MacTable.KeyOf(destination, vlan);
                if (key != lastKey || table.Version != lastVersion)
                {
                    var slot = table.Find(destination, vlan, now);
                    last = slot < 0 ? null : home.At(slot);
                    lastKey = key;
                    lastVersion = table.Version;
                }

                if (last is not null)
                {
                    if (last == source)
                    {
                        batch.Drop(index, DropReason.SamePort);
                        continue;
                    }

                    frame.SoleReceiver = true;
                    Send(batch, index, last, isShared: false);
                    continue;
                }
            }
            else if (destination.IsLinkLocal)
            {
                batch.Drop(index, DropReason.LinkLocal);
                continue;
            }

            if (policy.StormLimit > 0 && ExceedsStormLimit(source, policy.StormLimit, now))
            {
                batch.Drop(index, s_storm);
                continue;
            }

            Flood(batch, index, source, home);
        }
    }

    private static bool ExceedsStormLimit(PortState source, int limit, uint now)
    {
        if (source.StormSecond != now)
        {
            source.StormSecond = now;
            source.StormFrames = 0;
        }

        return ++source.StormFrames > limit;
    }

    /// <summary>Gives the watchers of the switch copies of frames that <paramref name="source"/> has sent or is about to get, as it sees them.</summary>
    private void Mirror(PortState source, PortPolicy policy, SwitchState home, FrameBatch batch)
    {
        foreach (var watcher in home.Watchers)
        {
            if (watcher == source || !watcher.BackEnd.IsConnected)
            {
                continue;
            }

            foreach (var index in batch.Live)
            {
                if (_copies.IsFull)
                {
                    GiveCopies(watcher);
                }

                ref var frame = ref batch[index];
                ref var copy = ref _copies[_copies.Add(batch.Bytes(index))];
                copy.Offload = frame.Offload;
                copy.Trace = frame.Trace;
                copy.VlanId = policy.IsTagged ? frame.VlanId : (ushort)0;
                copy.Priority = policy.IsTagged ? frame.Priority : (byte)0;
            }

            GiveCopies(watcher);
        }
    }

    private void GiveCopies(PortState watcher)
    {
        if (IsElsewhere(watcher))
        {
            foreach (var index in _copies.Live)
            {
                Cross(_copies, index, watcher, CrossingKind.Copy);
            }
        }
        else
        {
            HandOver(watcher, _copies);
        }

        _copies.Clear();
    }

    private void Learn(PortState source, MacTable table, MacAddress sender, ushort vlan, uint now)
    {
        // A port mostly sends in one name, which the table hears of once a second.
        var key = MacTable.KeyOf(sender, vlan);
        if (key != source.LearnedKey || table.Version != source.LearnedVersion || now != source.LearnedAt)
        {
            if (table.Learn(sender, vlan, source.Slot, now) && _departures is not null && !TellStation(source, sender, vlan, now))
            {
                // There was no room; the next frame tells it again.
                table.Unhear(sender, vlan);
                return;
            }

            source.LearnedKey = key;
            source.LearnedVersion = table.Version;
            source.LearnedAt = now;
        }
    }

    private void Flood(FrameBatch batch, ushort index, PortState source, SwitchState home)
    {
        var vlan = batch[index].VlanId;
        foreach (var port in home.Ports)
        {
            if (port != source && port.BackEnd.IsConnected && port.Policy.Vlans.Contains(vlan))
            {
                Send(batch, index, port, isShared: true);
            }
        }
    }

    private bool IsElsewhere(PortState port) => _departures is not null && port.Carrier is { } carrier && carrier != this;

    private void Send(FrameBatch batch, ushort index, PortState receiver, bool isShared)
    {
        if (IsElsewhere(receiver))
        {
            Cross(batch, index, receiver, isShared ? CrossingKind.Shared : CrossingKind.Sole);
            return;
        }

        if (receiver.PendingCount == 0)
        {
            if (_receiverCount == _receivers.Length)
            {
                // Happens once per doubling of the number of ports.
                Array.Resize(ref _receivers, _receiverCount * 2);
            }

            _receivers[_receiverCount++] = receiver;
            receiver.IsPendingShared = false;
        }

        if (isShared)
        {
            receiver.IsPendingShared = true;
        }

        receiver.Pending[receiver.PendingCount++] = index;
    }

    private void DeliverAll(FrameBatch batch)
    {
        for (var i = 0; i < _receiverCount; i++)
        {
            var receiver = _receivers[i];
            var pending = receiver.Pending.AsSpan(0, receiver.PendingCount);
            var policy = receiver.Policy;
            receiver.PendingCount = 0;
            if (!receiver.IsPendingShared)
            {
                // Nobody else gets any of these, so they go on as they are.
                batch.Select(pending);
                Deliver(receiver, policy, batch, _arrivedFrom);
                continue;
            }

            foreach (var index in pending)
            {
                _egress.AddShared(batch, index);
            }

            Deliver(receiver, policy, _egress, null);
            _egress.Clear();
        }

        _receiverCount = 0;
    }

    private void Deliver(PortState receiver, PortPolicy policy, FrameBatch batch, PortState? rememberFrom)
    {
        Reparse(batch, policy.Depth, receiver.Dropped);
        RunEgress(receiver, policy, batch, policy.Stages.Length - 1, rememberFrom);
    }

    /// <param name="receiver">Where the frames go.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="batch">The frames.</param>
    /// <param name="firstStage">The stage to begin with; the others follow towards the port.</param>
    /// <param name="rememberFrom">Where the frames came from, if they passed all of its stages just now and go nowhere else.</param>
    private void RunEgress(PortState receiver, PortPolicy policy, FrameBatch batch, int firstStage, PortState? rememberFrom = null)
    {
        RunStagesOut(receiver, policy, batch, firstStage);
        if (rememberFrom is not null)
        {
            Remember(rememberFrom, receiver, policy, batch);
        }

        Leave(receiver, policy, batch);
    }

    private void RunStagesOut(PortState receiver, PortPolicy policy, FrameBatch batch, int firstStage)
    {
        var stages = policy.Stages;
        for (var stage = firstStage; stage >= 0 && !batch.Live.IsEmpty; stage--)
        {
            Process(stages[stage], batch, StageDirection.Egress, receiver);
            batch.Compact(receiver.Dropped);
        }

        if (policy.Ticks)
        {
            Timer?.Note(receiver);
        }
    }

    private void Leave(PortState receiver, PortPolicy policy, FrameBatch batch)
    {
        if (policy.Mirroring == PortMirroring.Source && receiver.Switch is { } home)
        {
            Mirror(receiver, policy, home, batch);
        }

        HandOver(receiver, batch);
    }

    /// <summary>Puts tags in, does what the receiver cannot, and transmits.</summary>
    /// <returns>The first frame that the receiver had no room for, if <paramref name="refusals"/> keeps such frames; else the greatest number.</returns>
    private int HandOverNow(PortState receiver, FrameBatch batch, Refusals refusals)
    {
        var mustCut = false;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if ((frame.VlanId != 0 || frame.Priority != 0) && !batch.PushTag(index))
            {
                batch.Drop(index, DropReason.TooLong);
            }
            else if (frame.Offload.IsWork)
            {
                mustCut |= DoWork(receiver, batch, index);
            }
        }

        batch.Compact(receiver.Dropped);
        if (mustCut)
        {
            CutAndTransmit(receiver, batch);
            return int.MaxValue;
        }

        return Transmit(receiver, batch, refusals);
    }

    /// <summary>Does what the receiver cannot.</summary>
    /// <returns>Whether the frame has to be cut.</returns>
    private static bool DoWork(PortState receiver, FrameBatch batch, ushort index)
    {
        ref var frame = ref batch[index];
        if (receiver.BackEnd.Capabilities.Take(frame.Offload) && !OffloadRules.MustBeComplete(frame.Offload, batch, index))
        {
            return false;
        }

        if (frame.Offload.Segmentation != SegmentationKind.None)
        {
            return true;
        }

        if (!Checksum.TryComplete(batch, index))
        {
            batch.Drop(index, DropReason.TooLong);
        }

        return false;
    }

    private void CutAndTransmit(PortState receiver, FrameBatch batch)
    {
        var capabilities = receiver.BackEnd.Capabilities;
        Tracer?.Cut(batch, receiver);
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            var cutter = new SegmentCutter(batch.Bytes(index), frame.Offload, capabilities.Take(frame.Offload));
            while (!cutter.IsDone)
            {
                if (_cut.IsFull)
                {
                    Transmit(receiver, _cut, Refusals.Drop);
                    _cut.Clear();
                }

                if (!cutter.Next(_cut))
                {
                    receiver.Dropped[DropReason.Malformed.Id]++;
                    break;
                }
            }
        }

        Transmit(receiver, _cut, Refusals.Drop);
        _cut.Clear();
    }

    private int Transmit(PortState receiver, FrameBatch batch, Refusals refusals)
    {
        if (batch.Live.IsEmpty)
        {
            return int.MaxValue;
        }

        receiver.BackEnd.Transmit(batch);
        Tracer?.Handed(batch, receiver);
        var refused = refusals == Refusals.Drop ? int.MaxValue : KeepRefused(receiver, batch, refusals);
        batch.Compact(receiver.Dropped);
        long bytes = 0;
        foreach (var index in batch.Live)
        {
            bytes += batch[index].Length;
        }

        receiver.FramesOut += batch.Live.Length;
        receiver.BytesOut += bytes;
        return refused;
    }

    private static void Reparse(FrameBatch batch, HeaderDepth depth, long[] dropped)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if ((frame.Headers.NetworkOffset == 0 || frame.Headers.Depth < depth) && !TryParse(batch, index, depth))
            {
                batch.Drop(index, DropReason.Malformed);
            }
        }

        batch.Compact(dropped);
    }
}
