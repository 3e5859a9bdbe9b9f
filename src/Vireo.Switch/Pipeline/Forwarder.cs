using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// The way of a frame: parse, ingress stages of the port it came from, destination lookup, egress stages of the ports it goes to.
/// One per packet thread; takes no lock, allocates nothing and throws nothing while frames pass.
/// </summary>
/// <remarks>
/// A batch is brought to its end before the next begins. Frames are grouped by receiver, so each receiver's stages and queue are
/// visited once per batch, and the order of frames between two ports is kept.
/// </remarks>
internal sealed class Forwarder(TimeProvider clock)
{
    private readonly FrameBatch _ingress = new();
    private readonly FrameBatch _egress = new();
    private readonly FrameBatch _cut = new();
    private PortState[] _receivers = new PortState[16];
    private int _receiverCount;

    /// <summary>The batch that a back end fills before it calls <see cref="Forward"/>; empty between calls.</summary>
    public FrameBatch Ingress => _ingress;

    /// <summary>Told of ports whose stages act as time passes, or null where somebody else calls <see cref="Tick"/>.</summary>
    public StageTimer? Timer { get; set; }

    /// <summary>Seconds on the switch's clock, for ageing.</summary>
    public uint Now => (uint)(clock.GetTimestamp() / clock.TimestampFrequency);

    /// <summary>Carries the frames of <see cref="Ingress"/>, which came from <paramref name="source"/>, to where they go, and empties it.</summary>
    public void Forward(PortState source)
    {
        var batch = _ingress;
        var policy = source.Policy;
        ParseArrived(source, policy, batch);
        RunIngress(source, policy, batch, 0);
        batch.Clear();
    }

    /// <summary>Lets the stages of <paramref name="port"/> that hold or inject frames act.</summary>
    /// <returns>When to call again, in ticks of the clock; <see cref="long.MaxValue"/> when no stage waits for anything.</returns>
    public long Tick(PortState port)
    {
        var policy = port.Policy;
        var next = long.MaxValue;
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

            Reparse(_ingress, policy.Depth, port.Dropped);
            RunIngress(port, policy, _ingress, index + 1);
            _ingress.Clear();
        }

        while (true)
        {
            stage.Tick(now, StageDirection.Egress, _egress);
            if (_egress.Live.IsEmpty)
            {
                break;
            }

            Reparse(_egress, policy.Depth, port.Dropped);
            RunEgress(port, policy, index - 1);
            _egress.Clear();
        }
    }

    private static void ParseArrived(PortState source, PortPolicy policy, FrameBatch batch)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            source.FramesIn++;
            source.BytesIn += frame.Length;
            var good = FrameParser.TryParse(batch.Bytes(index), policy.Depth, out var headers);
            frame.Headers = headers;
            if (!good || !OffloadRules.AreSound(frame))
            {
                batch.Drop(index, DropReason.Malformed);
                continue;
            }

            if (headers.OuterTagProtocol == FrameParser.CustomerTagProtocol)
            {
                batch.PopTag(index);
            }
        }

        batch.Compact(source.Dropped);
    }

    private void RunIngress(PortState source, PortPolicy policy, FrameBatch batch, int firstStage)
    {
        var stages = policy.Stages;
        for (var stage = firstStage; stage < stages.Length && !batch.Live.IsEmpty; stage++)
        {
            stages[stage].Process(batch, StageDirection.Ingress);
            batch.Compact(source.Dropped);
        }

        if (policy.Ticks)
        {
            Timer?.Note(source);
        }

        if (source.Switch is { } home)
        {
            LookUp(source, home, batch);
        }
        else
        {
            // A cable that goes nowhere.
            foreach (var index in batch.Live)
            {
                batch.Drop(index, DropReason.NotConnected);
            }
        }

        batch.Compact(source.Dropped);
        DeliverAll(batch);
    }

    private void LookUp(PortState source, SwitchState home, FrameBatch batch)
    {
        var now = Now;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            var bytes = batch.Bytes(index);
            var destination = MacAddress.Read(bytes);
            var sender = MacAddress.Read(bytes[6..]);
            if (sender.IsGroup || sender.Value == 0)
            {
                batch.Drop(index, DropReason.InvalidSource);
                continue;
            }

            home.Addresses.Learn(sender, frame.VlanId, source.Slot, now);
            if (!destination.IsGroup)
            {
                var slot = home.Addresses.Find(destination, frame.VlanId, now);
                if (slot >= 0 && home.At(slot) is { } receiver)
                {
                    if (receiver == source)
                    {
                        batch.Drop(index, DropReason.SamePort);
                        continue;
                    }

                    frame.SoleReceiver = true;
                    Send(index, receiver);
                    continue;
                }
            }
            else if (destination.IsLinkLocal)
            {
                batch.Drop(index, DropReason.LinkLocal);
                continue;
            }

            Flood(index, frame.VlanId, source, home);
        }
    }

    private void Flood(ushort index, ushort vlan, PortState source, SwitchState home)
    {
        foreach (var port in home.Ports)
        {
            if (port != source && port.BackEnd.IsConnected && port.Policy.Vlans.Contains(vlan))
            {
                Send(index, port);
            }
        }
    }

    private void Send(ushort index, PortState receiver)
    {
        if (receiver.PendingCount == 0)
        {
            if (_receiverCount == _receivers.Length)
            {
                // Happens once per doubling of the number of ports.
                Array.Resize(ref _receivers, _receiverCount * 2);
            }

            _receivers[_receiverCount++] = receiver;
        }

        receiver.Pending[receiver.PendingCount++] = index;
    }

    private void DeliverAll(FrameBatch batch)
    {
        for (var i = 0; i < _receiverCount; i++)
        {
            var receiver = _receivers[i];
            foreach (var index in receiver.Pending.AsSpan(0, receiver.PendingCount))
            {
                _egress.AddShared(batch, index);
            }

            receiver.PendingCount = 0;
            var policy = receiver.Policy;
            Reparse(_egress, policy.Depth, receiver.Dropped);
            RunEgress(receiver, policy, policy.Stages.Length - 1);
            _egress.Clear();
        }

        _receiverCount = 0;
    }

    private void RunEgress(PortState receiver, PortPolicy policy, int firstStage)
    {
        var batch = _egress;
        var stages = policy.Stages;
        for (var stage = firstStage; stage >= 0 && !batch.Live.IsEmpty; stage--)
        {
            stages[stage].Process(batch, StageDirection.Egress);
            batch.Compact(receiver.Dropped);
        }

        if (policy.Ticks)
        {
            Timer?.Note(receiver);
        }

        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if ((frame.VlanId != 0 || frame.Priority != 0) && !batch.PushTag(index))
            {
                batch.Drop(index, DropReason.TooLong);
            }
        }

        batch.Compact(receiver.Dropped);
        if (!batch.Live.IsEmpty)
        {
            HandOver(receiver, batch);
        }
    }

    /// <summary>Does what the receiver cannot, and transmits.</summary>
    private void HandOver(PortState receiver, FrameBatch batch)
    {
        var capabilities = receiver.BackEnd.Capabilities;
        var mustCut = false;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (capabilities.Take(frame.Offload) && !OffloadRules.MustBeComplete(frame.Offload, batch.Bytes(index)))
            {
                continue;
            }

            if (frame.Offload.Segmentation != SegmentationKind.None)
            {
                mustCut = true;
            }
            else if (!Checksum.TryComplete(batch, index))
            {
                batch.Drop(index, DropReason.TooLong);
            }
        }

        batch.Compact(receiver.Dropped);
        if (mustCut)
        {
            CutAndTransmit(receiver, batch);
        }
        else
        {
            Transmit(receiver, batch);
        }
    }

    private void CutAndTransmit(PortState receiver, FrameBatch batch)
    {
        var capabilities = receiver.BackEnd.Capabilities;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            var cutter = new SegmentCutter(batch.Bytes(index), frame.Offload, capabilities.Take(frame.Offload));
            while (!cutter.IsDone)
            {
                if (_cut.IsFull)
                {
                    Transmit(receiver, _cut);
                    _cut.Clear();
                }

                if (!cutter.Next(_cut))
                {
                    receiver.Dropped[DropReason.Malformed.Id]++;
                    break;
                }
            }
        }

        Transmit(receiver, _cut);
        _cut.Clear();
    }

    private static void Transmit(PortState receiver, FrameBatch batch)
    {
        if (batch.Live.IsEmpty)
        {
            return;
        }

        receiver.BackEnd.Transmit(batch);
        batch.Compact(receiver.Dropped);
        foreach (var index in batch.Live)
        {
            receiver.FramesOut++;
            receiver.BytesOut += batch[index].Length;
        }
    }

    private static void Reparse(FrameBatch batch, HeaderDepth depth, long[] dropped)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Headers.NetworkOffset == 0 || frame.Headers.Depth < depth)
            {
                if (!FrameParser.TryParse(batch.Bytes(index), depth, out var headers))
                {
                    batch.Drop(index, DropReason.Malformed);
                }

                frame.Headers = headers;
            }
        }

        batch.Compact(dropped);
    }
}
