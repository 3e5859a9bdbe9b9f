namespace Vireo.Switch.Sdk;

/// <summary>What the switch knows about one frame of a batch; its bytes are in the batch.</summary>
public struct Frame
{
    /// <summary>Length in bytes, without the check sequence and without the VLAN tag held in <see cref="VlanId"/>.</summary>
    public int Length { get; internal set; }

    /// <summary>Where the headers are.</summary>
    public FrameHeaders Headers { get; internal set; }

    /// <summary>
    /// The VLAN that the frame belongs to inside the switch, zero for none. The tag is taken out of the bytes where the frame enters and
    /// put in again where it leaves tagged, so stages never see it in the bytes.
    /// </summary>
    public ushort VlanId { get; set; }

    /// <summary>Priority code point, zero to seven (IEEE 802.1Q 6.9.3).</summary>
    public byte Priority { get; set; }

    /// <summary>Work that the sender left to the network.</summary>
    public FrameOffload Offload { get; internal set; }

    /// <summary>Whether the frame goes on.</summary>
    public DropReason Verdict { get; internal set; }

    /// <summary>Where somebody who follows the frame notes its way, counted from one; zero when nobody does.</summary>
    internal byte Trace { get; set; }

    /// <summary>Number of whoever follows the frame, which it keeps while it waits; zero when nobody does.</summary>
    internal int Follower { get; set; }

    /// <summary>First byte, in the memory that <see cref="Shared"/> selects.</summary>
    internal int Offset { get; set; }

    /// <summary>The bytes belong to the batch that the frame came in with, and other receivers see them too.</summary>
    internal bool Shared { get; set; }

    /// <summary>
    /// Where the bytes behind the first <see cref="HeadBytes"/> still lie in the sender's memory, or zero when all are in the batch. The
    /// sender can change them, so nothing may be decided by them before <see cref="FrameBatch.Bytes"/> has copied them.
    /// </summary>
    internal nint Rest { get; set; }

    /// <summary>How many bytes are in the batch while <see cref="Rest"/> is not zero.</summary>
    internal int HeadBytes { get; set; }

    /// <summary>It arrived with a tag, which was taken out of the bytes.</summary>
    internal bool WasTagged { get; set; }

    /// <summary>Nobody else receives the shared bytes, so they may be changed in place.</summary>
    internal bool SoleReceiver { get; set; }
}
