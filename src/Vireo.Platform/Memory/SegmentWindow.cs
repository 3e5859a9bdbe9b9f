namespace Vireo.Platform.Memory;

/// <summary>A part of a request's buffers, cut at byte positions without copying them.</summary>
public static class SegmentWindow
{
    /// <summary>Makes a part of the buffers zeros.</summary>
    public static void Clear(ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        foreach (var segment in segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            var takenBytes = Math.Min(segment.Length - start, lengthBytes);
            segment.Span.Slice(start, takenBytes).Clear();
            start = 0;
            lengthBytes -= takenBytes;
            if (lengthBytes == 0)
            {
                return;
            }
        }
    }

    /// <summary>Copies <paramref name="source"/> into the buffers from byte <paramref name="start"/> on.</summary>
    public static void CopyTo(ReadOnlySpan<byte> source, ReadOnlySpan<IoSegment> segments, int start)
    {
        foreach (var segment in segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            var takenBytes = Math.Min(segment.Length - start, source.Length);
            source[..takenBytes].CopyTo(segment.Span[start..]);
            source = source[takenBytes..];
            start = 0;
            if (source.IsEmpty)
            {
                return;
            }
        }
    }

    /// <summary>Copies from the buffers, beginning at byte <paramref name="start"/>, until <paramref name="target"/> is full.</summary>
    public static void CopyFrom(ReadOnlySpan<IoSegment> segments, int start, Span<byte> target)
    {
        foreach (var segment in segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            var takenBytes = Math.Min(segment.Length - start, target.Length);
            segment.Span.Slice(start, takenBytes).CopyTo(target);
            target = target[takenBytes..];
            start = 0;
            if (target.IsEmpty)
            {
                return;
            }
        }
    }
}
