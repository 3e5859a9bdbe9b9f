using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vireo.Platform.Memory;

/// <summary>
/// Copies a few bytes in place of the general routine, whose choice of method costs as much as the copying of a short frame. Source and
/// destination do not overlap.
/// </summary>
public static unsafe class ShortCopy
{
    private const int LineBytes = 64;

    /// <summary>Copies <paramref name="length"/> bytes, zero or more; meant for up to about 256.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Copy(byte* from, byte* to, int length)
    {
        if (length < LineBytes)
        {
            CopyLess(from, to, length);
            return;
        }

        // SAFETY: each piece begins in range and ends at or before length; the last one overlaps the one before it.
        var last = length - LineBytes;
        for (var at = 0; at < last; at += LineBytes)
        {
            Line(from + at, to + at);
        }

        Line(from + last, to + last);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Line(byte* from, byte* to)
    {
        var low = Vector256.Load(from);
        var high = Vector256.Load(from + 32);
        low.Store(to);
        high.Store(to + 32);
    }

    private static void CopyLess(byte* from, byte* to, int length)
    {
        // SAFETY: two pieces of the greatest size that fits, one from the front and one to the end, cover the whole.
        if (length >= 32)
        {
            var low = Vector256.Load(from);
            var high = Vector256.Load(from + length - 32);
            low.Store(to);
            high.Store(to + length - 32);
        }
        else if (length >= 16)
        {
            var low = Vector128.Load(from);
            var high = Vector128.Load(from + length - 16);
            low.Store(to);
            high.Store(to + length - 16);
        }
        else
        {
            Unsafe.CopyBlockUnaligned(to, from, (uint)Math.Max(length, 0));
        }
    }
}
