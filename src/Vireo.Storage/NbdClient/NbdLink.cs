using System.Buffers.Binary;
using System.Threading.Channels;
using Vireo.Disks;
using Vireo.Platform.Memory;
using Vireo.Storage.FrontEnds.Nbd;

namespace Vireo.Storage.NbdClient;

/// <summary>
/// One connection in its transmission phase: a sender that puts waiting requests together into few writes, and a receiver that hands out
/// answers in whatever order they come. It ends at the first error; calls without an answer are left to the owner.
/// </summary>
/// <param name="stream">The connection after the handshake; owned.</param>
/// <param name="export">What the server said.</param>
/// <param name="sectorBytes">Unit of extents.</param>
/// <param name="time">The clock.</param>
internal sealed class NbdLink(Stream stream, NbdServerExport export, int sectorBytes, TimeProvider time) : IAsyncDisposable
{
    private const int StagingBytes = 256 << 10;
    private const int RequestBytes = 28;
    private const int LongestChunkHeadBytes = 12;
    private const int LongestStatusBytes = 1 << 20;
    private readonly Channel<NbdCall> _toSend = Channel.CreateUnbounded<NbdCall>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<ulong, NbdCall> _calls = [];
    private readonly CancellationTokenSource _end = new();
    private readonly byte[] _sending = new byte[StagingBytes];
    private readonly byte[] _received = new byte[StagingBytes];
    private int _receivedStart;
    private int _receivedEnd;
    private ulong _nextCookie;
    private bool _isEnded;
    private Task? _running;

    /// <summary>What the server said.</summary>
    public NbdServerExport Export => export;

    /// <summary>Starts to send and receive. The task ends with the connection, never with an exception; its result says why.</summary>
    public Task<string> RunAsync()
    {
        var running = RunBothAsync();
        _running = running;
        return running;
    }

    /// <summary>Sends a call; false when the connection has ended and the call stays the owner's.</summary>
    public bool TrySend(NbdCall call)
    {
        lock (_calls)
        {
            if (_isEnded)
            {
                return false;
            }

            call.Cookie = ++_nextCookie;
            call.SentAt = time.GetTimestamp();
            call.Attempts++;
            _calls.Add(call.Cookie, call);
        }

        _toSend.Writer.TryWrite(call);
        return true;
    }

    /// <summary>Ends the connection when a request has waited longer than <paramref name="patience"/>.</summary>
    public void EndWhenSilent(TimeSpan patience)
    {
        bool isSilent;
        lock (_calls)
        {
            isSilent = _calls.Values.Any(call => time.GetElapsedTime(call.SentAt) > patience);
        }

        if (isSilent)
        {
            End();
        }
    }

    /// <summary>Ends the connection.</summary>
    public void End() => _end.Cancel();

    /// <summary>After the end: the calls that were not answered. No buffer of theirs is touched any more.</summary>
    public IReadOnlyList<NbdCall> TakeUnanswered()
    {
        lock (_calls)
        {
            NbdCall[] unanswered = [.. _calls.Values];
            _calls.Clear();
            return unanswered;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await (_running ?? Task.CompletedTask).ConfigureAwait(false);
        await stream.DisposeAsync().ConfigureAwait(false);
        _end.Dispose();
    }

    private async Task<string> RunBothAsync()
    {
        // Not on the caller's thread, which has more to do.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var sending = SendAllAsync();
        var receiving = ReceiveAllAsync();
        await Task.WhenAny(sending, receiving).ConfigureAwait(false);
        lock (_calls)
        {
            _isEnded = true;
        }

        _toSend.Writer.TryComplete();
        await _end.CancelAsync().ConfigureAwait(false);
        var reasons = await Task.WhenAll(receiving, sending).ConfigureAwait(false);
        return Array.Find(reasons, reason => reason.Length > 0) ?? "the connection was ended";
    }

    private async Task<string> SendAllAsync()
    {
        try
        {
            var used = 0;
            while (await _toSend.Reader.WaitToReadAsync(_end.Token).ConfigureAwait(false))
            {
                while (_toSend.Reader.TryRead(out var call))
                {
                    if (used > StagingBytes - RequestBytes)
                    {
                        await stream.WriteAsync(_sending.AsMemory(0, used), _end.Token).ConfigureAwait(false);
                        used = 0;
                    }

                    WriteHead(_sending.AsSpan(used, RequestBytes), call);
                    used += RequestBytes;
                    var left = call.Command == NbdCommand.Write ? call.LengthBytes : 0;
                    while (left > 0)
                    {
                        var count = Math.Min(left, StagingBytes - used);
                        SegmentWindow.CopyFrom(call.Buffers.Segments, call.Start + call.LengthBytes - left, _sending.AsSpan(used, count));
                        used += count;
                        left -= count;
                        if (used == StagingBytes)
                        {
                            await stream.WriteAsync(_sending.AsMemory(0, used), _end.Token).ConfigureAwait(false);
                            used = 0;
                        }
                    }
                }

                await stream.WriteAsync(_sending.AsMemory(0, used), _end.Token).ConfigureAwait(false);
                used = 0;
            }

            return string.Empty;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return exception is OperationCanceledException ? string.Empty : exception.Message;
        }
    }

    private static void WriteHead(Span<byte> target, NbdCall call)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, NbdProtocol.RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(target[4..], (ushort)call.Flags);
        BinaryPrimitives.WriteUInt16BigEndian(target[6..], (ushort)call.Command);
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], call.Cookie);
        BinaryPrimitives.WriteUInt64BigEndian(target[16..], (ulong)call.OffsetBytes);
        BinaryPrimitives.WriteUInt32BigEndian(target[24..], (uint)call.LengthBytes);
    }

    private async Task<string> ReceiveAllAsync()
    {
        try
        {
            while (true)
            {
                await ReceiveAsync(4).ConfigureAwait(false);
                var headBytes = NbdReply.HeadBytes(_received.AsSpan(_receivedStart));
                if (headBytes == 0)
                {
                    return "the server sent what is no reply";
                }

                await ReceiveAsync(headBytes).ConfigureAwait(false);
                if (!NbdReply.TryParse(_received.AsSpan(_receivedStart, headBytes), out var reply))
                {
                    return "the server sent what is no reply";
                }

                _receivedStart += headBytes;
                var call = Find(reply.Cookie);
                if (call is null || reply.IsStructured && !export.HasStructuredReplies)
                {
                    return "the server answered what was not asked";
                }

                var wrong = reply.IsStructured ? await ReadChunkAsync(reply, call).ConfigureAwait(false) : await ReadSimpleAsync(reply, call).ConfigureAwait(false);
                if (wrong.Length > 0)
                {
                    return wrong;
                }

                if (reply.IsLast)
                {
                    if (call.Status == BlockStatus.Ok && IsIncomplete(call))
                    {
                        return "the server ended an answer before it was complete";
                    }

                    Finish(call);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return exception is OperationCanceledException ? string.Empty : exception.Message;
        }
    }

    private static bool IsIncomplete(NbdCall call) => call.Command switch
    {
        NbdCommand.Read => call.ReceivedBytes != call.LengthBytes,
        NbdCommand.BlockStatus => call.Extents!.Count == call.FirstExtent,
        _ => false,
    };

    private async ValueTask<string> ReadSimpleAsync(NbdReply reply, NbdCall call)
    {
        call.Status = StatusOf(reply.Error);
        if (call.Command == NbdCommand.BlockStatus && call.Status == BlockStatus.Ok)
        {
            return "the server answered a question about extents without any";
        }

        if (call.Command == NbdCommand.Read && call.Status == BlockStatus.Ok)
        {
            if (export.HasStructuredReplies)
            {
                return "the server answered a read in the simple form although both agreed on the structured one";
            }

            await ReceiveInToAsync(call, 0, call.LengthBytes).ConfigureAwait(false);
        }

        return string.Empty;
    }

    private async ValueTask<string> ReadChunkAsync(NbdReply reply, NbdCall call)
    {
        switch (reply.Type)
        {
            case NbdChunk.None when reply.LengthBytes == 0 && reply.IsLast:
                return string.Empty;
            case NbdChunk.OffsetData when call.Command == NbdCommand.Read && reply.LengthBytes > 8:
            case NbdChunk.OffsetHole when call.Command == NbdCommand.Read && reply.LengthBytes == LongestChunkHeadBytes:
                var isHole = reply.Type == NbdChunk.OffsetHole;
                var headBytes = isHole ? LongestChunkHeadBytes : 8;
                await ReceiveAsync(headBytes).ConfigureAwait(false);
                var offset = BinaryPrimitives.ReadUInt64BigEndian(_received.AsSpan(_receivedStart)) - (ulong)call.OffsetBytes;
                var length = isHole ? BinaryPrimitives.ReadUInt32BigEndian(_received.AsSpan(_receivedStart + 8)) : reply.LengthBytes - 8;
                _receivedStart += headBytes;
                if (offset > (ulong)call.LengthBytes || length > (ulong)call.LengthBytes - offset || call.ReceivedBytes + length > call.LengthBytes)
                {
                    return "the server sent data that were not asked for";
                }

                if (isHole)
                {
                    SegmentWindow.Clear(call.Buffers.Segments, call.Start + (int)offset, (int)length);
                    call.ReceivedBytes += length;
                    return string.Empty;
                }

                await ReceiveInToAsync(call, (int)offset, (int)length).ConfigureAwait(false);
                return string.Empty;
            case NbdChunk.BlockStatus when call.Command == NbdCommand.BlockStatus && reply.LengthBytes <= LongestStatusBytes && call.Extents!.Count == call.FirstExtent:
                var payload = new byte[reply.LengthBytes];
                await ReceiveInToAsync(payload).ConfigureAwait(false);
                return NbdStatusChunk.TryParse(payload, export.AllocationContextId ?? 0, call.OffsetBytes, call.LengthBytes, sectorBytes, call.Extents)
                    ? string.Empty
                    : "the server sent extents that are none";
            case var type when ((ushort)type & 0x8000) != 0 && reply.LengthBytes is >= 6 and <= NbdProtocol.MaximumOptionBytes:
                var error = new byte[reply.LengthBytes];
                await ReceiveInToAsync(error).ConfigureAwait(false);
                var status = StatusOf(BinaryPrimitives.ReadUInt32BigEndian(error));
                call.Status = status == BlockStatus.Ok ? BlockStatus.IoError : status;
                return string.Empty;
            default:
                return $"the server sent a chunk of type {(ushort)reply.Type} and {reply.LengthBytes} bytes as answer to {call.Command}";
        }
    }

    // At least so many bytes from _receivedStart on; few enough that they fit.
    private async ValueTask ReceiveAsync(int count)
    {
        if (_receivedEnd - _receivedStart >= count)
        {
            return;
        }

        _received.AsSpan(_receivedStart, _receivedEnd - _receivedStart).CopyTo(_received);
        (_receivedStart, _receivedEnd) = (0, _receivedEnd - _receivedStart);
        while (_receivedEnd < count)
        {
            var received = await stream.ReadAsync(_received.AsMemory(_receivedEnd), _end.Token).ConfigureAwait(false);
            if (received == 0)
            {
                throw new EndOfStreamException("the server closed the connection");
            }

            _receivedEnd += received;
        }
    }

    private async ValueTask ReceiveInToAsync(NbdCall call, int start, int count)
    {
        call.ReceivedBytes += count;
        while (count > 0)
        {
            await ReceiveAsync(1).ConfigureAwait(false);
            var taken = Math.Min(count, _receivedEnd - _receivedStart);
            SegmentWindow.CopyTo(_received.AsSpan(_receivedStart, taken), call.Buffers.Segments, call.Start + start);
            _receivedStart += taken;
            start += taken;
            count -= taken;
        }
    }

    private async ValueTask ReceiveInToAsync(byte[] target)
    {
        for (var done = 0; done < target.Length;)
        {
            await ReceiveAsync(1).ConfigureAwait(false);
            var taken = Math.Min(target.Length - done, _receivedEnd - _receivedStart);
            _received.AsSpan(_receivedStart, taken).CopyTo(target.AsSpan(done));
            _receivedStart += taken;
            done += taken;
        }
    }

    private NbdCall? Find(ulong cookie)
    {
        lock (_calls)
        {
            return _calls.GetValueOrDefault(cookie);
        }
    }

    private void Finish(NbdCall call)
    {
        lock (_calls)
        {
            _calls.Remove(call.Cookie);
        }

        if (call.Status != BlockStatus.Ok && call.Extents is { } extents)
        {
            extents.RemoveRange(call.FirstExtent, extents.Count - call.FirstExtent);
        }

        call.Complete(call.Status);
    }

    private static BlockStatus StatusOf(uint error) => (NbdError)error switch
    {
        NbdError.None => BlockStatus.Ok,
        NbdError.NotPermitted => BlockStatus.ReadOnly,
        NbdError.NoSpace => BlockStatus.NoSpace,
        NbdError.NotSupported => BlockStatus.Unsupported,
        _ => BlockStatus.IoError,
    };
}
