using System.Diagnostics;
using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>
/// Follows frames through a forwarder. Exists only while somebody wants to know, so a switch that nobody looks into pays for one comparison a
/// batch; while it exists frames are parsed deeper, and memory is allocated for each one that is followed. Belongs to the packet thread.
/// </summary>
internal sealed class FrameTracer(TimeProvider clock)
{
    private readonly FrameTrace[] _current = new FrameTrace[FrameBatch.FramesMax];
    private int _count;

    /// <summary>Who wants to know, at most 64.</summary>
    public TraceSession[] Sessions { get; set; } = [];

    /// <summary>Frames have come from a port, or a stage of it lets them go: begins to follow those that somebody wants to know of.</summary>
    public void Begin(FrameBatch batch, PortState source, string? releasedBy)
    {
        _count = 0;
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            frame.Trace = 0;
            var facts = FrameFacts.Of(batch, index);
            ulong wanted = 0;
            var captureBytes = 0;
            for (var i = 0; i < Sessions.Length; i++)
            {
                if (Sessions[i].Filter.Fits(facts))
                {
                    wanted |= 1UL << i;
                    captureBytes = Math.Max(captureBytes, Sessions[i].CaptureBytes);
                }
            }

            if (wanted == 0 || _count == _current.Length)
            {
                continue;
            }

            var trace = new FrameTrace
            {
                Time = clock.GetUtcNow(),
                SwitchId = source.Switch?.Id,
                Port = source.Id,
                Facts = facts,
                Length = frame.Length,
                Vlan = frame.VlanId,
                Bytes = captureBytes == 0 ? [] : Copy(batch, index, captureBytes),
                Sessions = wanted,
            };
            _current[_count++] = trace;
            frame.Trace = (byte)_count;
            if (releasedBy is not null)
            {
                trace.Add(new TraceStep(source.Id, CaptureDirection.In, $"released by {releasedBy}", 0));
            }

            if (frame.Verdict != DropReason.None)
            {
                trace.Add(new TraceStep(source.Id, CaptureDirection.In, "Port", 0, frame.Verdict.Name));
            }
        }
    }

    /// <summary>Has a stage look at frames, and notes how long it took and what it said.</summary>
    public void Process(IStage stage, FrameBatch batch, StageDirection direction, PortState at)
    {
        var live = batch.Live.Length;
        var began = Stopwatch.GetTimestamp();
        stage.Process(batch, direction);
        var each = Stopwatch.GetElapsedTime(began).TotalNanoseconds / Math.Max(1, live);
        Note(batch, at, direction, stage.Name, each, stage as IExplainingStage);
    }

    /// <summary>Notes what the switch itself said about frames.</summary>
    public void Judged(FrameBatch batch, PortState at, StageDirection direction, string name) => Note(batch, at, direction, name, 0, null);

    /// <summary>Notes what became of frames that were handed to a port.</summary>
    public void Handed(FrameBatch batch, PortState receiver)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Trace == 0)
            {
                continue;
            }

            var trace = _current[frame.Trace - 1];
            var refusal = frame.Verdict == DropReason.None ? null : frame.Verdict.Name;
            trace.Add(new TraceStep(receiver.Id, CaptureDirection.Out, "Port", 0, refusal));
            if (refusal is null)
            {
                trace.Delivered(receiver.Id);
            }

            if (trace.Bytes.Length > 0)
            {
                trace.Outgoing.Add((receiver.Id, Copy(batch, index, trace.Bytes.Length == trace.Length ? int.MaxValue : trace.Bytes.Length), refusal));
            }
        }
    }

    /// <summary>Frames that are longer than the receiver takes are cut; the pieces are not followed one by one.</summary>
    public void Cut(FrameBatch batch, PortState receiver)
    {
        foreach (var index in batch.Live)
        {
            if (batch[index].Trace is > 0 and var place)
            {
                _current[place - 1].Add(new TraceStep(receiver.Id, CaptureDirection.Out, "Cut", 0));
                _current[place - 1].Delivered(receiver.Id);
            }
        }
    }

    /// <summary>The batch has come to its end: tells what happened.</summary>
    public void End()
    {
        for (var i = 0; i < _count; i++)
        {
            foreach (var (session, place) in Sessions.Select((session, place) => (session, place)))
            {
                if ((_current[i].Sessions & (1UL << place)) != 0)
                {
                    session.Offer(_current[i]);
                }
            }

            _current[i] = null!;
        }

        _count = 0;
    }

    private void Note(FrameBatch batch, PortState at, StageDirection direction, string name, double nanoseconds, IExplainingStage? explainer)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Trace == 0)
            {
                continue;
            }

            var trace = _current[frame.Trace - 1];
            trace.Vlan = direction == StageDirection.Ingress ? frame.VlanId : trace.Vlan;
            var refusal = frame.Verdict == DropReason.None ? null : frame.Verdict.Name;
            trace.Add(new TraceStep(
                at.Id, direction == StageDirection.Ingress ? CaptureDirection.In : CaptureDirection.Out, name, nanoseconds, refusal,
                refusal is null ? null : explainer?.Explain(batch, index, direction)));
        }
    }

    private static byte[] Copy(FrameBatch batch, int index, int most)
    {
        var bytes = batch.Bytes(index);
        return bytes[..Math.Min(bytes.Length, most)].ToArray();
    }
}
