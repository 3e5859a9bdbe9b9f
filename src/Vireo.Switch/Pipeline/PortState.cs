using Vireo.Switch.Ports;
using Vireo.Switch.Scheduling;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// A port as it lives: its policy in force, its counters, its back end. Everything but <see cref="Policy"/> is written by the packet
/// thread that it is at only; others read the counters as they stand.
/// </summary>
internal sealed partial class PortState
{
    private PortPolicy _policy;
    private long _refusedCrossings;

    /// <summary>A port that belongs to no switch yet.</summary>
    public PortState(Guid id, PortPolicy policy, PortBackEnd backEnd)
    {
        Id = id;
        _policy = _own = policy;
        BackEnd = backEnd;
        policy.Attach(this);
    }

    /// <summary>Key of the port.</summary>
    public Guid Id { get; }

    /// <summary>What stands behind the port.</summary>
    public PortBackEnd BackEnd { get; }

    /// <summary>A frame for the port found no room on the way here. From the thread of its sender.</summary>
    public void CountRefusedCrossing() => Interlocked.Increment(ref _refusedCrossings);

    /// <summary>The policy in force. One write replaces it, from any thread.</summary>
    public PortPolicy Policy
    {
        get => Volatile.Read(ref _policy);
        set
        {
            value.Attach(this);
            _own = value;
            Volatile.Write(ref _policy, value.With(_extensions));
        }
    }

    /// <summary>Pipeline of the packet thread that the port is at; null until it is started. Changes only while all threads stand still.</summary>
    public Forwarder? Carrier { get; set; }

    /// <summary>The switch, or null while the port is being moved or removed.</summary>
    public SwitchState? Switch { get; set; }

    /// <summary>The port's place in its switch.</summary>
    public ushort Slot { get; set; }

    /// <summary>Part that the port gets of what a receiver can take, in proportion to the other ports' of its switch; zero is the default bucket.</summary>
    public double Share { get; set; }

    /// <summary>Shares what the port can take; null until the switch shares bandwidth.</summary>
    public EgressScheduler? Scheduler { get; set; }

    /// <summary>Frames on their way to this port, as indices of the batch in hand.</summary>
    public ushort[] Pending { get; } = new ushort[FrameBatch.FramesMax];

    /// <summary>How many are pending.</summary>
    public int PendingCount { get; set; }

    /// <summary>Some of the pending frames go to other ports too.</summary>
    public bool IsPendingShared { get; set; }

    /// <summary>The station that was learned last, see <see cref="MacTable.KeyOf"/>.</summary>
    public ulong LearnedKey { get; set; }

    /// <summary><see cref="MacTable.Version"/> after that.</summary>
    public uint LearnedVersion { get; set; }

    /// <summary>Second of that.</summary>
    public uint LearnedAt { get; set; }

    /// <summary>Second in which <see cref="StormFrames"/> were counted.</summary>
    public uint StormSecond { get; set; }

    /// <summary>Frames to many or to nobody known that came from the port in that second.</summary>
    public int StormFrames { get; set; }

    /// <summary>Names the life of the counters below, which begin at zero with it.</summary>
    public Guid Generation { get; } = Guid.NewGuid();

    /// <summary>Frames that came from the port, dropped ones included.</summary>
    public long FramesIn { get; set; }

    /// <summary>Bytes of those.</summary>
    public long BytesIn { get; set; }

    /// <summary>Time that its thread has spent on it, in ticks of <see cref="System.Diagnostics.Stopwatch"/>; counted where there are several threads.</summary>
    public long BusyTicks { get; set; }

    /// <summary>Frames for the port that found no room on the way from another thread.</summary>
    public long RefusedCrossings => Interlocked.Read(ref _refusedCrossings);

    /// <summary>Frames handed to the port.</summary>
    public long FramesOut { get; set; }

    /// <summary>Bytes of those.</summary>
    public long BytesOut { get; set; }

    /// <summary>Frames that were not handed on, in either direction, by <see cref="DropReason.Id"/>.</summary>
    public long[] Dropped { get; } = new long[DropReason.CountMax];
}
