namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>What went through a front end. Written by its reactor; other threads read numbers that are a moment old.</summary>
public sealed class BlockCounters
{
    /// <summary>Reads that succeeded.</summary>
    public long Reads { get; internal set; }

    /// <summary>Writes that succeeded.</summary>
    public long Writes { get; internal set; }

    /// <summary>Bytes read.</summary>
    public long BytesRead { get; internal set; }

    /// <summary>Bytes written.</summary>
    public long BytesWritten { get; internal set; }

    /// <summary>Requests of any kind that failed.</summary>
    public long Failures { get; internal set; }
}
