using System.Buffers;
using System.Runtime.CompilerServices;
using Vireo.Platform.Memory;

namespace Vireo.Disks;

/// <summary>What a differencing image asks its parent. Behind the end of a parent that is smaller come zeros.</summary>
internal static class ParentRead
{
    /// <summary>Reads the parent's bytes into the part of <paramref name="buffers"/> that begins at <paramref name="start"/>.</summary>
    /// <returns><see cref="BlockStatus.Unsupported"/> when the image was opened without its parent: its content is not known.</returns>
    public static ValueTask<BlockStatus> ReadAsync(IDiskImage? parent, long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        if (parent is null)
        {
            return new(BlockStatus.Unsupported);
        }

        var parentBytes = (int)Math.Clamp(parent.Geometry.SizeBytes - offsetBytes, 0, lengthBytes);
        if (parentBytes < lengthBytes)
        {
            SegmentWindow.Clear(buffers.Segments, start + parentBytes, lengthBytes - parentBytes);
        }

        return parentBytes == 0 ? new(BlockStatus.Ok)
            : start == 0 && parentBytes == buffers.LengthBytes ? parent.ReadAsync(offsetBytes, buffers)
            : ReadPartAsync(parent, offsetBytes, buffers, start, parentBytes);
    }

    /// <summary>Whether the parent is known to hold only zeros in the range.</summary>
    public static async ValueTask<bool> IsZeroAsync(IDiskImage? parent, long offsetBytes, long lengthBytes)
    {
        if (parent is null)
        {
            return false;
        }

        var end = Math.Min(offsetBytes + lengthBytes, parent.Geometry.SizeBytes);
        List<BlockExtent> extents = [];
        while (offsetBytes < end)
        {
            extents.Clear();
            var status = await parent.MapExtentsAsync(offsetBytes, end - offsetBytes, extents).ConfigureAwait(false);
            if (status != BlockStatus.Ok || extents.Count == 0 || extents.Exists(static extent => (extent.Kind & ExtentKind.Zero) == 0))
            {
                return false;
            }

            offsetBytes = extents[^1].OffsetBytes + extents[^1].LengthBytes;
        }

        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<BlockStatus> ReadPartAsync(IDiskImage parent, long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var part = ArrayPool<IoSegment>.Shared.Rent(buffers.Segments.Length);
        try
        {
            var count = Cut(buffers.Segments, start, lengthBytes, part);
            return await parent.ReadAsync(offsetBytes, new IoVector(part.AsMemory(0, count), lengthBytes)).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<IoSegment>.Shared.Return(part);
        }
    }

    private static int Cut(ReadOnlySpan<IoSegment> segments, int start, int lengthBytes, IoSegment[] part)
    {
        var count = 0;
        foreach (var segment in segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            if (lengthBytes == 0)
            {
                break;
            }

            var takenBytes = Math.Min(segment.Length - start, lengthBytes);
            part[count++] = segment.Slice(start, takenBytes);
            start = 0;
            lengthBytes -= takenBytes;
        }

        return count;
    }
}
