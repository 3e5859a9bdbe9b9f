using Vireo.Switch.Scheduling;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>The last step of a frame where receivers share what they can take among their senders.</summary>
internal sealed partial class Forwarder
{
    private readonly FrameBatch _scheduled = new();
    private PortState? _sender;

    /// <summary>Lends queues to the schedulers of this thread's ports.</summary>
    public QueuePool Queues { get; } = new();

    /// <summary>What becomes of frames that the receiver has no room for.</summary>
    private enum Refusals
    {
        /// <summary>They are dropped.</summary>
        Drop,

        /// <summary>They came just now: they wait.</summary>
        Wait,

        /// <summary>They waited before and go back to their places.</summary>
        GoBack,
    }

    private void HandOver(PortState receiver, FrameBatch batch)
    {
        if (receiver.Switch is not { } home || !(home.HasShares || receiver.Scheduler is { IsBacklogged: true }))
        {
            HandOverNow(receiver, batch, Refusals.Drop);
            return;
        }

        var scheduler = receiver.Scheduler ??= CreateScheduler(receiver);
        Serve(receiver, scheduler);
        scheduler.Admit(batch, _sender, home, receiver.Policy.MarkAboveBytes);
        Tracer?.Judged(batch, receiver, StageDirection.Egress, "MinimumBandwidth");
        Tracer?.Wait(batch, receiver);
        batch.Compact(receiver.Dropped);
        HandOverNow(receiver, batch, Refusals.Wait);
        if (scheduler.IsBacklogged)
        {
            Timer?.Note(receiver);
        }
    }

    /// <summary>Lets go on what waits to leave through <paramref name="port"/>.</summary>
    /// <returns>When to look again.</returns>
    private long ServeWaiting(PortState port)
    {
        if (port.Scheduler is not { IsBacklogged: true } scheduler)
        {
            return long.MaxValue;
        }

        if (scheduler.NextTick <= clock.GetTimestamp())
        {
            Serve(port, scheduler);
        }

        return scheduler.NextTick;
    }

    private void Serve(PortState receiver, EgressScheduler scheduler)
    {
        var firstRefused = int.MaxValue;
        while (firstRefused == int.MaxValue && scheduler.IsBacklogged && scheduler.Take(_scheduled))
        {
            Tracer?.Serve(_scheduled, receiver);
            Reparse(_scheduled, HeaderDepth.Ethernet, receiver.Dropped);
            firstRefused = HandOverNow(receiver, _scheduled, Refusals.GoBack);
            Tracer?.Served(_scheduled, receiver);
            scheduler.Settle(firstRefused);
            _scheduled.Clear();
        }
    }

    /// <returns>The first frame that was refused.</returns>
    private int KeepRefused(PortState receiver, FrameBatch batch, Refusals refusals)
    {
        if (refusals == Refusals.Wait)
        {
            receiver.Scheduler!.Refused(batch, _sender, receiver.Switch!, receiver.Policy.MarkAboveBytes);
            Tracer?.Wait(batch, receiver);
            return int.MaxValue;
        }

        var first = int.MaxValue;
        foreach (var index in batch.Live)
        {
            if (batch[index].Verdict == DropReason.QueueFull)
            {
                // Taking filled the batch in order, so the index is the position too.
                first = Math.Min(first, index);
                batch.Hold(index);
            }
        }

        return first;
    }

    private EgressScheduler CreateScheduler(PortState receiver)
    {
        // Happens once for a receiver.
        var scheduler = new EgressScheduler(Queues, clock);
        scheduler.SetLink(receiver.BackEnd.LinkBitsPerSecond);
        return scheduler;
    }
}
