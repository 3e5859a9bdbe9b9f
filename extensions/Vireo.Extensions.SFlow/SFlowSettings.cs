using System.Text.Json.Serialization;

namespace Vireo.Extensions.SFlow;

/// <summary>Settings of a switch.</summary>
public sealed class SFlowSettings
{
    /// <summary>Address of the collector, IPv4 or IPv6; null sends nothing.</summary>
    public string? Collector { get; set; }

    /// <summary>Its UDP port.</summary>
    public int CollectorPort { get; set; } = 6343;

    /// <summary>Address by which the collector knows this switch, IPv4 or IPv6.</summary>
    public string AgentAddress { get; set; } = "127.0.0.1";

    /// <summary>One of so many frames is sampled, on average; 1 is every frame.</summary>
    public int SamplingRate { get; set; } = 512;

    /// <summary>First bytes of a frame that are sent, 14 to 256.</summary>
    public int HeaderBytes { get; set; } = 128;

    /// <summary>Seconds between two reports of a port's counters, 1 to 3600; 0 sends none.</summary>
    public int CounterSeconds { get; set; } = 20;
}

/// <summary>Settings of a port.</summary>
public sealed class SFlowPortSettings
{
    /// <summary>One of so many frames from this port is sampled; 0 samples none.</summary>
    public int SamplingRate { get; set; } = 512;
}

/// <summary>What is told about a switch.</summary>
public sealed class SFlowData
{
    /// <summary>Samples of frames sent.</summary>
    public long FlowSamples { get; set; }

    /// <summary>Samples of counters sent.</summary>
    public long CounterSamples { get; set; }

    /// <summary>Samples that found no place to wait.</summary>
    public long DroppedSamples { get; set; }

    /// <summary>Datagrams sent.</summary>
    public long Datagrams { get; set; }

    /// <summary>Why the last datagram could not be sent; null when it could.</summary>
    public string? Fault { get; set; }
}

/// <summary>How they look as JSON.</summary>
[JsonSerializable(typeof(SFlowSettings))]
[JsonSerializable(typeof(SFlowPortSettings))]
[JsonSerializable(typeof(SFlowData))]
internal sealed partial class SFlowJson : JsonSerializerContext;
