using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tracing;

namespace Vireo.Switch.Threads;

/// <summary>What crosses from one packet thread to another.</summary>
internal enum CrossingKind : byte
{
    /// <summary>A frame for this receiver alone.</summary>
    Sole,

    /// <summary>A frame that other ports get too.</summary>
    Shared,

    /// <summary>A copy for a port that watches others; it passes no stages.</summary>
    Copy,

    /// <summary>No frame: a station was heard of.</summary>
    Station,
}

/// <summary>One place of a <see cref="CrossingRing"/>. The bytes of a frame are beside it.</summary>
internal struct Crossing
{
    /// <summary>What it is.</summary>
    public CrossingKind Kind;

    /// <summary>Where the frame came from; the port of a station.</summary>
    public PortState? Source;

    /// <summary>Where the frame goes.</summary>
    public PortState? Receiver;

    /// <summary>The switch of a station.</summary>
    public SwitchState? Home;

    /// <summary>Who follows the frame, or null.</summary>
    public FrameTrace? Trace;

    /// <summary>Address of a station.</summary>
    public MacAddress Station;

    /// <summary>Second in which a station was heard of.</summary>
    public uint Second;

    /// <summary>Length of the frame.</summary>
    public int Length;

    /// <summary>Where it begins in the memory of the ring.</summary>
    public int Offset;

    /// <summary>How many bytes were written into the ring since it was made, up to the end of this frame.</summary>
    public ulong End;

    /// <summary>See <see cref="Frame.Offload"/>.</summary>
    public FrameOffload Offload;

    /// <summary>See <see cref="Frame.VlanId"/>; the learning VLAN of a station.</summary>
    public ushort VlanId;

    /// <summary>See <see cref="Frame.Priority"/>.</summary>
    public byte Priority;

    /// <summary>See <see cref="Frame.WasTagged"/>.</summary>
    public bool WasTagged;
}
