namespace Vireo.Storage.Layers;

/// <summary>What a meter keeps about one kind of request. Each sum may miss the newest while others add.</summary>
public sealed class OperationCounters
{
    /// <summary>Requests.</summary>
    public StripedCounter Operations { get; } = new();

    /// <summary>Their bytes.</summary>
    public StripedCounter Bytes { get; } = new();

    /// <summary>Requests counted in units of <see cref="MeterLayer.NormalizedBytes"/>.</summary>
    public StripedCounter NormalizedOperations { get; } = new();

    /// <summary>Time that they took together, in microseconds.</summary>
    public StripedCounter LatencyUs { get; } = new();

    /// <summary>How that time is spread.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Counts one request.</summary>
    public void Add(long lengthBytes, long microseconds)
    {
        Operations.Add(1);
        Bytes.Add(lengthBytes);
        NormalizedOperations.Add(MeterLayer.Normalized(lengthBytes));
        LatencyUs.Add(microseconds);
        Latency.Add(microseconds);
    }
}
