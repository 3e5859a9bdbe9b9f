using System.Buffers.Binary;

namespace Vireo.Testing.Vhost;

/// <summary>A request that a mock guest has sent to a disk: where its buffers are and how it ended.</summary>
public sealed class MockBlockRequest
{
    internal MockBlockRequest(ulong header, ulong data, int dataBytes)
    {
        Header = header;
        Data = data;
        DataBytesMax = dataBytes;
    }

    /// <summary>Guest address of the header, whose last byte is followed by the status byte.</summary>
    public ulong Header { get; }

    /// <summary>Guest address of the data.</summary>
    public ulong Data { get; }

    /// <summary>Room for data.</summary>
    public int DataBytesMax { get; }

    /// <summary>VIRTIO_BLK_S_*, once used.</summary>
    public byte Status { get; internal set; }

    /// <summary>Length that the device told.</summary>
    public uint UsedBytes { get; internal set; }
}

/// <summary>
/// A guest's virtio block driver (virtio 1.2 5.2) on a <see cref="MockQueue"/>: for tests, and to generate load. Buffers are made once;
/// after that a request allocates nothing.
/// </summary>
public sealed class MockBlockDriver
{
    /// <summary>VIRTIO_BLK_T_IN.</summary>
    public const uint Read = 0;

    /// <summary>VIRTIO_BLK_T_OUT.</summary>
    public const uint Write = 1;

    /// <summary>VIRTIO_BLK_T_FLUSH.</summary>
    public const uint Flush = 4;

    /// <summary>VIRTIO_BLK_T_GET_ID.</summary>
    public const uint GetId = 8;

    /// <summary>VIRTIO_BLK_T_DISCARD.</summary>
    public const uint Discard = 11;

    /// <summary>VIRTIO_BLK_T_WRITE_ZEROES.</summary>
    public const uint WriteZeroes = 13;

    private const int HeaderBytes = 16;
    private readonly MockGuestMemory _memory;
    private readonly Stack<MockBlockRequest> _free = new();
    private readonly MockBlockRequest?[] _byHead;
    private readonly bool _indirect;

    /// <summary>Makes <paramref name="depth"/> requests of <paramref name="dataBytes"/> each.</summary>
    public MockBlockDriver(MockGuestMemory memory, MockQueue queue, int depth, int dataBytes, bool indirect = false)
    {
        _memory = memory;
        Queue = queue;
        _indirect = indirect;
        _byHead = new MockBlockRequest?[queue.Size];
        for (var i = 0; i < depth; i++)
        {
            _free.Push(new MockBlockRequest(memory.Allocate(HeaderBytes + 1), memory.Allocate(dataBytes, 4096), dataBytes));
        }
    }

    /// <summary>The queue.</summary>
    public MockQueue Queue { get; }

    /// <summary>Requests that could be sent now.</summary>
    public int Free => _free.Count;

    /// <summary>The data of a request.</summary>
    public Span<byte> Data(MockBlockRequest request, int lengthBytes) => _memory.Span(request.Data, lengthBytes);

    /// <summary>A request to be filled and sent.</summary>
    public MockBlockRequest Take() => _free.Pop();

    /// <summary>Puts a request on the ring; the kick is the caller's.</summary>
    public void Send(MockBlockRequest request, uint type, ulong sector, int dataBytes)
    {
        var header = _memory.Span(request.Header, HeaderBytes + 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sector);
        header[HeaderBytes] = 0xff;
        var isWritable = type is Read or GetId;
        ReadOnlySpan<MockBuffer> buffers =
        [
            new(request.Header, HeaderBytes, false), new(request.Data, dataBytes, isWritable), new(request.Header + HeaderBytes, 1, true),
        ];
        ushort head;
        if (dataBytes == 0)
        {
            ReadOnlySpan<MockBuffer> without = [buffers[0], buffers[2]];
            head = _indirect ? Queue.AddIndirect(without) : Queue.Add(without);
        }
        else
        {
            head = _indirect ? Queue.AddIndirect(buffers) : Queue.Add(buffers);
        }

        _byHead[head] = request;
    }

    /// <summary>Waits for a request to be used.</summary>
    public MockBlockRequest Wait() => Used(Queue.WaitUsed());

    /// <summary>Takes a used request, if there is one.</summary>
    public MockBlockRequest? TryGet() => Queue.TryGetUsed(out var used) ? Used(used) : null;

    /// <summary>Waits for a request to be used; null when the device does not signal for so long.</summary>
    public MockBlockRequest? TryWait(int milliseconds) => Queue.TryWaitUsed(milliseconds, out var used) ? Used(used) : null;

    /// <summary>Makes a finished request free again.</summary>
    public void Return(MockBlockRequest request) => _free.Push(request);

    /// <summary>Sends one request, waits for it and answers its status; the data comes from or goes to <paramref name="data"/>.</summary>
    public byte Do(uint type, ulong sector, Span<byte> data = default)
    {
        var request = Take();
        if (type is not (Read or GetId))
        {
            data.CopyTo(Data(request, data.Length));
        }

        Send(request, type, sector, data.Length);
        Queue.Kick();
        var done = Wait();
        if (type is Read or GetId)
        {
            Data(request, data.Length).CopyTo(data);
        }

        Return(done);
        return done.Status;
    }

    private MockBlockRequest Used(MockUsed used)
    {
        var request = _byHead[used.Head] ?? throw new InvalidOperationException($"The device used buffer {used.Head}, which it was not given.");
        _byHead[used.Head] = null;
        request.Status = _memory.Span(request.Header + HeaderBytes, 1)[0];
        request.UsedBytes = used.WrittenBytes;
        return request;
    }
}
