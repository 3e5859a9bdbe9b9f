using System.Collections.Concurrent;
using Vireo.Disks;
using Vireo.Platform.Memory;

namespace Vireo.Storage.Stacks;

/// <summary>Aligned buffers of one size for layers that move bytes. As many are kept as were ever in use at once, up to a limit.</summary>
/// <param name="bufferBytes">Size of each.</param>
/// <param name="keptMaximum">Buffers that are kept.</param>
internal sealed class BufferPool(int bufferBytes, int keptMaximum = 32) : IDisposable
{
    private readonly ConcurrentStack<Buffer> _spare = new();

    /// <summary>Size of each buffer.</summary>
    public int BufferBytes => bufferBytes;

    /// <summary>A buffer with any content; <see cref="Return"/> gives it back.</summary>
    public Buffer Rent() => _spare.TryPop(out var buffer) ? buffer : new Buffer(bufferBytes);

    /// <summary>Takes back a buffer that no request uses any more.</summary>
    public void Return(Buffer buffer)
    {
        if (_spare.Count < keptMaximum)
        {
            _spare.Push(buffer);
        }
        else
        {
            buffer.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_spare.TryPop(out var buffer))
        {
            buffer.Dispose();
        }
    }

    /// <summary>A buffer with its vector.</summary>
    internal sealed class Buffer(int lengthBytes) : IDisposable
    {
        private readonly NativeBuffer _memory = new(lengthBytes);
        private readonly IoSegment[] _segment = new IoSegment[1];

        /// <summary>The bytes.</summary>
        public Span<byte> Span => _memory.Span;

        /// <summary>A part as the vector of a request. One vector at a time.</summary>
        public IoVector Vector(int start, int count)
        {
            _segment[0] = _memory.Segment.Slice(start, count);
            return new IoVector(_segment, count);
        }

        /// <inheritdoc/>
        public void Dispose() => _memory.Dispose();
    }
}
