using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;
using Vireo.Disks;
using Vireo.Platform.Memory;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// The bytes of one request and, just before them, room for the head of its reply, so that a reply leaves in one piece. The memory does
/// not move and has a fixed vector, so a request allocates nothing.
/// </summary>
internal sealed class TransferBuffer
{
    /// <summary>Room before the payload.</summary>
    public const int HeadBytes = 64;

    private readonly byte[] _bytes;
    private readonly IoSegment[] _segment = new IoSegment[1];

    /// <summary>A buffer for payloads of up to <paramref name="payloadBytes"/>.</summary>
    public TransferBuffer(int payloadBytes)
    {
        CapacityBytes = payloadBytes;
        _bytes = GC.AllocateUninitializedArray<byte>(HeadBytes + payloadBytes, pinned: true);
    }

    /// <summary>Longest payload.</summary>
    public int CapacityBytes { get; }

    /// <summary>The head's room, then the payload.</summary>
    public Memory<byte> Memory => _bytes;

    /// <summary>The first <paramref name="lengthBytes"/> bytes of the payload as the vector of a request. One vector at a time.</summary>
    public IoVector Vector(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, CapacityBytes);

        // The array is on the pinned heap and this object holds it; the connection holds this object until the request has completed.
        _segment[0] = new IoSegment(Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, HeadBytes), lengthBytes);
        return new IoVector(_segment, lengthBytes);
    }
}

/// <summary>Buffers that wait for their next request. Keeps a limited number of bytes; more are left to the garbage collector.</summary>
internal sealed class TransferBufferPool
{
    private const int SmallestBytes = 64 << 10;
    private const long KeptBytesMaximum = 16 << 20;
    private readonly ConcurrentStack<TransferBuffer>[] _classes;
    private long _keptBytes;

    /// <summary>An empty pool.</summary>
    public TransferBufferPool()
    {
        _classes = new ConcurrentStack<TransferBuffer>[ClassOf(NbdProtocol.MaximumPayloadBytes) + 1];
        for (var i = 0; i < _classes.Length; i++)
        {
            _classes[i] = new ConcurrentStack<TransferBuffer>();
        }
    }

    /// <summary>A buffer for at least <paramref name="payloadBytes"/>, at most the protocol's maximum.</summary>
    public TransferBuffer Rent(int payloadBytes)
    {
        var index = ClassOf(payloadBytes);
        if (_classes[index].TryPop(out var buffer))
        {
            Interlocked.Add(ref _keptBytes, -buffer.CapacityBytes);
            return buffer;
        }

        return new TransferBuffer(SmallestBytes << index);
    }

    /// <summary>Takes a buffer back that no request uses any more.</summary>
    public void Return(TransferBuffer buffer)
    {
        if (Interlocked.Add(ref _keptBytes, buffer.CapacityBytes) > KeptBytesMaximum)
        {
            Interlocked.Add(ref _keptBytes, -buffer.CapacityBytes);
            return;
        }

        _classes[ClassOf(buffer.CapacityBytes)].Push(buffer);
    }

    private static int ClassOf(int payloadBytes) =>
        payloadBytes <= SmallestBytes ? 0 : BitOperations.Log2((uint)payloadBytes - 1) + 1 - BitOperations.Log2(SmallestBytes);
}
