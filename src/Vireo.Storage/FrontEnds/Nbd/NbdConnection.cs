using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// The transmission phase of one connection. Workers take turns at receiving: one reads a request with its payload, passes the turn on,
/// carries the request out and sends the reply. So requests of one client run side by side, an idle connection has one waiting worker,
/// and a new worker is made only when all are busy. A short request with none behind it keeps the turn. NBD "Transmission".
/// </summary>
internal sealed class NbdConnection : IDisposable
{
    private const int MaximumWorkers = 16;
    private const int StructuredHeadBytes = 20;
    private const int SimpleHeadBytes = 16;
    private const int MaximumExtents = 1024;
    private const int ShortBytes = 128 << 10;
    private static readonly long s_quickTicks = Stopwatch.Frequency / 10_000;
    private readonly Socket _socket;
    private readonly NbdExport _export;
    private readonly NbdSession _session;
    private readonly TransferBufferPool _buffers;
    private readonly SemaphoreSlim _receiving = new(1, 1);
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _requestHead = new byte[NbdRequest.WireBytes];
    private int _workers = 1;
    private int _waiting;
    private long _usualTicks;

    /// <summary>A connection whose handshake is done.</summary>
    public NbdConnection(Socket socket, NbdExport export, NbdSession session, TransferBufferPool buffers)
    {
        _socket = socket;
        _export = export;
        _session = session;
        _buffers = buffers;
    }

    /// <summary>Serves until the client leaves or <paramref name="cancellationToken"/> is cancelled; completes when the last request has.</summary>
    public Task RunAsync(CancellationToken cancellationToken)
    {
        _ = WorkAsync(cancellationToken);
        return _finished.Task;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _receiving.Dispose();
        _sending.Dispose();
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        List<BlockExtent> extents = [];
        var hasTurn = false;
        try
        {
            while (true)
            {
                if (!hasTurn)
                {
                    Interlocked.Increment(ref _waiting);
                    await _receiving.WaitAsync(cancellationToken).ConfigureAwait(false);
                    Interlocked.Decrement(ref _waiting);
                    hasTurn = true;
                }

                if (!await _socket.ReceiveAllAsync(_requestHead, cancellationToken).ConfigureAwait(false)
                    || !NbdRequest.TryParse(_requestHead, out var request)
                    || request.Command == NbdCommand.Disconnect
                    || (request.Command == NbdCommand.Write && request.LengthBytes > NbdProtocol.MaximumPayloadBytes))
                {
                    return;
                }

                // A client that asks for too much gets an answer, and for that a small buffer is enough.
                var hasPayload = request.Command is NbdCommand.Read or NbdCommand.Write && request.LengthBytes <= NbdProtocol.MaximumPayloadBytes;
                var buffer = _buffers.Rent(hasPayload ? (int)request.LengthBytes : 0);
                if (request.Command == NbdCommand.Write
                    && !await _socket.ReceiveAllAsync(buffer.Memory.Slice(TransferBuffer.HeadBytes, (int)request.LengthBytes), cancellationToken).ConfigureAwait(false))
                {
                    return;
                }

                if (!MayKeepTurn(request))
                {
                    hasTurn = false;
                    _receiving.Release();
                    CallHelp(cancellationToken);
                }

                var begun = Stopwatch.GetTimestamp();
                await CarryOutAsync(request, buffer, extents, cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref _usualTicks, ((Volatile.Read(ref _usualTicks) * 7) + Stopwatch.GetTimestamp() - begun) / 8);
                _buffers.Return(buffer);
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The client is gone or the server closes: the same end as an orderly one.
        }
        catch (Exception exception)
        {
            _finished.TrySetException(exception);
        }
        finally
        {
            if (hasTurn)
            {
                _receiving.Release();
            }

            Leave();
        }
    }

    // Passing the turn on costs a switch of threads. A short request on a disk that is quick, with nothing behind it, is done sooner than that.
    private bool MayKeepTurn(in NbdRequest request) =>
        request.Command is NbdCommand.Read or NbdCommand.Write
        && request.Flags == NbdCommandFlags.None
        && request.LengthBytes <= ShortBytes
        && Volatile.Read(ref _usualTicks) < s_quickTicks
        && _socket.Available == 0;

    // When everybody is busy and there may be more requests, one more worker waits for them.
    private void CallHelp(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _waiting) > 0)
        {
            return;
        }

        var workers = Volatile.Read(ref _workers);
        if (workers is > 0 and < MaximumWorkers && Interlocked.CompareExchange(ref _workers, workers + 1, workers) == workers)
        {
            _ = Task.Run(() => WorkAsync(cancellationToken), CancellationToken.None);
        }
    }

    private void Leave()
    {
        // Wakes the workers that wait for a request; their receive fails or finds the end of the stream.
        try
        {
            _socket.Shutdown(SocketShutdown.Receive);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Gone already, which is what was wanted.
        }

        if (Interlocked.Decrement(ref _workers) == 0)
        {
            _finished.TrySetResult();
        }
    }

    private ValueTask CarryOutAsync(NbdRequest request, TransferBuffer buffer, List<BlockExtent> extents, CancellationToken cancellationToken)
    {
        var fua = (request.Flags & NbdCommandFlags.ForceUnitAccess) != 0 ? WriteOptions.ForceUnitAccess : WriteOptions.None;
        var mayTrim = (request.Flags & NbdCommandFlags.NoHole) == 0 ? WriteOptions.MayTrim : WriteOptions.None;
        var isInside = request.IsInside(_export.Geometry.SizeBytes, _export.Geometry.LogicalSectorBytes);
        var offset = (long)request.OffsetBytes;
        switch (request.Command)
        {
            case NbdCommand.Read when isInside && request.LengthBytes <= NbdProtocol.MaximumPayloadBytes:
                return AnswerReadAsync(_export.Disk.ReadAsync(offset, buffer.Vector((int)request.LengthBytes)), request, buffer, cancellationToken);
            case NbdCommand.Write when isInside:
                return AnswerAsync(_export.Disk.WriteAsync(offset, buffer.Vector((int)request.LengthBytes), fua), request, buffer, cancellationToken);
            case NbdCommand.Flush:
                return AnswerAsync(_export.Disk.FlushAsync(), request, buffer, cancellationToken);
            case NbdCommand.Trim when isInside:
                return AnswerAsync(TrimAsync(offset, request.LengthBytes, fua), request, buffer, cancellationToken);
            case NbdCommand.WriteZeroes when isInside:
                return AnswerAsync(_export.Disk.WriteZeroesAsync(offset, request.LengthBytes, fua | mayTrim), request, buffer, cancellationToken);
            case NbdCommand.BlockStatus when isInside && _session.HasAllocationContext && request.LengthBytes > 0:
                extents.Clear();
                return AnswerBlockStatusAsync(request, buffer, extents, cancellationToken);
            default:
                return SendErrorAsync(request, NbdError.Invalid, buffer, cancellationToken);
        }
    }

    private async ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var status = await _export.Disk.TrimAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        return status == BlockStatus.Ok && options != WriteOptions.None ? await _export.Disk.FlushAsync().ConfigureAwait(false) : status;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AnswerAsync(ValueTask<BlockStatus> operation, NbdRequest request, TransferBuffer buffer, CancellationToken cancellationToken)
    {
        var status = await operation.ConfigureAwait(false);
        if (status != BlockStatus.Ok)
        {
            await SendErrorAsync(request, Translate(status), buffer, cancellationToken).ConfigureAwait(false);
        }
        else if (_session.HasStructuredReplies)
        {
            await SendChunkAsync(request, NbdChunk.None, 0, buffer, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await SendSimpleAsync(request, NbdError.None, 0, buffer, cancellationToken).ConfigureAwait(false);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AnswerReadAsync(ValueTask<BlockStatus> operation, NbdRequest request, TransferBuffer buffer, CancellationToken cancellationToken)
    {
        var status = await operation.ConfigureAwait(false);
        if (status != BlockStatus.Ok)
        {
            await SendErrorAsync(request, Translate(status), buffer, cancellationToken).ConfigureAwait(false);
        }
        else if (_session.HasStructuredReplies)
        {
            // The offset belongs to the chunk's payload and stands right before the data.
            BinaryPrimitives.WriteUInt64BigEndian(buffer.Memory.Span[(TransferBuffer.HeadBytes - 8)..], request.OffsetBytes);
            await SendChunkAsync(request, NbdChunk.OffsetData, (int)request.LengthBytes, buffer, cancellationToken, beforePayloadBytes: 8).ConfigureAwait(false);
        }
        else
        {
            await SendSimpleAsync(request, NbdError.None, (int)request.LengthBytes, buffer, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask AnswerBlockStatusAsync(NbdRequest request, TransferBuffer buffer, List<BlockExtent> extents, CancellationToken cancellationToken)
    {
        var end = (long)request.OffsetBytes + request.LengthBytes;
        var next = (long)request.OffsetBytes;
        var limit = (request.Flags & NbdCommandFlags.RequestOne) != 0 ? 1 : MaximumExtents;
        while (next < end && extents.Count < limit)
        {
            var status = await _export.Disk.MapExtentsAsync(next, end - next, extents).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                await SendErrorAsync(request, Translate(status), buffer, cancellationToken).ConfigureAwait(false);
                return;
            }

            next = extents[^1].OffsetBytes + extents[^1].LengthBytes;
        }

        var count = Math.Min(extents.Count, limit);
        WriteExtents(buffer.Memory.Span[TransferBuffer.HeadBytes..], extents, count);
        await SendChunkAsync(request, NbdChunk.BlockStatus, 4 + (count * 8), buffer, cancellationToken).ConfigureAwait(false);
    }

    private static void WriteExtents(Span<byte> payload, List<BlockExtent> extents, int count)
    {
        BinaryPrimitives.WriteUInt32BigEndian(payload, NbdProtocol.AllocationContextId);
        for (var i = 0; i < count; i++)
        {
            // The request's length has 32 bits, so an extent's has too; hole and zero have the protocol's own numbers.
            BinaryPrimitives.WriteUInt32BigEndian(payload[(4 + (i * 8))..], (uint)extents[i].LengthBytes);
            BinaryPrimitives.WriteUInt32BigEndian(payload[(8 + (i * 8))..], (uint)extents[i].Kind);
        }
    }

    private ValueTask SendErrorAsync(NbdRequest request, NbdError error, TransferBuffer buffer, CancellationToken cancellationToken)
    {
        if (!_session.HasStructuredReplies)
        {
            return SendSimpleAsync(request, error, 0, buffer, cancellationToken);
        }

        var payload = buffer.Memory.Span[TransferBuffer.HeadBytes..];
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(payload[4..], 0);
        return SendChunkAsync(request, NbdChunk.Error, 6, buffer, cancellationToken);
    }

    private ValueTask SendChunkAsync(
        NbdRequest request, NbdChunk kind, int payloadBytes, TransferBuffer buffer, CancellationToken cancellationToken, int beforePayloadBytes = 0)
    {
        const ushort done = 1;
        var start = TransferBuffer.HeadBytes - beforePayloadBytes - StructuredHeadBytes;
        var head = buffer.Memory.Span[start..];
        BinaryPrimitives.WriteUInt32BigEndian(head, NbdProtocol.StructuredReplyMagic);
        BinaryPrimitives.WriteUInt16BigEndian(head[4..], done);
        BinaryPrimitives.WriteUInt16BigEndian(head[6..], (ushort)kind);
        BinaryPrimitives.WriteUInt64BigEndian(head[8..], request.Cookie);
        BinaryPrimitives.WriteInt32BigEndian(head[16..], beforePayloadBytes + payloadBytes);
        return SendAsync(buffer.Memory.Slice(start, StructuredHeadBytes + beforePayloadBytes + payloadBytes), cancellationToken);
    }

    private ValueTask SendSimpleAsync(NbdRequest request, NbdError error, int payloadBytes, TransferBuffer buffer, CancellationToken cancellationToken)
    {
        const int start = TransferBuffer.HeadBytes - SimpleHeadBytes;
        var head = buffer.Memory.Span[start..];
        BinaryPrimitives.WriteUInt32BigEndian(head, NbdProtocol.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(head[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(head[8..], request.Cookie);
        return SendAsync(buffer.Memory.Slice(start, SimpleHeadBytes + payloadBytes), cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _socket.SendAllAsync(message, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    private static NbdError Translate(BlockStatus status) => status switch
    {
        BlockStatus.Ok => NbdError.None,
        BlockStatus.NoSpace => NbdError.NoSpace,
        BlockStatus.OutOfRange => NbdError.Invalid,
        BlockStatus.ReadOnly => NbdError.NotPermitted,
        BlockStatus.Unsupported => NbdError.NotSupported,
        BlockStatus.Closed => NbdError.ShuttingDown,
        _ => NbdError.InputOutput,
    };
}
