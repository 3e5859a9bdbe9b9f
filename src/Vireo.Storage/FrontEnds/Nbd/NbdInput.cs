using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Platform.Sockets;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// What a client has sent and nobody has taken yet. Many short requests are received with one call into one buffer, where the payloads of
/// short writes stay until they are written; the payload of a long write is received into a buffer of its own.
/// </summary>
internal sealed class NbdInput(StreamSocket socket, NbdBufferPool buffers)
{
    /// <summary>Longest payload that stays among the requests.</summary>
    private const int ShortPayloadBytes = 32 << 10;

    /// <summary>Room that is made before receiving: more than a short write takes.</summary>
    private const int RoomBytes = 64 << 10;

    /// <summary>Behind a long write little more than the next request's head is received, because what comes then is copied.</summary>
    private const int AheadBytes = 4 << 10;

    private readonly IoSegment[] _targets = new IoSegment[2];
    private NbdBuffer? _shared;
    private int _start;
    private int _end;
    private NbdRequest _long;
    private NbdBuffer? _longPayload;
    private int _longBytes;
    private bool _expectsLong;

    /// <summary>The stream cannot be understood any more.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>A request has begun to arrive and is not whole.</summary>
    public bool IsHalfReceived => _longPayload is not null || _start != _end;

    /// <summary>Receives what is there.</summary>
    /// <param name="isDrained">The socket held no more; the next event says that it does.</param>
    /// <returns>False when the client sends no more.</returns>
    public bool Receive(out bool isDrained)
    {
        MakeRoom();
        var count = 0;
        var wanted = 0;
        if (_longPayload is not null)
        {
            wanted = (int)_long.LengthBytes - _longBytes;
            _targets[count++] = _longPayload.Segment(NbdBufferPool.HeadBytes + _longBytes, wanted);
        }

        var room = _expectsLong ? Math.Min(AheadBytes, _shared!.CapacityBytes - _end) : _shared!.CapacityBytes - _end;
        _targets[count++] = _shared.Segment(_end, room);
        var received = (int)socket.Receive(_targets.AsSpan(0, count));
        if (received <= 0)
        {
            isDrained = true;
            return received == -SystemCall.Again;
        }

        isDrained = received < wanted + room;
        var taken = Math.Min(received, wanted);
        _longBytes += taken;
        _end += received - taken;
        return true;
    }

    /// <summary>Takes the next whole request.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="payload">Of a write: the memory, which the caller counts on and releases.</param>
    /// <param name="payloadStart">Where in it the payload begins.</param>
    /// <returns>False when none is whole, or the stream is broken.</returns>
    public bool TryTake(out NbdRequest request, out NbdBuffer? payload, out int payloadStart)
    {
        payload = null;
        payloadStart = 0;
        if (_longPayload is not null)
        {
            request = _long;
            if (_longBytes < _long.LengthBytes)
            {
                return false;
            }

            payload = _longPayload;
            payloadStart = NbdBufferPool.HeadBytes;
            _longPayload = null;
            return true;
        }

        request = default;
        var available = _end - _start - NbdRequest.WireBytes;
        if (available < 0 || IsBroken)
        {
            return false;
        }

        if (!NbdRequest.TryParse(_shared!.Span(_start, NbdRequest.WireBytes), out request)
            || (request.Command == NbdCommand.Write && request.LengthBytes > NbdProtocol.MaximumPayloadBytes))
        {
            IsBroken = true;
            return false;
        }

        if (request.Command != NbdCommand.Write)
        {
            _start += NbdRequest.WireBytes;
            _expectsLong = false;
            return true;
        }

        var lengthBytes = (int)request.LengthBytes;
        _expectsLong = lengthBytes > ShortPayloadBytes;
        if (lengthBytes <= available)
        {
            _shared.Retain();
            payload = _shared;
            payloadStart = _start + NbdRequest.WireBytes;
            _start += NbdRequest.WireBytes + lengthBytes;
            return true;
        }

        if (_expectsLong)
        {
            _long = request;
            _longPayload = buffers.Rent(lengthBytes);
            _shared.Span(_start + NbdRequest.WireBytes, available).CopyTo(_longPayload.Span(NbdBufferPool.HeadBytes, available));
            _longBytes = available;
            _start = _end;
        }

        return false;
    }

    /// <summary>Keeps no memory while nothing is half received.</summary>
    public void Rest()
    {
        if (_start == _end)
        {
            _shared?.Release();
            _shared = null;
            _start = _end = 0;
        }
    }

    /// <summary>Drops what nobody will take.</summary>
    public void Clear()
    {
        _longPayload?.Release();
        _longPayload = null;
        _start = _end;
        Rest();
    }

    private void MakeRoom()
    {
        _shared ??= buffers.Rent(0);
        if (_start == _end && _shared.IsSole)
        {
            _start = _end = 0;
        }

        if (_shared.CapacityBytes - _end >= RoomBytes)
        {
            return;
        }

        // What is half received moves to the front; where requests still use the buffer, to the front of another.
        var rest = _shared.Span(_start, _end - _start);
        if (_shared.IsSole)
        {
            rest.CopyTo(_shared.Span(0, rest.Length));
        }
        else
        {
            var fresh = buffers.Rent(0);
            rest.CopyTo(fresh.Span(0, rest.Length));
            _shared.Release();
            _shared = fresh;
        }

        _start = 0;
        _end = rest.Length;
    }
}
