using Vireo.Control.Switching;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>
/// A frame that is being followed. Made on the packet thread where it entered, and told of when it has come to its end everywhere: at a receiver it may wait
/// for its share, and be at another packet thread. Whoever adds to it holds its lock for that moment.
/// </summary>
internal sealed class FrameTrace
{
    private readonly List<TraceStep> _steps = [];
    private readonly List<Guid> _receivers = [];
    private int _open = 1;

    /// <summary>When it entered.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>The switch.</summary>
    public required Guid? SwitchId { get; init; }

    /// <summary>Where it entered.</summary>
    public required Guid Port { get; init; }

    /// <summary>The frame in a line.</summary>
    public required FrameFacts Facts { get; init; }

    /// <summary>Bytes.</summary>
    public required int Length { get; init; }

    /// <summary>VLAN inside the switch, known behind the ingress stages.</summary>
    public ushort Vlan { get; set; }

    /// <summary>The bytes as they came, when somebody captures.</summary>
    public byte[] Bytes { get; init; } = [];

    /// <summary>The bytes as they went to each receiver, when somebody captures.</summary>
    public List<(Guid Port, byte[] Bytes, string? Refusal)> Outgoing { get; } = [];

    /// <summary>Which sessions want it, one bit for each.</summary>
    public ulong Sessions { get; init; }

    /// <summary>Tells it from all others while it waits.</summary>
    public int Number { get; init; }

    /// <summary>Sessions that want it.</summary>
    public TraceSession[] Wanted { get; set; } = [];

    /// <summary>What was said last, if something was.</summary>
    public string? LastVerdict => _steps.Count == 0 ? null : _steps[^1].Verdict;

    /// <summary>Ports that it was offered to, or that got it.</summary>
    public IReadOnlyList<Guid> Receivers => _receivers;

    /// <summary>It goes on at one more place.</summary>
    public void Open() => Interlocked.Increment(ref _open);

    /// <summary>It has come to its end at one place.</summary>
    /// <returns>Whether that was the last.</returns>
    public bool Close() => Interlocked.Decrement(ref _open) == 0;

    /// <summary>A stage has seen it.</summary>
    public void Add(TraceStep step)
    {
        lock (_steps)
        {
            _steps.Add(step);
        }
    }

    /// <summary>A port got it.</summary>
    public void Delivered(Guid port)
    {
        lock (_steps)
        {
            _receivers.Add(port);
        }
    }

    /// <summary>It went to a port with these bytes.</summary>
    public void Left(Guid port, byte[] bytes, string? refusal)
    {
        lock (_steps)
        {
            Outgoing.Add((port, bytes, refusal));
        }
    }

    /// <summary>Whether it touched one of the ports.</summary>
    public bool Touches(HashSet<Guid> ports) => ports.Contains(Port) || _steps.Exists(step => ports.Contains(step.Port));

    /// <summary>What is told of it.</summary>
    public FrameReport ToReport()
    {
        var last = _receivers.Count > 0 ? null : _steps.FindLast(step => step.Verdict is not null);
        var decision = _receivers.Count > 0 ? TraceDecision.Delivered : last?.Verdict == DropReason.Held.Name ? TraceDecision.Held : TraceDecision.Dropped;
        var reason = decision == TraceDecision.Dropped ? last?.Verdict ?? "NoReceiver" : null;
        return new FrameReport(Time, SwitchId, Port, (Facts with { Vlan = Vlan }).ToString(), Length, Vlan, decision, reason, last?.Rule, [.. _receivers], [.. _steps]);
    }
}
