using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Platform.Memory;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// One request of a client, from the disk and back; reused. A read or write that completes at once never leaves the reactor's thread; one
/// that completes later does so on any thread and posts itself back. What may wait for the file system begins on a pool thread.
/// </summary>
internal sealed class NbdOperation : ReactorWork, IThreadPoolWorkItem
{
    private const int MaximumExtents = 1024;
    private readonly NbdConnection _connection;
    private readonly IoSegment[] _segment = new IoSegment[1];
    private readonly Action _completed;
    private ValueTaskAwaiter<BlockStatus> _awaiter;
    private NbdRequest _request;
    private NbdReplyRoom _room;
    private NbdBuffer? _payload;
    private List<BlockExtent>[]? _extents;
    private BlockStatus _status;

    public NbdOperation(NbdConnection connection)
    {
        _connection = connection;
        _completed = Completed;
    }

    /// <summary>The next of the free list.</summary>
    public NbdOperation? NextFree { get; set; }

    /// <summary>Bytes of payload that are held for it.</summary>
    public int HeldBytes => _request.Command is NbdCommand.Read or NbdCommand.Write ? (int)Math.Min(_request.LengthBytes, NbdProtocol.MaximumPayloadBytes) : 0;

    /// <summary>Sets what is asked; the payload of a write is at <paramref name="start"/> of <paramref name="payload"/>, which the operation releases.</summary>
    public void Set(in NbdRequest request, NbdBuffer? payload, int start)
    {
        _request = request;
        _payload = payload;
        if (payload is not null)
        {
            _segment[0] = payload.Segment(start, (int)request.LengthBytes);
        }
    }

    /// <summary>Begins; true when the reply is in the queue already.</summary>
    public bool Begin()
    {
        var export = _connection.Export;
        var isKnown = (_request.Flags & ~NbdCommandFlags.Known) == 0;
        var isInside = isKnown && _request.IsInside(export.Geometry.SizeBytes, export.Geometry.LogicalSectorBytes);
        var lengthBytes = (int)_request.LengthBytes;
        switch (_request.Command)
        {
            case NbdCommand.Read when isInside && _request.LengthBytes <= NbdProtocol.MaximumPayloadBytes:
                _room = _connection.Replies.Reserve(lengthBytes, isData: true);
                _segment[0] = _room.Buffer.Segment(_room.PayloadStart, lengthBytes);
                return FinishNow(export.Disk.ReadAsync((long)_request.OffsetBytes, new IoVector(_segment, lengthBytes)));
            case NbdCommand.Write when isInside:
                return FinishNow(export.Disk.WriteAsync((long)_request.OffsetBytes, new IoVector(_segment, lengthBytes), Durability));
            case NbdCommand.Flush when isKnown:
                return FinishNow(export.Disk.FlushAsync());
            case NbdCommand.BlockStatus when isInside && _connection.Session.Contexts.Count > 0 && _request.LengthBytes > 0:
            case NbdCommand.Trim or NbdCommand.WriteZeroes when isInside:
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return false;
            default:
                _connection.Replies.AddError(_request, NbdError.Invalid);
                ReleasePayload();
                return true;
        }
    }

    /// <summary>On a pool thread, where a call of the file system may take its time.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        if (Await(CarryOutSlowly()))
        {
            _connection.Reactor.Post(this);
        }
    }

    /// <summary>A later completion, back on the reactor.</summary>
    protected override void Run()
    {
        Finish();
        _connection.Complete(this);
    }

    private WriteOptions Durability => (_request.Flags & NbdCommandFlags.ForceUnitAccess) != 0 ? WriteOptions.ForceUnitAccess : WriteOptions.None;

    private ValueTask<BlockStatus> CarryOutSlowly() => _request.Command switch
    {
        NbdCommand.Trim => TrimAsync(),
        NbdCommand.WriteZeroes => _connection.Export.Disk.WriteZeroesAsync(
            (long)_request.OffsetBytes,
            _request.LengthBytes,
            Durability | ((_request.Flags & NbdCommandFlags.NoHole) == 0 ? WriteOptions.MayTrim : WriteOptions.None)),
        _ => MapAsync(),
    };

    private bool FinishNow(ValueTask<BlockStatus> operation)
    {
        if (!Await(operation))
        {
            return false;
        }

        Finish();
        return true;
    }

    private bool Await(ValueTask<BlockStatus> operation)
    {
        if (operation.IsCompletedSuccessfully)
        {
            _status = operation.Result;
            return true;
        }

        _awaiter = operation.GetAwaiter();
        _awaiter.UnsafeOnCompleted(_completed);
        return false;
    }

    private void Completed()
    {
        _status = _awaiter.GetResult();
        _awaiter = default;
        _connection.Reactor.Post(this);
    }

    private void Finish()
    {
        if (_connection.IsLost)
        {
            ReleaseRoom();
        }
        else if (_status != BlockStatus.Ok)
        {
            ReleaseRoom();
            _connection.Replies.AddError(_request, Translate(_status));
        }
        else if (_request.Command == NbdCommand.Read)
        {
            _connection.Replies.AddData(_request, _room);
            _room = default;
        }
        else if (_request.Command == NbdCommand.BlockStatus)
        {
            AddExtents();
        }
        else
        {
            _connection.Replies.AddDone(_request);
        }

        ReleasePayload();
    }

    private void ReleaseRoom()
    {
        if (_room.Buffer is not null)
        {
            NbdReplyQueue.GiveUp(_room);
            _room = default;
        }
    }

    private void ReleasePayload()
    {
        _payload?.Release();
        _payload = null;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> TrimAsync()
    {
        var disk = _connection.Export.Disk;
        var status = await disk.TrimAsync((long)_request.OffsetBytes, _request.LengthBytes).ConfigureAwait(false);
        return status == BlockStatus.Ok && Durability != WriteOptions.None ? await disk.FlushAsync().ConfigureAwait(false) : status;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> MapAsync()
    {
        var contexts = _connection.Session.Contexts;
        _extents ??= [.. contexts.Select(_ => new List<BlockExtent>())];
        for (var i = 0; i < contexts.Count; i++)
        {
            var extents = _extents[i];
            extents.Clear();
            var end = (long)_request.OffsetBytes + _request.LengthBytes;
            var next = (long)_request.OffsetBytes;
            var limit = (_request.Flags & NbdCommandFlags.RequestOne) != 0 ? 1 : MaximumExtents;
            while (next < end && extents.Count < limit)
            {
                var status = await contexts[i].MapAsync(next, end - next, extents).ConfigureAwait(false);
                if (status != BlockStatus.Ok)
                {
                    return status;
                }

                next = extents[^1].OffsetBytes + extents[^1].LengthBytes;
            }

            if (extents.Count > limit)
            {
                extents.RemoveRange(limit, extents.Count - limit);
            }
        }

        return BlockStatus.Ok;
    }

    // One chunk for each context: its number, then length and state of each extent.
    private void AddExtents()
    {
        for (var i = 0; i < _extents!.Length; i++)
        {
            var extents = _extents[i];
            var payloadBytes = 4 + (extents.Count * 8);
            var room = _connection.Replies.Reserve(payloadBytes, isData: false);
            var payload = room.Buffer.Span(room.PayloadStart, payloadBytes);
            BinaryPrimitives.WriteInt32BigEndian(payload, NbdMetaContext.IdOf(i));
            for (var k = 0; k < extents.Count; k++)
            {
                // The request's length has 32 bits, so an extent's has too; the numbers of the kinds are the protocol's.
                BinaryPrimitives.WriteUInt32BigEndian(payload[(4 + (k * 8))..], (uint)extents[k].LengthBytes);
                BinaryPrimitives.WriteUInt32BigEndian(payload[(8 + (k * 8))..], (uint)extents[k].Kind);
            }

            _connection.Replies.AddChunk(_request, NbdChunk.BlockStatus, room, payloadBytes, isLast: i == _extents.Length - 1);
        }
    }

    private static NbdError Translate(BlockStatus status) => status switch
    {
        BlockStatus.NoSpace => NbdError.NoSpace,
        BlockStatus.OutOfRange => NbdError.Invalid,
        BlockStatus.ReadOnly => NbdError.NotPermitted,
        BlockStatus.Unsupported => NbdError.NotSupported,
        BlockStatus.Closed => NbdError.ShuttingDown,
        _ => NbdError.InputOutput,
    };
}
