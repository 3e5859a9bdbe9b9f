using System.Runtime.InteropServices;

namespace Vireo.Platform.Memory;

/// <summary>
/// Zeroed memory outside the garbage-collected heap, aligned to 4096 bytes, that requests can point into. It is released by
/// <see cref="Dispose"/>, which the owner calls only when no request holds one of its segments.
/// </summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    private const int AlignmentBytes = 4096;
    private void* _memory;

    /// <summary>Allocates <paramref name="lengthBytes"/> bytes of zeros.</summary>
    public NativeBuffer(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        LengthBytes = lengthBytes;

        // SAFETY: the allocation is at least lengthBytes long, and is owned by this object until Dispose.
        _memory = NativeMemory.AlignedAlloc((nuint)lengthBytes, AlignmentBytes);
        NativeMemory.Clear(_memory, (nuint)lengthBytes);
    }

    /// <summary>Releases the memory of an owner that was lost without disposing.</summary>
    ~NativeBuffer() => Release();

    /// <summary>Length in bytes.</summary>
    public int LengthBytes { get; }

    /// <summary>The whole buffer as a segment; valid until the buffer is disposed.</summary>
    public IoSegment Segment
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            return new IoSegment((nint)_memory, LengthBytes);
        }
    }

    /// <summary>The bytes; valid until the buffer is disposed.</summary>
    public Span<byte> Span => Segment.Span;

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        // SAFETY: _memory came from AlignedAlloc and is freed once, because it is cleared here.
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
