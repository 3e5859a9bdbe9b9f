using System.Runtime.Intrinsics;
using Vireo.Switch.Offloads;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// The short way of frames whose conversation went the long way this second: what all stages and the lookup said then holds, so they are not
/// asked again. It is taken by whole batches only, so that no frame overtakes another one. Where the receiver is at another thread, this is the sender's half
/// of it, which says nothing of the receiver's policy.
/// </summary>
/// <remarks>
/// Whatever an answer depends on is compared each time: both ports' policies, the table of stations, the switch. What changes with time (ageing,
/// learning, who uses which address) is done by the long way, which each conversation takes at least once a second.
/// </remarks>
internal sealed partial class Forwarder
{
    private readonly FlowCache _flows = new();

    /// <summary>Frames that went the short way.</summary>
    public long FramesKnown { get; private set; }

    /// <summary>A port is gone; nothing refers to it any more.</summary>
    public void Forget(PortState port)
    {
        _flows.Forget(port);
        _halves?.Forget(port);
        Tracer?.Forget(port);
    }

    /// <returns>Whether all frames of the batch went the short way.</returns>
    private bool TryForwardKnown(PortState source, PortPolicy policy, SwitchState home, FrameBatch batch)
    {
        if (!policy.IsAboutFlows || home.Forwarding is not null || Tracer is not null || batch.HasVerdicts)
        {
            return false;
        }

        var live = batch.Live;
        Span<ushort> runs = stackalloc ushort[FrameBatch.FramesMax];
        if (!TryFindAll(source, policy, home, batch, runs))
        {
            return false;
        }

        _sender = source;
        long bytes = 0;
        for (var first = 0; first < live.Length;)
        {
            var end = first + 1;
            while (end < live.Length && runs[end] == 0)
            {
                end++;
            }

            bytes += SendRun(batch, live[first..end], in _flows[runs[first] - 1]);
            first = end;
        }

        FramesKnown += live.Length;
        source.FramesIn += live.Length;
        source.BytesIn += bytes;
        for (var i = 0; i < _receiverCount; i++)
        {
            var receiver = _receivers[i];
            batch.Select(receiver.Pending.AsSpan(0, receiver.PendingCount));
            receiver.PendingCount = 0;
            HandOver(receiver, batch);
        }

        _receiverCount = 0;
        return true;
    }

    /// <summary>Finds out whether all frames are of conversations that are known.</summary>
    /// <param name="runs">Gets the place of its conversation, counted from one, where a frame is of another one than the frame before it.</param>
    private bool TryFindAll(PortState source, PortPolicy policy, SwitchState home, FrameBatch batch, Span<ushort> runs)
    {
        var now = Now;
        var version = home.Stations(Index).Version;
        var last = default(Vector256<ulong>);
        var live = batch.Live;
        for (var i = 0; i < live.Length; i++)
        {
            ref var frame = ref batch[live[i]];
            var head = batch.Head(live[i]);
            if (!FlowKey.TryRead(head, frame.Length, out var key, out var packetBytes) || (frame.Offload.IsWork && !OffloadRules.AreSound(frame)))
            {
                return false;
            }

            frame.Headers = FlowKey.Headers(key, packetBytes);
            if (key == last)
            {
                continue;
            }

            var place = _flows.Find(key);
            if (place < 0 || !Holds(_flows[place], source, policy, home, now, version))
            {
                return false;
            }

            last = key;
            runs[i] = (ushort)(place + 1);
        }

        return true;
    }

    private static bool Holds(in FlowEntry entry, PortState source, PortPolicy policy, SwitchState home, uint now, uint version) =>
        entry.Source == source && entry.SourcePolicy == policy && entry.Second == now && entry.Version == version
        && entry.Receiver is { } receiver && receiver.Switch == home
        && (entry.ReceiverPolicy is null || receiver.Policy == entry.ReceiverPolicy);

    /// <summary>Sends frames of one conversation, which is known.</summary>
    /// <returns>Their bytes.</returns>
    private long SendRun(FrameBatch batch, ReadOnlySpan<ushort> run, in FlowEntry entry)
    {
        long bytes = 0;
        foreach (var index in run)
        {
            ref var frame = ref batch[index];
            bytes += frame.Length;
            frame.VlanId = entry.VlanId;
            frame.Priority = entry.Priority;
            frame.SoleReceiver = true;
            Send(batch, index, entry.Receiver!, isShared: false);
        }

        entry.Count(run.Length, bytes);
        return bytes;
    }

    /// <summary>Notes the conversations of frames that have passed all stages of both ports and go to <paramref name="receiver"/> alone.</summary>
    private void Remember(PortState source, PortState receiver, PortPolicy receiverPolicy, FrameBatch batch)
    {
        var sourcePolicy = source.Policy;
        if (receiver.Switch is not { Forwarding: null } home || source.Switch != home || !sourcePolicy.IsAboutFlows || !receiverPolicy.IsAboutFlows)
        {
            return;
        }

        var now = Now;
        var version = home.Stations(Index).Version;
        var last = default(Vector256<ulong>);
        foreach (var index in batch.Live)
        {
            if (batch[index].WasTagged || !FlowKey.TryRead(batch.Head(index), batch[index].Length, out var key, out _) || key == last)
            {
                continue;
            }

            last = key;
            var known = _flows.Find(key);
            if (known >= 0 && Holds(_flows[known], source, sourcePolicy, home, now, version))
            {
                continue;
            }

            var entry = new FlowEntry
            {
                Key = key,
                Source = source,
                Receiver = receiver,
                SourcePolicy = sourcePolicy,
                ReceiverPolicy = receiverPolicy,
                Second = now,
                Version = version,
                VlanId = batch[index].VlanId,
                Priority = batch[index].Priority,
            };
            if (AllRemember(sourcePolicy, batch, index, StageDirection.Ingress, ref entry) && AllRemember(receiverPolicy, batch, index, StageDirection.Egress, ref entry))
            {
                _flows.Put(entry);
            }
        }
    }

    private static bool AllRemember(PortPolicy policy, FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry)
    {
        foreach (var stage in policy.Stages)
        {
            if (!((IFlowStage)stage).Remember(batch, index, direction, ref entry))
            {
                return false;
            }
        }

        return true;
    }
}
