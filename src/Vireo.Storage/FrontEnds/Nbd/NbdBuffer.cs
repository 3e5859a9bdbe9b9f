using System.Numerics;
using Vireo.Platform;
using Vireo.Platform.Memory;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// A piece of memory that requests and replies of one reactor share: filled from its start, given back to its pool when the last one that
/// counts on it is done. Belongs to the reactor's thread.
/// </summary>
internal sealed class NbdBuffer
{
    private readonly NativeBuffer _memory;
    private readonly NbdBufferPool _pool;
    private int _references;

    internal NbdBuffer(NbdBufferPool pool, int capacityBytes)
    {
        _pool = pool;
        _memory = new NativeBuffer(capacityBytes);
    }

    /// <summary>Length of the memory.</summary>
    public int CapacityBytes => _memory.LengthBytes;

    /// <summary>Where the next user's part begins.</summary>
    public int UsedBytes { get; set; }

    /// <summary>Bytes that are not used yet.</summary>
    public int FreeBytes => CapacityBytes - UsedBytes;

    /// <summary>Whether the caller is the only one that counts on the memory.</summary>
    public bool IsSole => _references == 1;

    /// <summary>The memory from <paramref name="start"/> on.</summary>
    public IoSegment Segment(int start, int lengthBytes) => _memory.Segment.Slice(start, lengthBytes);

    /// <summary>As <see cref="Segment"/>, to be looked at.</summary>
    public Span<byte> Span(int start, int lengthBytes) => _memory.Span.Slice(start, lengthBytes);

    /// <summary>One more counts on the memory.</summary>
    public void Retain() => _references++;

    /// <summary>One counts on it no longer.</summary>
    public void Release()
    {
        Invariant.Check(_references > 0);
        if (--_references == 0)
        {
            UsedBytes = 0;
            _pool.Return(this);
        }
    }

    /// <summary>Frees the memory, which nobody uses.</summary>
    internal void Free() => _memory.Dispose();
}

/// <summary>The buffers of one reactor. Keeps a limited number of bytes for later; what is more is freed. For the reactor's thread alone.</summary>
internal sealed class NbdBufferPool
{
    /// <summary>Length of the buffers that many small requests share.</summary>
    public const int SharedBytes = 256 << 10;

    /// <summary>Room before the payload of a request with a buffer of its own, so that the payload begins on a page.</summary>
    public const int HeadBytes = 4096;

    private const long KeptBytesMaximum = 24 << 20;
    private readonly Stack<NbdBuffer>[] _classes;
    private long _keptBytes;

    /// <summary>An empty pool.</summary>
    public NbdBufferPool()
    {
        _classes = new Stack<NbdBuffer>[ClassOf(NbdProtocol.MaximumPayloadBytes) + 1];
        for (var i = 0; i < _classes.Length; i++)
        {
            _classes[i] = new Stack<NbdBuffer>();
        }
    }

    /// <summary>An empty buffer for at least <paramref name="payloadBytes"/> besides <see cref="HeadBytes"/>; the caller counts on it.</summary>
    public NbdBuffer Rent(int payloadBytes)
    {
        var index = ClassOf(payloadBytes);
        if (_classes[index].TryPop(out var buffer))
        {
            _keptBytes -= buffer.CapacityBytes;
        }
        else
        {
            buffer = new NbdBuffer(this, (SharedBytes << index) + HeadBytes);
        }

        buffer.Retain();
        return buffer;
    }

    internal void Return(NbdBuffer buffer)
    {
        if (_keptBytes + buffer.CapacityBytes > KeptBytesMaximum)
        {
            buffer.Free();
            return;
        }

        _keptBytes += buffer.CapacityBytes;
        _classes[ClassOf(buffer.CapacityBytes - HeadBytes)].Push(buffer);
    }

    private static int ClassOf(int payloadBytes) =>
        payloadBytes <= SharedBytes ? 0 : BitOperations.Log2((uint)payloadBytes - 1) + 1 - BitOperations.Log2(SharedBytes);
}
