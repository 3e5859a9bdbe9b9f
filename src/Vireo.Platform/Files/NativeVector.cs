using Vireo.Platform.Memory;

namespace Vireo.Platform.Files;

/// <summary><c>struct iovec</c>, readv(2).</summary>
/// <param name="Base">First byte.</param>
/// <param name="Length">Length in bytes.</param>
internal readonly record struct NativeVector(nint Base, nuint Length)
{
    /// <summary>Describes the part of <paramref name="segments"/> that begins at byte <paramref name="start"/>, as far as <paramref name="vector"/> has room.</summary>
    /// <returns>How many entries that took.</returns>
    public static int Fill(Span<NativeVector> vector, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        var count = 0;
        foreach (ref readonly var segment in segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            if (lengthBytes == 0 || count == vector.Length)
            {
                break;
            }

            var takenBytes = Math.Min(segment.Length - start, lengthBytes);
            vector[count++] = new NativeVector(segment.Address + start, (nuint)takenBytes);
            start = 0;
            lengthBytes -= takenBytes;
        }

        return count;
    }

    /// <summary>What is left behind the first <paramref name="bytes"/>.</summary>
    public NativeVector Skip(nint bytes) => new(Base + bytes, Length - (nuint)bytes);
}
