using System.Buffers.Binary;
using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;
using Vireo.Testing.Vhost;

namespace Vireo.Switch.Tests.Support;

/// <summary>A frame as a guest got it: the virtio-net header, the bytes, and how many buffers it took.</summary>
internal sealed record ReceivedFrame(FrameOffload Offload, byte[] Bytes, int Buffers);

/// <summary>The driver of a guest's network adapter, over a real socket: queue 0 receives, queue 1 sends.</summary>
internal sealed class MockNetworkGuest : IDisposable
{
    public const ulong Mergeable = 1UL << 15;
    public const ulong Indirect = 1UL << 28;
    public const ulong Offloads = 1 | (1 << 1) | (1 << 7) | (1 << 8) | (1 << 11) | (1 << 12);
    private const ulong EventIndex = 1UL << 29;
    private const int HeaderBytes = 12;

    private readonly MockGuestMemory _memory = new(1 << 23);
    private readonly MockFrontEnd _frontEnd;
    private readonly MockQueue[] _receives;
    private readonly MockQueue _send;
    private readonly Dictionary<(int Queue, ushort Head), ulong> _posted = [];
    private readonly int _bufferBytes;

    public MockNetworkGuest(string socket, ulong features = Mergeable, int bufferBytes = 1536, int buffers = 64, int receiveQueues = 1)
    {
        _bufferBytes = bufferBytes;
        _frontEnd = new MockFrontEnd(socket);
        _frontEnd.Negotiate(features | EventIndex);
        Assert.True(_frontEnd.SetMemory(_memory));
        _receives = [.. Enumerable.Range(0, receiveQueues).Select(pair => new MockQueue(_memory, pair * 2, 256, eventIndex: true))];
        _send = new MockQueue(_memory, 1, 256, eventIndex: true);
        _frontEnd.Start(_memory, _send);
        for (var queue = 0; queue < receiveQueues; queue++)
        {
            _frontEnd.Start(_memory, _receives[queue]);
            for (var i = 0; i < buffers; i++)
            {
                Post(queue, _memory.Allocate(bufferBytes));
            }

            _receives[queue].Kick();
        }
    }

    public MockFrontEnd FrontEnd => _frontEnd;

    /// <summary>Sends a frame and waits until the switch has taken it.</summary>
    public void Send(ReadOnlySpan<byte> frame, FrameOffload offload = default)
    {
        var address = _memory.Allocate(HeaderBytes + frame.Length);
        var buffer = _memory.Span(address, HeaderBytes + frame.Length);
        NetworkHeader.Encode(offload, buffer[..HeaderBytes]);
        frame.CopyTo(buffer[HeaderBytes..]);

        // Cut anywhere: drivers choose the framing freely.
        _send.Add(new MockBuffer(address, 20, false), new MockBuffer(address + 20, buffer.Length - 20, false));
        _send.Kick();
        _send.WaitUsed();
    }

    /// <summary>Sends a frame in pieces, as a chain or as a table of them: header and frame are cut at these places.</summary>
    public void SendPieces(ReadOnlySpan<byte> frame, IEnumerable<int> cuts, bool indirect)
    {
        var length = HeaderBytes + frame.Length;
        var address = _memory.Allocate(length);
        var buffer = _memory.Span(address, length);
        buffer[..HeaderBytes].Clear();
        frame.CopyTo(buffer[HeaderBytes..]);
        int[] ends = [.. cuts.Where(cut => cut > 0 && cut < length), length];
        MockBuffer[] pieces = [.. ends.Select((end, i) => (Begin: i == 0 ? 0 : ends[i - 1], End: end)).Select(piece => new MockBuffer(address + (ulong)piece.Begin, piece.End - piece.Begin, false))];
        _ = indirect ? _send.AddIndirect(pieces) : _send.Add(pieces);
        _send.Kick();
        _send.WaitUsed();
    }

    /// <summary>Sends bytes as they are, header and all.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes)
    {
        var address = _memory.Allocate(Math.Max(1, bytes.Length));
        bytes.CopyTo(_memory.Span(address, bytes.Length));
        _send.Add(new MockBuffer(address, bytes.Length, false));
        _send.Kick();
        _send.WaitUsed();
    }

    /// <summary>Waits for the next frame.</summary>
    public ReceivedFrame Receive(int queue = 0)
    {
        var (bytes, header) = Take(queue, _receives[queue].WaitUsed());
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(10));
        for (var i = 1; i < count; i++)
        {
            var used = _receives[queue].WaitUsed();
            bytes = [.. bytes, .. _memory.Span(_posted[(queue, used.Head)], (int)used.WrittenBytes)];
            Repost(queue, used.Head);
        }

        Assert.True(NetworkHeader.TryDecode(header, out var offload));
        return new ReceivedFrame(offload, bytes, count);
    }

    /// <summary>Whether nothing has arrived that was not taken.</summary>
    public bool IsQuiet => _receives.All(queue => !queue.TryGetUsed(out _));

    /// <summary>What has arrived in one of the queues.</summary>
    public IReadOnlyList<byte[]> Arrived(int queue)
    {
        List<byte[]> frames = [];
        while (_receives[queue].TryGetUsed(out var used))
        {
            frames.Add(Take(queue, used).Bytes);
        }

        return frames;
    }

    public void Dispose()
    {
        _frontEnd.Dispose();
        foreach (var queue in _receives)
        {
            queue.Dispose();
        }

        _send.Dispose();
        _memory.Dispose();
    }

    private (byte[] Bytes, byte[] Header) Take(int queue, MockUsed used)
    {
        var all = _memory.Span(_posted[(queue, used.Head)], (int)used.WrittenBytes);
        var result = (all[HeaderBytes..].ToArray(), all[..HeaderBytes].ToArray());
        Repost(queue, used.Head);
        return result;
    }

    private void Repost(int queue, ushort head)
    {
        Assert.True(_posted.Remove((queue, head), out var address));
        Post(queue, address);
        _receives[queue].Kick();
    }

    private void Post(int queue, ulong address) => _posted[(queue, _receives[queue].Add(new MockBuffer(address, _bufferBytes, true)))] = address;
}
