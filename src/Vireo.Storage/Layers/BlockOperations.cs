namespace Vireo.Storage.Layers;

/// <summary>Kinds of requests, for layers that look at some of them.</summary>
[Flags]
public enum BlockOperations
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Reads.</summary>
    Read = 1,

    /// <summary>Writes.</summary>
    Write = 2,

    /// <summary>Flushes.</summary>
    Flush = 4,

    /// <summary>Trims.</summary>
    Trim = 8,

    /// <summary>Writes of zeroes.</summary>
    WriteZeroes = 16,

    /// <summary>Questions about extents.</summary>
    MapExtents = 32,

    /// <summary>All of them.</summary>
    All = 63,
}
