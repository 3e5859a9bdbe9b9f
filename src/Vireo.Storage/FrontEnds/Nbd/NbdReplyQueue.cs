using System.Buffers.Binary;
using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Platform.Sockets;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>Where the reply of a request is being put together: room for its head, then room for its payload, in one piece.</summary>
/// <param name="Buffer">The memory, counted on until the reply is sent or given up.</param>
/// <param name="Start">First byte of the room.</param>
/// <param name="PayloadStart">First byte of the payload.</param>
internal readonly record struct NbdReplyRoom(NbdBuffer Buffer, int Start, int PayloadStart);

/// <summary>
/// The replies of one connection on their way out. Replies of small requests stand one behind the other in one buffer, so that many leave
/// with one system call and one vector. NBD "Simple reply message", "Structured reply chunk message".
/// </summary>
internal sealed class NbdReplyQueue(StreamSocket socket, NbdBufferPool buffers, bool isStructured)
{
    /// <summary>Longest payload that shares a buffer with others.</summary>
    public const int SmallPayloadBytes = 32 << 10;

    private const int StructuredHeadBytes = 20;
    private const int SimpleHeadBytes = 16;
    private const int OffsetBytes = 8;
    private readonly IoSegment[] _vector = new IoSegment[StreamSocket.MaximumSegments];
    private Part[] _parts = new Part[64];
    private int _first;
    private int _count;
    private NbdBuffer? _shared;

    /// <summary>Bytes that are not sent yet.</summary>
    public long UnsentBytes { get; private set; }

    /// <summary>Room for a reply with a payload of <paramref name="payloadBytes"/>; <paramref name="isData"/> when it answers a read.</summary>
    public NbdReplyRoom Reserve(int payloadBytes, bool isData)
    {
        // Exactly what the reply will take, so that replies stand one behind the other without gaps.
        var head = !isStructured ? SimpleHeadBytes : isData ? StructuredHeadBytes + OffsetBytes : StructuredHeadBytes;
        if (payloadBytes > SmallPayloadBytes)
        {
            return new NbdReplyRoom(buffers.Rent(payloadBytes), NbdBufferPool.HeadBytes - head, NbdBufferPool.HeadBytes);
        }

        if (_shared is not null && _shared.FreeBytes < head + payloadBytes)
        {
            _shared.Release();
            _shared = null;
        }

        _shared ??= buffers.Rent(0);
        _shared.Retain();
        var start = _shared.UsedBytes;
        _shared.UsedBytes += head + payloadBytes;
        return new NbdReplyRoom(_shared, start, start + head);
    }

    /// <summary>Gives room back that no reply came into.</summary>
    public static void GiveUp(in NbdReplyRoom room) => room.Buffer.Release();

    /// <summary>The data of a read, which stand in <paramref name="room"/>.</summary>
    public void AddData(in NbdRequest request, in NbdReplyRoom room)
    {
        var payloadBytes = (int)request.LengthBytes;
        if (!isStructured)
        {
            AddSimple(request, NbdError.None, room, payloadBytes);
            return;
        }

        // The offset belongs to the chunk's payload and stands right before the data.
        BinaryPrimitives.WriteUInt64BigEndian(room.Buffer.Span(room.PayloadStart - OffsetBytes, OffsetBytes), request.OffsetBytes);
        AddChunk(request, NbdChunk.OffsetData, room with { PayloadStart = room.PayloadStart - OffsetBytes }, payloadBytes + OffsetBytes, isLast: true);
    }

    /// <summary>The answer to a request that has none but its success.</summary>
    public void AddDone(in NbdRequest request)
    {
        if (isStructured)
        {
            AddChunk(request, NbdChunk.None, Reserve(0, isData: false), 0, isLast: true);
        }
        else
        {
            AddSimple(request, NbdError.None, Reserve(0, isData: false), 0);
        }
    }

    /// <summary>The answer to a request that failed.</summary>
    public void AddError(in NbdRequest request, NbdError error)
    {
        const int payloadBytes = 6;
        if (!isStructured)
        {
            AddSimple(request, error, Reserve(0, isData: false), 0);
            return;
        }

        var room = Reserve(payloadBytes, isData: false);

        var payload = room.Buffer.Span(room.PayloadStart, payloadBytes);
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(payload[4..], 0);
        AddChunk(request, NbdChunk.Error, room, payloadBytes, isLast: true);
    }

    /// <summary>A chunk whose payload stands in <paramref name="room"/>.</summary>
    public void AddChunk(in NbdRequest request, NbdChunk kind, in NbdReplyRoom room, int payloadBytes, bool isLast)
    {
        const ushort done = 1;
        var start = room.PayloadStart - StructuredHeadBytes;
        var head = room.Buffer.Span(start, StructuredHeadBytes);
        BinaryPrimitives.WriteUInt32BigEndian(head, NbdProtocol.StructuredReplyMagic);
        BinaryPrimitives.WriteUInt16BigEndian(head[4..], isLast ? done : (ushort)0);
        BinaryPrimitives.WriteUInt16BigEndian(head[6..], (ushort)kind);
        BinaryPrimitives.WriteUInt64BigEndian(head[8..], request.Cookie);
        BinaryPrimitives.WriteInt32BigEndian(head[16..], payloadBytes);
        Add(room.Buffer, start, StructuredHeadBytes + payloadBytes);
    }

    /// <summary>Sends what the socket takes.</summary>
    /// <returns>0, or the error number with which the socket ended; <see cref="SystemCall.Again"/> when it takes no more now.</returns>
    public int Flush()
    {
        while (_count > 0)
        {
            var segments = Math.Min(_count, _vector.Length);
            var offered = 0L;
            for (var i = 0; i < segments; i++)
            {
                ref var part = ref _parts[(_first + i) & (_parts.Length - 1)];
                _vector[i] = part.Buffer.Segment(part.Start, part.LengthBytes);
                offered += part.LengthBytes;
            }

            var sent = socket.Send(_vector.AsSpan(0, segments));
            if (sent < 0)
            {
                return (int)-sent;
            }

            Take(sent);
            if (sent < offered)
            {
                return SystemCall.Again;
            }
        }

        if (_shared is { IsSole: true })
        {
            _shared.UsedBytes = 0;
        }

        return 0;
    }

    /// <summary>Keeps no memory while nothing is to be sent.</summary>
    public void Rest()
    {
        if (_count == 0)
        {
            _shared?.Release();
            _shared = null;
        }
    }

    /// <summary>Drops what is not sent: the peer is gone.</summary>
    public void Clear()
    {
        while (_count > 0)
        {
            Drop();
        }

        UnsentBytes = 0;
        Rest();
    }

    private void AddSimple(in NbdRequest request, NbdError error, in NbdReplyRoom room, int payloadBytes)
    {
        var start = room.PayloadStart - SimpleHeadBytes;
        var head = room.Buffer.Span(start, SimpleHeadBytes);
        BinaryPrimitives.WriteUInt32BigEndian(head, NbdProtocol.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(head[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(head[8..], request.Cookie);
        Add(room.Buffer, start, SimpleHeadBytes + payloadBytes);
    }

    private void Add(NbdBuffer buffer, int start, int lengthBytes)
    {
        UnsentBytes += lengthBytes;
        if (_count > 0)
        {
            ref var last = ref _parts[(_first + _count - 1) & (_parts.Length - 1)];
            if (last.Buffer == buffer && last.Start + last.LengthBytes == start)
            {
                last.LengthBytes += lengthBytes;
                buffer.Release();
                return;
            }
        }

        if (_count == _parts.Length)
        {
            var larger = new Part[_parts.Length * 2];
            for (var i = 0; i < _count; i++)
            {
                larger[i] = _parts[(_first + i) & (_parts.Length - 1)];
            }

            _parts = larger;
            _first = 0;
        }

        _parts[(_first + _count++) & (_parts.Length - 1)] = new Part { Buffer = buffer, Start = start, LengthBytes = lengthBytes };
    }

    private void Take(nint sent)
    {
        UnsentBytes -= sent;
        while (sent > 0)
        {
            ref var part = ref _parts[_first];
            if (sent < part.LengthBytes)
            {
                part.Start += (int)sent;
                part.LengthBytes -= (int)sent;
                return;
            }

            sent -= part.LengthBytes;
            Drop();
        }
    }

    private void Drop()
    {
        _parts[_first].Buffer.Release();
        _parts[_first] = default;
        _first = (_first + 1) & (_parts.Length - 1);
        _count--;
    }

    private struct Part
    {
        public NbdBuffer Buffer;
        public int Start;
        public int LengthBytes;
    }
}
