using System.Diagnostics;
using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>
/// Follows frames through a forwarder. Exists only while somebody wants to know, so a switch that nobody looks into pays for one comparison a
/// batch; while it exists frames are parsed deeper, and memory is allocated for each one that is followed. Belongs to the packet thread.
/// </summary>
internal sealed class FrameTracer
{
    private static int s_lastNumber;
    private readonly TimeProvider _clock;

    // Those of the batch in hand, and behind them those that waited and are served while it is in hand.
    private readonly FrameTrace[] _current = new FrameTrace[2 * FrameBatch.FramesMax];
    private readonly ushort[] _served = new ushort[FrameBatch.FramesMax];
    private readonly Dictionary<(int Number, Guid Receiver), FrameTrace> _waiting;
    private int _count;
    private int _servedCount;

    /// <summary>Follows frames, and those that a tracer before this one still follows.</summary>
    public FrameTracer(TimeProvider clock, FrameTracer? before = null)
    {
        _clock = clock;
        _waiting = before?._waiting ?? [];
    }

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

            frame.Follower = 0;
            if (wanted == 0 || _count == FrameBatch.FramesMax)
            {
                continue;
            }

            var trace = new FrameTrace
            {
                Time = _clock.GetUtcNow(),
                SwitchId = source.Switch?.Id,
                Port = source.Id,
                Facts = facts,
                Length = frame.Length,
                Vlan = frame.VlanId,
                Bytes = captureBytes == 0 ? [] : Copy(batch, index, captureBytes),
                Sessions = wanted,
                Number = Interlocked.Increment(ref s_lastNumber),
            };
            trace.Wanted = WhoWants(trace);
            frame.Follower = trace.Number;
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
            if (frame.Trace > FrameBatch.FramesMax && frame.Verdict == DropReason.QueueFull)
            {
                // It goes on waiting.
                continue;
            }

            var refusal = frame.Verdict == DropReason.None ? null : frame.Verdict.Name;
            trace.Add(new TraceStep(receiver.Id, CaptureDirection.Out, "Port", 0, refusal));
            if (refusal is null)
            {
                trace.Delivered(receiver.Id);
            }

            if (trace.Bytes.Length > 0)
            {
                trace.Left(receiver.Id, Copy(batch, index, trace.Bytes.Length == trace.Length ? int.MaxValue : trace.Bytes.Length), refusal);
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

    /// <summary>Frames for a receiver are to wait for their share: those that are held come to their end later.</summary>
    public void Wait(FrameBatch batch, PortState receiver)
    {
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Trace != 0 && frame.Follower != 0 && frame.Verdict == DropReason.Held)
            {
                var trace = _current[frame.Trace - 1];
                if (_waiting.TryAdd((trace.Number, receiver.Id), trace))
                {
                    trace.Open();
                }
            }
        }
    }

    /// <summary>The turn of frames that waited has come.</summary>
    public void Serve(FrameBatch batch, PortState receiver)
    {
        _servedCount = 0;
        foreach (var index in batch.Live)
        {
            if (_waiting.TryGetValue((batch[index].Follower, receiver.Id), out var trace))
            {
                _current[FrameBatch.FramesMax + _servedCount] = trace;
                _served[_servedCount++] = index;
                batch[index].Trace = (byte)(FrameBatch.FramesMax + _servedCount);
            }
        }
    }

    /// <summary>They were handed to the receiver: tells what happened to those that do not go on waiting.</summary>
    public void Served(FrameBatch batch, PortState receiver)
    {
        for (var i = 0; i < _servedCount; i++)
        {
            var verdict = batch[_served[i]].Verdict;
            if (verdict != DropReason.Held)
            {
                EndWaiting(_current[FrameBatch.FramesMax + i], receiver.Id, verdict);
            }

            _current[FrameBatch.FramesMax + i] = null!;
        }

        _servedCount = 0;
    }

    /// <summary>A receiver is gone, and what waited for it.</summary>
    public void Forget(PortState receiver)
    {
        foreach (var (key, trace) in _waiting.Where(pair => pair.Key.Receiver == receiver.Id).ToList())
        {
            EndWaiting(trace, key.Receiver, DropReason.NotConnected);
        }
    }

    /// <summary>A frame goes over to another packet thread, where its trace is joined.</summary>
    public FrameTrace Leave(int place)
    {
        var trace = _current[place - 1];
        trace.Open();
        return trace;
    }

    /// <summary>A frame that was to go to another packet thread found no room on the way.</summary>
    public void Refused(FrameTrace? trace, PortState receiver)
    {
        if (trace is not null)
        {
            trace.Add(new TraceStep(receiver.Id, CaptureDirection.Out, "Port", 0, DropReason.QueueFull.Name));
            Close(trace);
        }
    }

    /// <summary>Frames come from another packet thread.</summary>
    public void Gather() => _count = 0;

    /// <summary>One of them is followed.</summary>
    public void Join(FrameTrace trace, ref Frame frame)
    {
        frame.Follower = trace.Number;
        _current[_count++] = trace;
        frame.Trace = (byte)_count;
    }

    /// <summary>A port goes to another packet thread, with what waits to leave through it.</summary>
    public void GiveWaiting(PortState port, FrameTracer other)
    {
        foreach (var (key, trace) in _waiting.Where(pair => pair.Key.Receiver == port.Id).ToList())
        {
            _waiting.Remove(key);
            other._waiting.Add(key, trace);
        }
    }

    /// <summary>The batch has come to its end: tells what happened.</summary>
    public void End()
    {
        for (var i = 0; i < _count; i++)
        {
            Close(_current[i]);
            _current[i] = null!;
        }

        _count = 0;
    }

    private void EndWaiting(FrameTrace trace, Guid receiver, DropReason verdict)
    {
        _waiting.Remove((trace.Number, receiver));
        if (verdict != DropReason.None && trace.LastVerdict != verdict.Name)
        {
            trace.Add(new TraceStep(receiver, CaptureDirection.Out, "Port", 0, verdict.Name));
        }

        Close(trace);
    }

    private static void Close(FrameTrace trace)
    {
        if (trace.Close())
        {
            foreach (var session in trace.Wanted)
            {
                session.Offer(trace);
            }
        }
    }

    private TraceSession[] WhoWants(FrameTrace trace) => [.. Sessions.Where((_, place) => (trace.Sessions & (1UL << place)) != 0)];

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
