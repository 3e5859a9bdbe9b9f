using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>
/// Remembers the last frames that passed, in both directions: when, which way, how long, in which VLAN, the first bytes. Put in above
/// and below another stage it shows what that one does. Reading from another thread gives a recent picture, not an exact one.
/// </summary>
internal sealed class TraceStage(int frames, TimeProvider clock) : IStage
{
    public const string StageName = "Trace";

    private readonly TracedFrame[] _traced = new TracedFrame[frames];
    private long _count;

    public string Name => StageName;

    /// <summary>Frames that have passed.</summary>
    public long Count => Volatile.Read(ref _count);

    public void Process(FrameBatch batch, StageDirection direction)
    {
        var now = clock.GetTimestamp();
        foreach (var index in batch.Live)
        {
            ref var frame = ref batch[index];
            ref var traced = ref _traced[_count % _traced.Length];
            traced.Timestamp = now;
            traced.Direction = direction;
            traced.Length = frame.Length;
            traced.VlanId = frame.VlanId;
            traced.Start = default;
            var bytes = batch.Bytes(index);
            bytes[..Math.Min(bytes.Length, TracedBytes.Length)].CopyTo(traced.Start);
            Volatile.Write(ref _count, _count + 1);
        }
    }

    /// <summary>The frames remembered, oldest first.</summary>
    public IReadOnlyList<TracedFrame> Read()
    {
        var count = Count;
        var first = Math.Max(0, count - _traced.Length);
        return [.. Enumerable.Range(0, (int)(count - first)).Select(i => _traced[(first + i) % _traced.Length])];
    }
}

/// <summary>What is remembered of a frame.</summary>
internal struct TracedFrame
{
    /// <summary>Ticks of the switch's clock.</summary>
    public long Timestamp;

    /// <summary>Which way.</summary>
    public StageDirection Direction;

    /// <summary>Bytes.</summary>
    public int Length;

    /// <summary>VLAN inside the switch.</summary>
    public ushort VlanId;

    /// <summary>The first bytes; zeros behind a shorter frame.</summary>
    public TracedBytes Start;
}

/// <summary>The first bytes of a frame: enough for Ethernet, IPv4 and TCP or UDP ports.</summary>
[System.Runtime.CompilerServices.InlineArray(Length)]
internal struct TracedBytes
{
    /// <summary>How many.</summary>
    public const int Length = 64;

#pragma warning disable IDE0044, IDE0051 // The one element that an inline array repeats.
    private byte _first;
#pragma warning restore IDE0044, IDE0051
}
