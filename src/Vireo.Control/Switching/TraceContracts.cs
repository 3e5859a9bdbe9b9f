namespace Vireo.Control.Switching;

/// <summary>Which frames to follow through the switches.</summary>
/// <param name="Filter">Expression that a frame must fit as it enters, see docs/switch.md; null is every frame.</param>
/// <param name="Ports">Only frames that come from, or go to, one of these; null is any.</param>
/// <param name="DropsOnly">Only frames that reach nobody.</param>
/// <param name="Capture">Also write the frames into files; null writes none.</param>
public sealed record TraceRequest(string? Filter = null, IReadOnlyList<Guid>? Ports = null, bool DropsOnly = false, CaptureRequest? Capture = null);

/// <summary>Files that frames are written into.</summary>
/// <param name="Path">Absolute path of the first file; the following ones have a number before the extension. Its folder must exist.</param>
/// <param name="Direction">Which way, seen from the switch.</param>
/// <param name="FileBytes">A file that has grown to this is followed by the next; zero is 64 MiB.</param>
/// <param name="Files">So many are kept; zero is 4.</param>
/// <param name="FrameBytes">At most so many bytes of a frame are kept; zero is 65,535.</param>
/// <param name="Text">Write what happened to each frame as text, into a file of the same name with the extension <c>.txt</c>.</param>
public sealed record CaptureRequest(
    string Path, CaptureDirection Direction = CaptureDirection.Both, long FileBytes = 0, int Files = 0, int FrameBytes = 0, bool Text = false);

/// <summary>Which frames of a port are captured.</summary>
[Flags]
public enum CaptureDirection
{
    /// <summary>Those that come from it.</summary>
    In = 1,

    /// <summary>Those that go to it.</summary>
    Out = 2,

    /// <summary>All.</summary>
    Both = 3,
}

/// <summary>What became of a frame.</summary>
public enum TraceDecision
{
    /// <summary>Somebody got it.</summary>
    Delivered,

    /// <summary>Nobody got it.</summary>
    Dropped,

    /// <summary>A stage keeps it for later; what happens then is told as another frame.</summary>
    Held,
}

/// <summary>A step on a frame's way.</summary>
/// <param name="Port">Where.</param>
/// <param name="Direction"><c>In</c> or <c>Out</c>, seen from the switch.</param>
/// <param name="Stage">Which stage; <c>Lookup</c> and <c>Port</c> are the switch's own.</param>
/// <param name="Nanoseconds">What the stage took for a frame, on average of the batch that the frame was in.</param>
/// <param name="Verdict">Reason for which the frame went no further, or null.</param>
/// <param name="Rule">The rule that decided so, if there was one.</param>
public sealed record TraceStep(Guid Port, CaptureDirection Direction, string Stage, double Nanoseconds, string? Verdict = null, string? Rule = null);

/// <summary>A frame and its way.</summary>
/// <param name="Time">When it entered.</param>
/// <param name="SwitchId">The switch, or null when its port was on none.</param>
/// <param name="Port">Where it entered.</param>
/// <param name="Summary">Addresses, protocol and ports in a line.</param>
/// <param name="Length">Bytes.</param>
/// <param name="VlanId">VLAN inside the switch; zero is none.</param>
/// <param name="Decision">What became of it.</param>
/// <param name="Reason">Why nobody got it, or null.</param>
/// <param name="Rule">The rule that decided so, if there was one.</param>
/// <param name="Receivers">Ports that got it.</param>
/// <param name="Steps">Its way.</param>
public sealed record FrameReport(
    DateTimeOffset Time, Guid? SwitchId, Guid Port, string Summary, int Length, int VlanId, TraceDecision Decision, string? Reason, string? Rule,
    IReadOnlyList<Guid> Receivers, IReadOnlyList<TraceStep> Steps);

/// <summary>A test of the way between two stations: an ICMP echo request, sent in the name of an adapter, or expected at one.</summary>
/// <param name="SenderAddress">IPv4 or IPv6 address that it comes from.</param>
/// <param name="ReceiverAddress">Address that it goes to.</param>
/// <param name="Sequence">Number of the request, 0 to 65,535.</param>
/// <param name="NextHop">Ethernet address that it is sent to; null is the station that the switch knows to have the receiver's address.</param>
/// <param name="VlanId">It is sent with the tag of this VLAN; zero is without a tag.</param>
/// <param name="PayloadBytes">Bytes behind the ICMP header.</param>
/// <param name="IsReceiver">The port waits for a request of another instead of sending one.</param>
/// <param name="WaitMilliseconds">How long to wait at most; zero is 2 seconds.</param>
public sealed record ProbeRequest(
    string SenderAddress, string ReceiverAddress, int Sequence, string? NextHop = null, int VlanId = 0, int PayloadBytes = 0, bool IsReceiver = false, int WaitMilliseconds = 0);

/// <summary>What became of a test.</summary>
/// <param name="Request">The request's way; null when none came.</param>
/// <param name="Answer">The answer's way; null when none came.</param>
/// <param name="Milliseconds">From the request to its answer; negative when there was none.</param>
public sealed record ProbeReport(FrameReport? Request, FrameReport? Answer, double Milliseconds);

/// <summary>What a trace has done so far.</summary>
/// <param name="Id">Key.</param>
/// <param name="Request">What was asked.</param>
/// <param name="Frames">Frames followed.</param>
/// <param name="Lost">Frames that were not written because they came faster than they could be.</param>
/// <param name="Fault">Why nothing is written any more, in a sentence; null while all is well.</param>
public sealed record TraceStatus(Guid Id, TraceRequest Request, long Frames, long Lost, string? Fault = null);
