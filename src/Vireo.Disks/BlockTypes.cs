using Vireo.Platform.Memory;

namespace Vireo.Disks;

/// <summary>Size of a block device and of its sectors, in bytes.</summary>
/// <param name="SizeBytes">Capacity; a multiple of <paramref name="LogicalSectorBytes"/>.</param>
/// <param name="LogicalSectorBytes">512 or 4096: the unit of addressing.</param>
/// <param name="PhysicalSectorBytes">512 or 4096: the unit the device writes without reading first.</param>
public readonly record struct BlockGeometry(long SizeBytes, int LogicalSectorBytes, int PhysicalSectorBytes);

/// <summary>Whether an operation is there, and who does it.</summary>
public enum Capability : byte
{
    /// <summary>Not offered.</summary>
    None = 0,

    /// <summary>Done by the boundary with simpler requests.</summary>
    Emulated = 1,

    /// <summary>Done by the device itself.</summary>
    Native = 2,
}

/// <summary>What a device can do beyond read, write and flush.</summary>
public readonly record struct BlockCapabilities(bool ReadOnly, Capability Trim, Capability WriteZeroes, Capability MapExtents);

/// <summary>How a request ended. Data paths return it; exceptions are for set-up.</summary>
public enum BlockStatus : byte
{
    /// <summary>Done.</summary>
    Ok = 0,

    /// <summary>The storage below failed to read or write.</summary>
    IoError,

    /// <summary>The storage below is full.</summary>
    NoSpace,

    /// <summary>Outside the device, or not a multiple of the logical sector.</summary>
    OutOfRange,

    /// <summary>The device is read-only.</summary>
    ReadOnly,

    /// <summary>The device does not offer the operation.</summary>
    Unsupported,

    /// <summary>The image's own structures are damaged.</summary>
    Corrupt,

    /// <summary>The stack is being taken down.</summary>
    Closed,
}

/// <summary>Options of a write.</summary>
[Flags]
public enum WriteOptions : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Durable when the request completes.</summary>
    ForceUnitAccess = 1,

    /// <summary>For zeroes: storage may be given up.</summary>
    MayTrim = 2,
}

/// <summary>What a range of a device holds.</summary>
[Flags]
public enum ExtentKind : byte
{
    /// <summary>Allocated data.</summary>
    Data = 0,

    /// <summary>No storage is held for the range (NBD <c>NBD_STATE_HOLE</c>).</summary>
    Hole = 1,

    /// <summary>The range reads as zeros (NBD <c>NBD_STATE_ZERO</c>).</summary>
    Zero = 2,
}

/// <summary>A run of bytes of one kind.</summary>
public readonly record struct BlockExtent(long OffsetBytes, long LengthBytes, ExtentKind Kind);

/// <summary>The buffers of one request, in order: a view of segments that the submitter owns until completion.</summary>
public readonly struct IoVector
{
    private readonly ReadOnlyMemory<IoSegment> _segments;

    /// <summary>A vector over <paramref name="segments"/>, whose lengths add up to <paramref name="lengthBytes"/>.</summary>
    public IoVector(ReadOnlyMemory<IoSegment> segments, int lengthBytes)
    {
        _segments = segments;
        LengthBytes = lengthBytes;
    }

    /// <summary>Sum of the segments' lengths.</summary>
    public int LengthBytes { get; }

    /// <summary>The segments.</summary>
    public ReadOnlySpan<IoSegment> Segments => _segments.Span;

    /// <summary>The segments, for whoever goes on later.</summary>
    internal ReadOnlyMemory<IoSegment> SegmentMemory => _segments;
}
