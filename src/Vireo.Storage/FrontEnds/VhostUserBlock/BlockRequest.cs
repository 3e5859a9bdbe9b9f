using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Platform.Memory;
using Vireo.Platform.Testing;
using Vireo.Vhost.Queues;

namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>
/// One request of a guest, from the ring and back. Reused for ever. An operation that completes later does so on any thread and posts
/// the request back to the reactor that owns the queue. What may wait for the file system, to discard and to zero, runs on a pool thread.
/// </summary>
internal sealed class BlockRequest : ReactorWork, IThreadPoolWorkItem
{
    private readonly VhostUserBlockDevice _device;
    private readonly byte[] _ranges = new byte[VirtioBlock.RangesMax * BlockRange.LengthInRequest];
    private readonly Action _operationCompleted;
    private ValueTaskAwaiter<BlockStatus> _operation;
    private VirtQueue _queue = null!;
    private IoSegment _statusByte;
    private BlockStatus _result;
    private uint _type;
    private int _dataBytes;
    private uint _usedBytes;
    private ulong _sector;
    private int _rangeCount;

    public BlockRequest(VhostUserBlockDevice device)
    {
        _device = device;
        _operationCompleted = OperationCompleted;
    }

    /// <summary>The buffers in guest memory.</summary>
    public DescriptorChain Chain { get; } = new();

    /// <summary>Where the request came from.</summary>
    public VirtQueue Queue => _queue;

    /// <summary>It failed before, see <see cref="HeldRequests"/>.</summary>
    public bool WasHeld { get; set; }

    /// <summary>Whether a failure of it may be tried again: everything but a flush.</summary>
    public bool MayBeHeld => _type != VirtioBlock.Flush;

    /// <summary>The next of the free list.</summary>
    public BlockRequest? NextFree { get; set; }

    /// <summary>Begins what the guest asked for in <see cref="Chain"/>.</summary>
    /// <returns>True when it is done already; false when <see cref="VhostUserBlockDevice.Completed"/> will be called.</returns>
    public bool Begin(VirtQueue queue)
    {
        _queue = queue;
        _rangeCount = 0;
        _dataBytes = 0;

        // virtio 1.2 5.2.6: le32 type, le32 reserved, le64 sector; the last writable byte is the status.
        Span<byte> header = stackalloc byte[16];
        if (!Chain.TryTakeReadable(header) || !Chain.TryTakeLastWritable(out _statusByte))
        {
            // Nowhere to say that it failed.
            queue.Push(Chain, 0);
            queue.Break(VirtQueueFault.DeviceProtocol);
            _device.Release(this);
            return true;
        }

        // The status is the last writable byte, so all of them count as written.
        _usedBytes = (uint)Chain.WritableBytes + 1;
        CrashPoint.Hit("blk.request.begun");
        _type = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (_type is VirtioBlock.Discard or VirtioBlock.WriteZeroes && TakeRanges())
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            return false;
        }

        _sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        return Await(Submit());
    }

    /// <summary>Does it once more from the beginning. On the reactor.</summary>
    public void TryAgain()
    {
        if (_rangeCount > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else if (Await(Submit()))
        {
            Run();
        }
    }

    /// <summary>Puts the status into the guest's memory and the request into the used ring, unless it waits for better times. On the reactor.</summary>
    public void Finish()
    {
        if (_result is BlockStatus.IoError or BlockStatus.NoSpace && _device.TryHold(this, _result))
        {
            return;
        }

        Complete();
    }

    /// <summary>The guest gets the result as it is. On the reactor.</summary>
    public void Complete()
    {
        var status = _result switch
        {
            BlockStatus.Ok => VirtioBlock.StatusOk,
            BlockStatus.Unsupported => VirtioBlock.StatusUnsupported,
            _ => VirtioBlock.StatusIoError,
        };
        _device.Count(_type, _result, _dataBytes);
        _statusByte.Span[0] = status;
        CrashPoint.Hit("blk.request.done");
        _queue.Push(Chain, _usedBytes);
        _device.Release(this);
    }

    /// <summary>On a pool thread.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        if (Await(CarryOutRangesAsync()))
        {
            _device.Reactor.Post(this);
        }
    }

    /// <summary>A later completion, back on the reactor.</summary>
    protected override void Run()
    {
        var queue = _queue;
        Finish();
        _device.Completed(queue);
    }

    private ValueTask<BlockStatus> Submit()
    {
        switch (_type)
        {
            case VirtioBlock.Read:
                _dataBytes = Chain.WritableBytes;
                return BlockRange.TryGetOffset(_sector, out var source)
                    ? _device.Disk.ReadAsync(source, new IoVector(Chain.WritableMemory, Chain.WritableBytes))
                    : new(BlockStatus.OutOfRange);
            case VirtioBlock.Write:
                _dataBytes = Chain.ReadableBytes;
                return BlockRange.TryGetOffset(_sector, out var target)
                    ? _device.Disk.WriteAsync(target, new IoVector(Chain.ReadableMemory, Chain.ReadableBytes), WriteOptions.None)
                    : new(BlockStatus.OutOfRange);
            case VirtioBlock.Flush:
                return _device.Disk.FlushAsync();
            case VirtioBlock.GetId:
                Chain.Write(_device.Id.AsSpan(0, Math.Min(Chain.WritableBytes, VirtioBlock.IdBytes)));
                return new(BlockStatus.Ok);
            default:
                return new(BlockStatus.Unsupported);
        }
    }

    private bool TakeRanges()
    {
        var length = Chain.ReadableBytes;
        if (length == 0 || length > _ranges.Length || length % BlockRange.LengthInRequest != 0)
        {
            return false;
        }

        _rangeCount = length / BlockRange.LengthInRequest;
        return Chain.TryTakeReadable(_ranges.AsSpan(0, length));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> CarryOutRangesAsync()
    {
        for (var i = 0; i < _rangeCount; i++)
        {
            if (!BlockRange.TryParse(_ranges.AsSpan(i * BlockRange.LengthInRequest, BlockRange.LengthInRequest), out var range)
                || (_type == VirtioBlock.Discard && range.MayTrim))
            {
                // 5.2.6.2: "The device MUST set the status byte to VIRTIO_BLK_S_UNSUPP for discard [...] if unmap is set", and for unknown flags.
                return BlockStatus.Unsupported;
            }

            var status = _type == VirtioBlock.Discard
                ? await _device.Disk.TrimAsync(range.OffsetBytes, range.LengthBytes).ConfigureAwait(false)
                : await _device.Disk.WriteZeroesAsync(range.OffsetBytes, range.LengthBytes, range.MayTrim ? WriteOptions.MayTrim : WriteOptions.None).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return status;
            }
        }

        return BlockStatus.Ok;
    }

    private bool Await(ValueTask<BlockStatus> operation)
    {
        if (operation.IsCompletedSuccessfully)
        {
            _result = operation.Result;
            return true;
        }

        _operation = operation.GetAwaiter();
        _operation.UnsafeOnCompleted(_operationCompleted);
        return false;
    }

    /// <summary>On whatever thread the storage below completes.</summary>
    private void OperationCompleted()
    {
        _result = _operation.GetResult();
        _operation = default;
        _device.Reactor.Post(this);
    }
}
