using Vireo.Switch.Extensions;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>Where extensions take part in the way of a frame beyond being stages: forwarding and injected frames.</summary>
internal sealed partial class Forwarder
{
    private static readonly DropReason s_notForwarded = DropReason.Register("NotForwarded");
    private readonly ushort[] _normal = new ushort[FrameBatch.FramesMax];
    private ushort[] _slots = new ushort[64];
    private bool _isBehindForwarding;

    /// <summary>Sends a frame of an extension's own, which does not pass that extension.</summary>
    /// <param name="port">Where it comes from, or goes to.</param>
    /// <param name="owner">The extension.</param>
    /// <param name="direction">Into the switch or out of it.</param>
    /// <param name="bytes">The frame.</param>
    /// <param name="vlan">VLAN inside the switch.</param>
    public void Inject(PortState port, ExtensionInstance owner, StageDirection direction, ReadOnlySpan<byte> bytes, ushort vlan)
    {
        var policy = port.Policy;
        var place = -1;
        for (var index = 0; index < policy.Stages.Length; index++)
        {
            if (policy.Stages[index] is ExtensionStage stage && stage.Instance == owner)
            {
                place = index;
            }
        }

        var batch = direction == StageDirection.Ingress ? _ingress : _egress;
        var added = batch.Add(bytes);
        batch[added].VlanId = vlan;
        Reparse(batch, policy.Depth, port.Dropped);
        if (!batch.Live.IsEmpty && vlan == 0 && batch[added].Headers.OuterTagProtocol == FrameParser.CustomerTagProtocol)
        {
            batch.PopTag(added);
        }

        if (direction == StageDirection.Egress)
        {
            _sender = null;
            RunEgress(port, policy, batch, place < 0 ? policy.Stages.Length - 1 : place - 1);
        }
        else
        {
            _isBehindForwarding = owner.Code.Kind == ExtensionKind.Forwarding;
            RunIngress(port, policy, batch, place < 0 ? policy.Stages.Length : place + 1);
            _isBehindForwarding = false;
        }

        batch.Clear();
        Depart();
    }

    private void LookUpAny(PortState source, PortPolicy policy, SwitchState home, FrameBatch batch)
    {
        if (home.Forwarding is not { } seat || _isBehindForwarding || seat.PortAt(source.Slot) is not { } port)
        {
            LookUp(source, policy, home, batch);
            return;
        }

        Reparse(batch, seat.Code.Needs, source.Dropped);
        if (!seat.Instance.TryEnter(batch, out var start, out var allocated))
        {
            batch.Compact(source.Dropped);
            LookUp(source, policy, home, batch);
            return;
        }

        if (_slots.Length < home.Ports.Length)
        {
            // Happens once per doubling of the number of ports.
            Array.Resize(ref _slots, home.Ports.Length * 2);
        }

        var normal = Ask(seat, port, source, home, batch);
        seat.Instance.Leave(start, allocated);
        seat.Instance.CountDropped(batch);
        batch.Compact(source.Dropped);
        batch.Select(_normal.AsSpan(0, normal));
        LookUp(source, policy, home, batch);
    }

    /// <summary>Asks the extension about each frame and sends those that it has decided about.</summary>
    /// <returns>How many frames the lookup is to decide about.</returns>
    private int Ask(ForwardingSeat seat, SwitchPort port, PortState source, SwitchState home, FrameBatch batch)
    {
        var now = Now;
        var normal = 0;
        var isCutOff = false;
        seat.Instance.Counters.Frames += batch.Live.Length;
        foreach (var index in batch.Live)
        {
            var sender = MacAddress.Read(batch.Head(index)[6..]);
            if (sender.IsGroup || sender.Value == 0)
            {
                batch.Drop(index, DropReason.InvalidSource);
                continue;
            }

            Learn(source, home.Stations(Index), sender, home.LearningVlan(batch[index].VlanId), now);
            var destinations = new Destinations(_slots, source.Slot);
            if (!isCutOff)
            {
                try
                {
                    seat.Code.Ask(batch, index, port, ref destinations);
                }
                catch (Exception exception)
                {
                    seat.Instance.CutOff(exception);
                    isCutOff = true;
                }
            }

            if (isCutOff)
            {
                destinations = new Destinations(_slots, source.Slot);
                if (seat.Instance.Package.Manifest.FailsClosed)
                {
                    destinations.Drop(s_notForwarded);
                }
                else
                {
                    destinations.Normal();
                }
            }

            if (destinations.IsNormal)
            {
                _normal[normal++] = index;
            }
            else
            {
                Follow(destinations, index, source, home, batch);
            }
        }

        return normal;
    }

    private void Follow(in Destinations destinations, ushort index, PortState source, SwitchState home, FrameBatch batch)
    {
        if (destinations.Reason != DropReason.None)
        {
            batch.Drop(index, destinations.Reason);
            return;
        }

        if (destinations.IsFlood)
        {
            Flood(batch, index, source, home);
            return;
        }

        var sent = 0;
        foreach (var slot in destinations.Slots)
        {
            if (home.At(slot) is { } receiver)
            {
                Send(batch, index, receiver, destinations.Count > 1);
                sent++;
            }
        }

        batch[index].SoleReceiver = sent == 1;
        if (sent == 0)
        {
            batch.Drop(index, s_notForwarded);
        }
    }
}
