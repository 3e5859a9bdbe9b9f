using Vireo.Disks;
using Vireo.Platform.Memory;

namespace Vireo.Storage.Stacks;

/// <summary>Vectors of zeros for devices that cannot zero a range by themselves: one page of zeros, pointed at many times.</summary>
internal static class ZeroBuffers
{
    /// <summary>Longest vector.</summary>
    public const int MaximumBytes = 1 << 20;

    private const int PageBytes = 1 << 16;

    // Lives as long as the process, so segments into it are always valid.
    private static readonly NativeBuffer s_page = new(PageBytes);
    private static readonly IoSegment[] s_segments = Enumerable.Repeat(s_page.Segment, MaximumBytes / PageBytes).ToArray();

    /// <summary>A vector of <paramref name="lengthBytes"/> zeros, at most <see cref="MaximumBytes"/>; do not write into it.</summary>
    public static IoVector Take(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, MaximumBytes);
        if (lengthBytes % PageBytes == 0)
        {
            return new IoVector(s_segments.AsMemory(0, lengthBytes / PageBytes), lengthBytes);
        }

        var segments = s_segments[..(lengthBytes / PageBytes + 1)];
        segments[^1] = segments[^1].Slice(0, lengthBytes % PageBytes);
        return new IoVector(segments, lengthBytes);
    }
}
