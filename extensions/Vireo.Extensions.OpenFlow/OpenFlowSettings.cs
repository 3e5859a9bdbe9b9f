using System.Text.Json.Serialization;

namespace Vireo.Extensions.OpenFlow;

/// <summary>Settings of a switch.</summary>
public sealed class OpenFlowSettings
{
    /// <summary>Where controllers connect to this switch: an IP address and a TCP port as <c>127.0.0.1:6653</c>; null is nowhere.</summary>
    public string? Listen { get; set; }

    /// <summary>The controller that this switch connects to, likewise; null is none.</summary>
    public string? Controller { get; set; }

    /// <summary>The first bytes of a frame that a controller gets, 64 to 1600.</summary>
    public int PacketInBytes { get; set; } = 1600;
}

/// <summary>What is told about a switch.</summary>
public sealed class OpenFlowData
{
    /// <summary>Controllers that are connected.</summary>
    public int Controllers { get; set; }

    /// <summary>Flow entries in all tables.</summary>
    public int Flows { get; set; }

    /// <summary>Frames given to controllers.</summary>
    public long PacketsIn { get; set; }

    /// <summary>Frames for controllers that found no place to wait.</summary>
    public long LostPacketsIn { get; set; }

    /// <summary>Frames from controllers.</summary>
    public long PacketsOut { get; set; }

    /// <summary>Why the controller cannot be reached; null when it can.</summary>
    public string? Fault { get; set; }
}

/// <summary>How they look as JSON.</summary>
[JsonSerializable(typeof(OpenFlowSettings))]
[JsonSerializable(typeof(OpenFlowData))]
internal sealed partial class OpenFlowJson : JsonSerializerContext;
