using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Holds every frame for a fixed time, in both directions: a long cable. Frames wait in a ring of <see cref="FramesWaiting"/> places per
/// direction (8 MiB each); one that finds no place is dropped for want of room. Uncut frames longer than a place are dropped too.
/// </summary>
internal sealed class DelayStage(TimeSpan delay, TimeProvider clock) : ITickingStage
{
    public const string StageName = "Delay";

    /// <summary>Places per direction.</summary>
    public const int FramesWaiting = 1024;
    private const int FrameBytesMax = 8192;

    private readonly long _delayTicks = (long)(delay.TotalSeconds * clock.TimestampFrequency);
    private readonly FrameRing _ingress = new(FramesWaiting, FrameBytesMax);
    private readonly FrameRing _egress = new(FramesWaiting, FrameBytesMax);

    // What the bytes do not say travels in the stamp's company.
    private readonly Queue<ushort> _ingressVlans = new(FramesWaiting);
    private readonly Queue<ushort> _egressVlans = new(FramesWaiting);

    public string Name => StageName;

    public long NextTick
    {
        get
        {
            _ingress.Peek(out var ingress);
            _egress.Peek(out var egress);
            return Math.Min(ingress, egress);
        }
    }

    public void Process(FrameBatch batch, StageDirection direction)
    {
        var due = clock.GetTimestamp() + _delayTicks;
        var (ring, vlans) = direction == StageDirection.Ingress ? (_ingress, _ingressVlans) : (_egress, _egressVlans);
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            if (frame.Offload.NeedsChecksum && !Offloads.Checksum.TryComplete(batch, index))
            {
                batch.Drop(index, DropReason.QueueFull);
            }
            else if (ring.TryEnqueue(batch.Bytes(index), due))
            {
                vlans.Enqueue((ushort)((frame.Priority << 13) | frame.VlanId));
                batch.Hold(index);
            }
            else
            {
                batch.Drop(index, DropReason.QueueFull);
            }
        }
    }

    public void Tick(long now, StageDirection direction, FrameBatch released)
    {
        var (ring, vlans) = direction == StageDirection.Ingress ? (_ingress, _ingressVlans) : (_egress, _egressVlans);
        while (true)
        {
            var bytes = ring.Peek(out var due);
            if (due > now)
            {
                return;
            }

            var index = released.Add(bytes);
            if (index < 0)
            {
                return;
            }

            var tag = vlans.Dequeue();
            released[index].VlanId = (ushort)(tag & 0xFFF);
            released[index].Priority = (byte)(tag >> 13);
            ring.Dequeue();
        }
    }
}
