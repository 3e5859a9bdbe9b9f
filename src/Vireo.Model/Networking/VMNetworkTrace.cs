namespace Microsoft.HyperV.PowerShell;

/// <summary>What became of a frame.</summary>
public enum VMNetworkTraceDecision
{
    /// <summary>Somebody got it.</summary>
    Delivered = 0,

    /// <summary>Nobody got it.</summary>
    Dropped = 1,

    /// <summary>A stage keeps it for later.</summary>
    Held = 2,
}

/// <summary>How much a trace tells.</summary>
public enum TraceLevel
{
    /// <summary>Frames that reach nobody.</summary>
    Error = 1,

    /// <summary>The same.</summary>
    Warning = 2,

    /// <summary>Every frame, with its first bytes.</summary>
    Info = 3,

    /// <summary>Every frame, with all its bytes.</summary>
    Verbose = 4,
}

/// <summary>A step on a frame's way.</summary>
public sealed class VMNetworkTraceStep
{
    /// <summary>The adapter or uplink.</summary>
    public string Adapter { get; set; } = "";

    /// <summary><c>In</c>to the switch or <c>Out</c> of it.</summary>
    public string Direction { get; set; } = "";

    /// <summary>The stage; <c>Lookup</c> and <c>Port</c> are the switch's own.</summary>
    public string Stage { get; set; } = "";

    /// <summary>What it took, in nanoseconds.</summary>
    public double Nanoseconds { get; set; }

    /// <summary>Why the frame went no further; empty when it did.</summary>
    public string Verdict { get; set; } = "";

    /// <summary>The rule that said so.</summary>
    public string Rule { get; set; } = "";
}

/// <summary>What a test of the way between two stations has found.</summary>
public sealed class VMNetworkAdapterConnectionTestResult : VirtualizationObject
{
    /// <summary>Number of the request.</summary>
    public int SequenceNumber { get; set; }

    /// <summary>Address that the request comes from.</summary>
    public string SenderIPAddress { get; set; } = "";

    /// <summary>Address that it goes to.</summary>
    public string ReceiverIPAddress { get; set; } = "";

    /// <summary>From the request to its answer, in milliseconds; null when there was none.</summary>
    public double? RoundTripTime { get; set; }

    /// <summary>The request's way through the switch; null when none came.</summary>
    public VMNetworkTrace? Request { get; set; }

    /// <summary>The answer's way; null when none came.</summary>
    public VMNetworkTrace? Answer { get; set; }
}

/// <summary>A frame's way through a switch.</summary>
public sealed class VMNetworkTrace : VirtualizationObject
{
    /// <summary>When it entered.</summary>
    public DateTimeOffset Time { get; set; }

    /// <summary>The switch.</summary>
    public string SwitchName { get; set; } = "";

    /// <summary>The adapter or uplink that it came from.</summary>
    public string From { get; set; } = "";

    /// <summary>Addresses, protocol and ports.</summary>
    public string Summary { get; set; } = "";

    /// <summary>Bytes.</summary>
    public int Length { get; set; }

    /// <summary>VLAN; zero is none.</summary>
    public int VlanId { get; set; }

    /// <summary>What became of it.</summary>
    public VMNetworkTraceDecision Decision { get; set; }

    /// <summary>Why nobody got it; empty when somebody did.</summary>
    public string Reason { get; set; } = "";

    /// <summary>The rule that said so.</summary>
    public string Rule { get; set; } = "";

    /// <summary>The adapters or uplinks that got it.</summary>
    public string[] To { get; set; } = [];

    /// <summary>Its way.</summary>
    public VMNetworkTraceStep[] Steps { get; set; } = [];
}
