namespace Vireo.Platform.Memory;

/// <summary>
/// A run of bytes at a fixed address: guest memory, or a pinned buffer. Whoever creates a segment guarantees that the memory stays
/// mapped until every request that carries the segment has completed; bounds are checked when the segment is made.
/// </summary>
/// <param name="Address">First byte.</param>
/// <param name="Length">Length in bytes, not negative.</param>
public readonly record struct IoSegment(nint Address, int Length)
{
    /// <summary>The bytes themselves.</summary>
    public unsafe Span<byte> Span
    {
        get
        {
            // SAFETY: the creator of the segment keeps [Address, Address + Length) mapped while a request holds it (see the summary).
            return new Span<byte>((void*)Address, Length);
        }
    }

    /// <summary>The part that begins at <paramref name="start"/> and is <paramref name="length"/> bytes long.</summary>
    public IoSegment Slice(int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + length, Length, nameof(length));
        return new IoSegment(Address + start, length);
    }
}
